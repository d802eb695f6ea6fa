"""`auth.json` of Podman, for whatever pulls beside evenkeel: an entry for each place in `auths`, or the name of a helper in
`credHelpers` (containers-auth.json(5)). Other entries are those of others, and so is an entry that somebody has changed.

Credentials in a file of somebody cannot be expressed there; evenkeel's own pulls find them all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from evenkeel.controller.drivers.registries.ours import Ours, Record, SharedFile
from evenkeel.controller.drivers.registries.store import Login, encoded
from evenkeel.controller.process.replacing import text_of
from evenkeel.specs.errors import Refused
from evenkeel.specs.reading.json_edit import json_object, object_text, with_value, without
from evenkeel.specs.reading.tree import Value

_AUTHS, _HELPERS = "auths", "credHelpers"
Spot = tuple[str, str]
"""The keys of an entry, one below the other."""


class AuthFile:
    """The file at a path."""

    def __init__(self, file: Path, record: Record) -> None:
        self.file, self._record = file, record
        self._shared = SharedFile(file, record, (_AUTHS, _HELPERS), 0o600)

    def has(self, place: str, login: Login) -> bool:
        """Whether the entries of evenkeel's for a place are those of these credentials. A file that nobody can read has none.
        Raises Unavailable."""
        try:
            content = _content(text_of(self.file), self.file)
        except (Refused, OSError):
            content = {}
        ours, wanted = self._record.read().entries, _entries(place, login)
        return all(
            _value(content, spot) == wanted.get(spot) or (spot not in wanted and not _is_ours(content, spot, ours))
            for spot in _spots(place)
        )

    def missing(self, places: Sequence[str]) -> list[str]:
        """The places that have no entry: Podman's folder is empty after each boot. A file that nobody can read is not empty."""
        try:
            content = _content(text_of(self.file), self.file)
        except (Refused, OSError):
            return []
        return [place for place in places if all(_value(content, spot) is None for spot in _spots(place))]

    def theirs(self) -> frozenset[Spot]:
        """The entries of others. Raises Refused when the file cannot be changed, and OSError."""
        return _theirs(_content(text_of(self.file), self.file), self._record.read().entries)

    def check(self, place: str, theirs: Collection[Spot]) -> None:
        """Raises Refused when others have an entry for a place."""
        for spot in _spots(place):
            if spot in theirs:
                why = f"{self.file} has an entry for {spot[1]} in `{spot[0]}` that evenkeel has not written"
                remedy = f"`podman logout {spot[1]}` takes it away" if spot[0] == _AUTHS else "remove it"
                raise Refused(f"file:{self.file}", f"{why}; {remedy}")

    def put(self, place: str, login: Login) -> None:
        """Put the entries of these credentials there, and no others of evenkeel's for the place. Raises OSError, Refused and
        Unavailable."""
        wanted, ours = _entries(place, login), self._record.read()
        known = [spot for spot in _spots(place) if " ".join(spot) in ours.entries]
        if not wanted and not known:
            return
        self._shared.change(ours, partial(self._merged, place, wanted))

    def _merged(self, place: str, wanted: Mapping[Spot, str], text: str, ours: Ours) -> tuple[str, Ours]:
        """The text with these entries for a place, and no others of evenkeel's. Raises Refused."""
        content = _content(text, self.file)
        if wanted:
            self.check(place, _theirs(content, ours.entries))
        for spot in _spots(place):
            if spot not in wanted and _is_ours(content, spot, ours.entries):
                text = without(text, spot)
        for spot, value in wanted.items():
            if _value(content, spot) != value:
                text = with_value(object_text(text), spot, _form(spot, value))
        others = {key: each for key, each in ours.entries.items() if key not in map(" ".join, _spots(place))}
        return text, replace(ours, entries={**others, **{" ".join(spot): [value] for spot, value in wanted.items()}})


def _theirs(content: dict[str, Any], ours: Mapping[str, Sequence[str]]) -> frozenset[Spot]:
    spots = {(section, key) for section in (_AUTHS, _HELPERS) for key in content.get(section, ())}
    return frozenset(spot for spot in spots if not _is_ours(content, spot, ours))


def has_entries(place: str, login: Login) -> bool:
    """Whether these credentials are to have an entry."""
    return bool(_entries(place, login))


def _entries(place: str, login: Login) -> dict[Spot, str]:
    """The entries for these credentials: encoded ones, or the name of a helper, which stands for whole hosts."""
    kind, _, name = login.reference.partition(" ")
    if kind == "helper" and "/" not in place:
        return {(_HELPERS, place): name}
    return {(_AUTHS, place): encoded(login)} if login.password else {}


def _spots(place: str) -> tuple[Spot, ...]:
    return ((_AUTHS, place), (_HELPERS, place)) if "/" not in place else ((_AUTHS, place),)


def _form(spot: Spot, value: str) -> Value:
    return {"auth": value} if spot[0] == _AUTHS else value


def _value(content: dict[str, Any], spot: Spot) -> str | None:
    """The value of an entry; "" for one that evenkeel would not write, `None` for none."""
    found = content.get(spot[0], {}).get(spot[1])
    if spot[0] == _AUTHS and isinstance(found, dict) and set(found) == {"auth"}:
        found = found["auth"]
    return found if found is None or isinstance(found, str) else ""


def _is_ours(content: dict[str, Any], spot: Spot, ours: Mapping[str, Sequence[str]]) -> bool:
    return _value(content, spot) in ours.get(" ".join(spot), ())


def _content(text: str | None, file: Path) -> dict[str, Any]:
    """The entries of a file. Raises Refused when it cannot be changed."""
    try:
        found = json_object(text or "")
    except ValueError as error:
        raise Refused(f"file:{file}", f"{file} is not changed: {error}; correct it") from None
    for key in (_AUTHS, _HELPERS):
        if not isinstance(found.get(key, {}), dict):
            raise Refused(f"file:{file}", f"{file} is not changed: expected an object at `{key}`; correct it")
    return found
