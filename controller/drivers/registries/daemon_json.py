"""`daemon.json` of dockerd: registries that may be insecure, and mirrors of Docker Hub, in lists that are shared with others.

dockerd keeps what it has loaded of a key that is no longer there (seen with 20.10). So a list of evenkeel's that has become
empty stays until it was loaded, and goes then. A file that dockerd does not take over would keep it from starting the next
time: it is the former one again then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.registries.daemon import Daemon, Process
from evenkeel.controller.drivers.registries.json_text import add_item, drop, drop_item, parsed
from evenkeel.controller.drivers.registries.ours import Ours, Record
from evenkeel.controller.drivers.registries.replacing import put_text, remove, stamp, text_of
from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.errors import Refused, Unavailable

INSECURE, MIRRORS = "insecure-registries", "registry-mirrors"
_FLAGS = {INSECURE: "insecure-registry", MIRRORS: "registry-mirror"}
USUAL = Path("/etc/docker/daemon.json")


class Loaded(NamedTuple):
    """The entries that dockerd goes by now. A mirror is without a slash at its end."""

    insecure: frozenset[str] = frozenset()
    mirrors: tuple[str, ...] = ()


class DaemonFile:
    """The file that a dockerd reads. `path`: `None` for the one that its command line names."""

    def __init__(self, daemon: Daemon, record: Record, path: Path | None) -> None:
        self._daemon, self._record, self._path = daemon, record, path
        self._known: tuple[object, Loaded] | None = None

    def of(self, place: str) -> tuple[bool, tuple[str, ...]]:
        """Whether a place is insecure, and its mirrors, as far as that is evenkeel's and in force. Raises OSError and
        Unavailable."""
        ours = self._record.read()
        if place not in ours.insecure and place not in ours.mirrors:
            return False, ()
        try:
            loaded = self._loaded()
        except Refused as error:
            raise Unavailable(error.element, error.message) from None
        mirrors = tuple(each for each in ours.mirrors.get(place, ()) if each in loaded.mirrors)
        added = set(ours.entries.get(MIRRORS, ()))
        its = tuple(each for each in loaded.mirrors if each in mirrors and each in added)
        if its != tuple(each for each in mirrors if each in added):
            mirrors = tuple(each for each in loaded.mirrors if each in mirrors)
        return place in ours.insecure and place in loaded.insecure, mirrors

    def check(self, key: str) -> None:
        """Raises Refused when a list cannot be changed, OSError, and Unavailable when dockerd does not answer."""
        process = self._daemon.own()
        _sound_text(self._file(process))
        if process.option(_FLAGS[key]) is not None:
            why = f"dockerd is started with --{_FLAGS[key]}, and does not start with `{key}` in its file beside that"
            raise Refused("engine:registries", f"{why}; write that into its file instead")

    def put(self, place: str, *, insecure: bool, mirrors: Sequence[str]) -> None:
        """Put this in force for a place, and nothing else of evenkeel's. Raises OSError, Refused and Unavailable."""
        before = self._record.read()
        after = _asking(before, place, insecure=insecure, mirrors=mirrors)
        if before == after and place not in before.insecure and place not in before.mirrors:
            return
        process = self._daemon.own()
        for key in (INSECURE, MIRRORS):
            if _wanted(after, key):
                self.check(key)
        file = self._file(process)
        old = _sound_text(file)
        new, after = _merged(old, after, file)
        self._record.write(_either(before, after))
        self._known = None
        if new != (old or ""):
            put_text(file, new, 0o644)
        try:
            self._load(process, new, before, after)
        except (Refused, Unavailable):
            if new != (old or ""):
                _put_back(file, old)
            raise
        self._tidy(file, new, after)

    def _load(self, process: Process, text: str, before: Ours, after: Ours) -> None:
        """Let dockerd go by the file, unless it does."""
        gone = set(before.entries.get(INSECURE, ())) - set(_list(text, INSECURE))
        mirrors = tuple(each.rstrip("/") for each in _list(text, MIRRORS))

        def is_loaded() -> bool:
            found = _told(self._daemon)
            fits = found.insecure.issuperset(after.insecure) and not gone & found.insecure
            return fits and (found.mirrors == mirrors or not (after.mirrors or before.mirrors))

        if not is_loaded():
            self._daemon.reload(process, is_loaded, self._file(process))

    def _tidy(self, file: Path, text: str, ours: Ours) -> None:
        """Take away what evenkeel has made and nobody needs, and record what is left."""
        made = list(ours.made)
        for key in (INSECURE, MIRRORS):
            if key in made and parsed(text).get(key, []) == []:
                text = drop(text, (key,))
                made.remove(key)
        if str(file) in made and not parsed(text):
            remove(file)
            made.remove(str(file))
        elif text != (text_of(file) or ""):
            put_text(file, text, 0o644)
        self._record.write(replace(ours, made=made))

    def _file(self, process: Process) -> Path:
        named = process.option("config-file")
        if self._path is None:
            return Path(named) if named else USUAL
        if named and Path(named) != self._path:
            why = f"dockerd reads {named}, and not {self._path}"
            raise Refused("engine:registries", f"{why}; set `registries.daemonFile` to it, or leave it out")
        return self._path

    def _loaded(self) -> Loaded:
        """The entries that dockerd goes by; asked once for each process and state of the file."""
        process = self._daemon.own()
        now = process, stamp(self._file(process))
        if self._known is None or self._known[0] != now:
            self._known = now, _told(self._daemon)
        return self._known[1]


def _told(daemon: Daemon) -> Loaded:
    found = daemon.answer().get("RegistryConfig")
    indexes = found.get("IndexConfigs") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(indexes, dict):
        raise Unavailable("engine:registries", "the engine does not tell which registries it trusts (GET /info)")
    insecure = frozenset(
        host for host, each in indexes.items() if isinstance(each, dict) and each.get("Secure") is False
    )
    mirrors = found.get("Mirrors")
    texts = mirrors if isinstance(mirrors, list) else []
    return Loaded(insecure, tuple(each.rstrip("/") for each in texts if isinstance(each, str)))


def _asking(ours: Ours, place: str, *, insecure: bool, mirrors: Sequence[str]) -> Ours:
    """The entries that are asked for once this is asked for at a place."""
    others = {each: its for each, its in ours.mirrors.items() if each != place}
    return replace(
        ours,
        insecure=sorted({*ours.insecure, place} if insecure else {*ours.insecure} - {place}),
        mirrors={**others, place: list(mirrors)} if mirrors else others,
    )


def _wanted(ours: Ours, key: str) -> list[str]:
    return ours.insecure if key == INSECURE else ours.mirrors.get(DEFAULT_REGISTRY, [])


def _merged(old: str | None, ours: Ours, file: Path) -> tuple[str, Ours]:
    """The text with all that is asked for in its lists, and nothing else of evenkeel's; and what of that is evenkeel's."""
    text, entries, made = old or "", dict[str, list[str]](), list(ours.made)
    for key in (INSECURE, MIRRORS):
        added, there = ours.entries.get(key, []), _list(text, key)
        theirs = {each.rstrip("/") for each in there if each not in added}
        mine = [each for each in _wanted(ours, key) if each not in theirs]
        if mine != (present := [each for each in there if each in added]):
            for each in present:
                text = drop_item(text, key, each)
            if mine and key not in parsed(text):
                made.append(key)
            for each in mine:
                text = add_item(text, key, each)
        if mine:
            entries[key] = mine
    if old is None and text:
        made.append(str(file))
    return text, replace(ours, entries=entries, made=list(dict.fromkeys(made)))


def _either(one: Ours, other: Ours) -> Ours:
    """The entries that may be evenkeel's while one becomes the other."""

    def of_both(these: Mapping[str, list[str]], those: Mapping[str, list[str]]) -> dict[str, list[str]]:
        keys = dict.fromkeys((*those, *these))
        return {key: list(dict.fromkeys((*those.get(key, ()), *these.get(key, ())))) for key in keys}

    return replace(
        other,
        insecure=sorted({*one.insecure, *other.insecure}),
        mirrors=of_both(one.mirrors, other.mirrors),
        entries=of_both(one.entries, other.entries),
        made=list(dict.fromkeys((*one.made, *other.made))),
    )


def _sound_text(file: Path) -> str | None:
    """The text of a file with lists that can be changed; `None` when it is not there. Raises Refused for another one, and
    OSError."""
    text = text_of(file)
    try:
        found = parsed(text or "")
    except ValueError as error:
        raise Refused(f"file:{file}", f"{file} is not changed: {error}; correct it") from None
    for key in (INSECURE, MIRRORS):
        value = found.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise Refused(f"file:{file}", f"{file} is not changed: expected a list of texts at `{key}`; correct it")
    return text


def _list(text: str, key: str) -> list[str]:
    return list(parsed(text).get(key, []))


def _put_back(file: Path, old: str | None) -> None:
    if old is None:
        remove(file)
    else:
        put_text(file, old, 0o644)
