"""`registries.conf.d/50-evenkeel.conf`: the insecure places and the mirrors of Podman (containers-registries.conf(5)). The file
is evenkeel's alone; others beside it are read, and never changed.

A service of Podman's that runs keeps what it has read, until a signal tells it to read again (seen with 4.3).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from evenkeel.controller.drivers.registries.daemon import Daemon, Process
from evenkeel.controller.drivers.registries.ours import Record
from evenkeel.controller.process.bounded import read_regular
from evenkeel.controller.process.replacing import put_text, remove, stamp, text_of
from evenkeel.specs.errors import Refused, Unavailable

NAME = "50-evenkeel.conf"
_INFO = "/v4.0.0/libpod/info"


class Entry(NamedTuple):
    """The entry of one place. `mirrors`: addresses."""

    insecure: bool = False
    mirrors: tuple[str, ...] = ()


class ConfFile:
    """The file in a folder of drop-ins. Beside the folder is `registries.conf`."""

    def __init__(self, daemon: Daemon, record: Record, folder: Path) -> None:
        self._daemon, self._record, self._folder = daemon, record, folder
        self._file = folder / NAME
        self._known: tuple[object, Mapping[str, Entry]] | None = None
        self._of_others: tuple[object, Mapping[str, Path]] | None = None

    def of(self, places: Sequence[str]) -> Mapping[str, Entry]:
        """By place, evenkeel's values in force; without places that evenkeel has not put there. Raises OSError and
        Unavailable."""
        known = self._record.read().places
        asked = [place for place in places if place in known]
        if not asked:
            return {}
        try:
            loaded = self._loaded()
        except Refused as error:
            raise Unavailable(error.element, error.message) from None
        return {place: loaded[place] for place in asked if place in loaded}

    def theirs(self) -> Mapping[str, Path]:
        """The places for which others have entries, with their files. Raises Refused when nothing can be put in force, OSError,
        and Unavailable."""
        now = self._now()
        text_of(self._file)
        if self._of_others is None or self._of_others[0] != now:
            found = {place: file for file in self._others() for each in _tables(file) for place in _names(each)}
            self._of_others = now, found
        return self._of_others[1]

    def check(self, place: str, theirs: Mapping[str, Path]) -> None:
        """Raises Refused when others have an entry for a place."""
        if place in theirs:
            why = f"{theirs[place]} has an entry for {place}, which evenkeel's would take the place of"
            raise Refused(f"file:{theirs[place]}", f"{why}; remove it, or leave `insecure` and `mirrors` out")

    def put(self, place: str, entry: Entry) -> None:
        """Put this in force for a place, and nothing else of evenkeel's. Raises OSError, Refused and Unavailable."""
        ours, old = self._record.read(), text_of(self._file)
        before = parsed(old or "")
        after = {each: its for each, its in before.items() if each != place} | ({place: entry} if any(entry) else {})
        if before == after and place not in ours.places:
            return
        if any(entry):
            self.check(place, self.theirs())
        process = self._daemon.own()
        self._record.write(replace(ours, places=sorted({*before, *after, *ours.places})))
        if before != after:
            self._write(rendered(after))
        try:
            self._load(process, {*before, *ours.places}, after, is_new=before != after)
        except (Refused, Unavailable):
            self._write(old or "")
            raise
        self._record.write(replace(ours, places=sorted(after)))

    def _write(self, text: str) -> None:
        if text:
            put_text(self._file, text, 0o644)
        else:
            remove(self._file)

    def _load(self, process: Process, before: set[str], after: Mapping[str, Entry], *, is_new: bool) -> None:
        """Let Podman go by the file. An answer about itself takes it long; so it is not asked before a change."""
        theirs = self.theirs()

        def is_loaded() -> bool:
            found = _told(self._daemon)
            self._known = self._now(), found
            gone = before - set(after) - set(theirs)
            return all(found.get(place) == entry for place, entry in after.items()) and not gone & set(found)

        if is_new or not is_loaded():
            self._daemon.reload(process, is_loaded, self._file)

    def _loaded(self) -> Mapping[str, Entry]:
        """The entries that Podman goes by; asked once for each process and state of the files."""
        now = self._now()
        if self._known is None or self._known[0] != now:
            self._known = now, _told(self._daemon)
        return self._known[1]

    def _now(self) -> object:
        return self._daemon.own(), *map(stamp, (self._folder, self._file, *self._others()))

    def _others(self) -> tuple[Path, ...]:
        found = sorted(each for each in self._folder.glob("*.conf") if each.name != NAME)
        return (self._folder.parent / "registries.conf", *found)


def parsed(text: str) -> dict[str, Entry]:
    """The entries of a text that `rendered` has made. Text of somebody else in the file is not kept."""
    found = dict[str, Entry]()
    with suppress(tomllib.TOMLDecodeError, TypeError, KeyError, AttributeError):
        for each in tomllib.loads(text).get("registry", []):
            mirrors = tuple(_address(mirror["location"], mirror.get("insecure")) for mirror in each.get("mirror", []))
            found[each["prefix"]] = Entry(each.get("insecure") is True, mirrors)
    return found


def rendered(entries: Mapping[str, Entry]) -> str:
    """The text of the file; "" without entries."""
    lines = [line for place in sorted(entries) for line in _lines(place, entries[place])]
    return (
        "\n".join(["# Made by evenkeel, and made anew by it: what is changed here is lost.", *lines, ""])
        if lines
        else ""
    )


def _lines(place: str, entry: Entry) -> Iterator[str]:
    yield from ("", "[[registry]]", f"prefix = {_text(place)}", f"location = {_text(place)}")
    if entry.insecure:
        yield "insecure = true"
    for address in entry.mirrors:
        scheme, _, location = address.partition("://")
        yield from ("", "[[registry.mirror]]", f"location = {_text(location)}")
        if scheme == "http":
            yield "insecure = true"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _address(location: str, insecure: object) -> str:
    return f"{'http' if insecure is True else 'https'}://{location}"


def _told(daemon: Daemon) -> dict[str, Entry]:
    """All entries that Podman has loaded, also those of others."""
    found = dict[str, Entry]()
    tables = daemon.answer(_INFO).get("registries")
    for place, each in (tables if isinstance(tables, dict) else {}).items():
        if isinstance(each, dict):
            mirrors = [mirror for mirror in each.get("Mirrors") or () if isinstance(mirror, dict)]
            addresses = tuple(_address(str(mirror.get("Location")), mirror.get("Insecure")) for mirror in mirrors)
            found[place] = Entry(each.get("Insecure") is True, addresses)
    return found


def _tables(file: Path) -> Sequence[Mapping[str, Any]]:
    """The entries of a file of others; none in a folder, which Podman passes over. Raises OSError, and Refused when nobody can
    read them."""
    try:
        found = tomllib.loads(read_regular(file).decode()).get("registry", [])
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ()
    except ValueError as error:
        raise Refused(f"file:{file}", f"Podman cannot read {file}: {error}; correct it") from None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else ()


def _names(table: Mapping[str, Any]) -> list[str]:
    return [name for name in (table.get("prefix"), table.get("location")) if isinstance(name, str)]
