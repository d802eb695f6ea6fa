"""`daemon.json` of dockerd: registries that may be insecure, and mirrors of Docker Hub, in lists that are shared with others.

dockerd keeps what it has loaded of a key that is no longer there (seen with 20.10). So a list of evenkeel's that has become
empty stays until it was loaded, and goes then. A file that dockerd does not take over would keep it from starting the next
time: it is the former one again then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.registries.daemon import Daemon, Process
from evenkeel.controller.drivers.registries.ours import Ours, Record, SharedFile
from evenkeel.controller.process.recall import Recall
from evenkeel.controller.process.replacing import stamp, text_of
from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.reading.json_edit import json_object, object_text, with_item, without_item

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
        self._sound = Recall[None]()

    def of(self, places: Sequence[str]) -> dict[str, tuple[bool, tuple[str, ...]]]:
        """By place: whether it is insecure, and its mirrors, as far as that is evenkeel's and in force; without places of which
        nothing is. Raises OSError and Unavailable."""
        ours = self._record.read()
        asked = [place for place in places if place in ours.insecure or place in ours.mirrors]
        if not asked:
            return {}
        try:
            loaded = self._loaded()
        except Refused as error:
            raise Unavailable(error.element, error.message) from None
        return {
            place: (place in ours.insecure and place in loaded.insecure, _mirrors(place, ours, loaded))
            for place in asked
        }

    def check(self, key: str) -> None:
        """Raises Refused when a list cannot be changed, OSError, and Unavailable when dockerd does not answer."""
        process = self._daemon.own()
        file = self._file(process)
        self._sound.result(str(file), None, (stamp(file),), lambda: _check_text(file, text_of(file) or ""))
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
        self._known = None
        shared = SharedFile(file, self._record, (INSECURE, MIRRORS), 0o644)
        shared.change(after, partial(_merged, file), partial(self._load, process, before))

    def _load(self, process: Process, before: Ours, text: str, after: Ours) -> None:
        """Let dockerd go by the file, unless it does."""
        gone = set(before.entries.get(INSECURE, ())) - set(_list(text, INSECURE))
        mirrors = tuple(each.rstrip("/") for each in _list(text, MIRRORS))

        def is_loaded() -> bool:
            found = _told(self._daemon)
            fits = found.insecure.issuperset(after.insecure) and not gone & found.insecure
            return fits and (found.mirrors == mirrors or not (after.mirrors or before.mirrors))

        if not is_loaded():
            self._daemon.reload(process, is_loaded, self._file(process))

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


def _wanted(ours: Ours, key: str) -> Sequence[str]:
    return ours.insecure if key == INSECURE else ours.mirrors.get(DEFAULT_REGISTRY, [])


def _merged(file: Path, text: str, ours: Ours) -> tuple[str, Ours]:
    """The text of a file with all that is asked for in its lists, and nothing else of evenkeel's; and what of that is
    evenkeel's. Raises Refused."""
    _check_text(file, text)
    entries = dict[str, list[str]]()
    for key in (INSECURE, MIRRORS):
        added, there = ours.entries.get(key, []), _list(text, key)
        theirs = {each.rstrip("/") for each in there if each not in added}
        mine = [each for each in _wanted(ours, key) if each not in theirs]
        if mine != (present := [each for each in there if each in added]):
            for each in present:
                text = without_item(text, (key,), each)
            for each in mine:
                text = with_item(object_text(text), (key,), each)
        if mine:
            entries[key] = mine
    return text, replace(ours, entries=entries)


def _mirrors(place: str, ours: Ours, loaded: Loaded) -> tuple[str, ...]:
    """The mirrors that dockerd asks, of those that a place is to have: in the order of the document, but evenkeel's own are
    among themselves as dockerd has them. Others have put theirs where they want them."""
    there = [each for each in ours.mirrors.get(place, ()) if each in loaded.mirrors]
    own = {each for each in there if each in ours.entries.get(MIRRORS, ())}
    as_loaded = iter([each for each in loaded.mirrors if each in own])
    return tuple(next(as_loaded) if each in own else each for each in there)


def _check_text(file: Path, text: str) -> None:
    """Raises Refused for the text of a file without lists that can be changed."""
    try:
        found = json_object(text)
    except ValueError as error:
        raise Refused(f"file:{file}", f"{file} is not changed: {error}; correct it") from None
    for key in (INSECURE, MIRRORS):
        value = found.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise Refused(f"file:{file}", f"{file} is not changed: expected a list of texts at `{key}`; correct it")


def _list(text: str, key: str) -> list[str]:
    return list(json_object(text).get(key, []))
