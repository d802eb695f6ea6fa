"""`auth.json` of Podman, for whatever pulls beside evenkeel: an entry for each place in `auths`, or the name of a helper in
`credHelpers` (containers-auth.json(5)). Other entries are those of others, and so is an entry that somebody has changed.

Credentials in a file of somebody cannot be expressed there; evenkeel's own pulls find them all the same.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from evenkeel.controller.drivers.registries.json_text import drop, parsed, put
from evenkeel.controller.drivers.registries.ours import Record
from evenkeel.controller.drivers.registries.replacing import put_text, remove, text_of
from evenkeel.controller.drivers.registries.store import Login, close_folder, encoded
from evenkeel.specs.errors import Refused

_AUTHS, _HELPERS = "auths", "credHelpers"
Spot = tuple[str, str]
"""The keys of an entry, one below the other."""


class AuthFile:
    """The file at a path."""

    def __init__(self, file: Path, record: Record) -> None:
        self.file, self._record = file, record

    def has(self, place: str, login: Login) -> bool:
        """Whether the entries of evenkeel's for a place are those of these credentials. A file that nobody can read has none.
        Raises OSError and Unavailable."""
        try:
            content = _content(text_of(self.file), self.file)
        except Refused:
            content = {}
        ours, wanted = self._record.read().entries, _entries(place, login)
        return all(
            _value(content, spot) == wanted.get(spot) or (spot not in wanted and not _is_ours(content, spot, ours))
            for spot in _spots(place)
        )

    def has_lost(self, place: str, login: Login) -> bool:
        """Whether nothing but the entry of these credentials is missing: Podman's folder is empty after each boot. Raises
        OSError and Unavailable."""
        wanted = _entries(place, login)
        try:
            content = _content(text_of(self.file), self.file)
        except Refused:
            return False
        return bool(wanted) and all(_value(content, spot) is None for spot in _spots(place))

    def check(self, place: str) -> None:
        """Raises Refused when the entries of a place cannot be changed, and OSError."""
        content, ours = _content(text_of(self.file), self.file), self._record.read().entries
        for spot in _spots(place):
            if _value(content, spot) is not None and not _is_ours(content, spot, ours):
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
        if wanted:
            self.check(place)
        old = text_of(self.file)
        content, text, made = _content(old, self.file), old or "", list(ours.made)
        for spot in known:
            if spot not in wanted and _is_ours(content, spot, ours.entries):
                text = drop(text, spot)
        for spot, value in wanted.items():
            made += [] if spot[0] in content else [spot[0]]
            if _value(content, spot) != value:
                text = put(text, spot, _form(spot, value))
        if old is None and text:
            made.append(str(self.file))
        others = {key: each for key, each in ours.entries.items() if key not in map(" ".join, _spots(place))}
        after = {**others, **{" ".join(spot): [value] for spot, value in wanted.items()}}
        either = {
            key: list(dict.fromkeys((*ours.entries.get(key, ()), *after.get(key, ()))))
            for key in {**ours.entries, **after}
        }
        self._record.write(replace(ours, entries=either, made=list(dict.fromkeys(made))))
        for key in (_AUTHS, _HELPERS):
            if key in made and parsed(text).get(key) == {}:
                text = drop(text, (key,))
        made = [key for key in made if key not in (_AUTHS, _HELPERS) or key in parsed(text)]
        if str(self.file) in made and not parsed(text):
            remove(self.file)
            made.remove(str(self.file))
        elif text != (old or ""):
            if not self.file.parent.exists():
                close_folder(self.file.parent)
            put_text(self.file, text, 0o600)
        self._record.write(replace(ours, entries=after, made=list(dict.fromkeys(made))))


def _entries(place: str, login: Login) -> dict[Spot, str]:
    """The entries for these credentials: encoded ones, or the name of a helper, which stands for whole hosts."""
    kind, _, name = login.reference.partition(" ")
    if kind == "helper" and "/" not in place:
        return {(_HELPERS, place): name}
    return {(_AUTHS, place): encoded(login)} if login.password else {}


def _spots(place: str) -> tuple[Spot, ...]:
    return ((_AUTHS, place), (_HELPERS, place)) if "/" not in place else ((_AUTHS, place),)


def _form(spot: Spot, value: str) -> object:
    return {"auth": value} if spot[0] == _AUTHS else value


def _value(content: dict[str, Any], spot: Spot) -> str | None:
    """The value of an entry; "" for one that evenkeel would not write, `None` for none."""
    found = content.get(spot[0], {}).get(spot[1])
    if spot[0] == _AUTHS and isinstance(found, dict) and set(found) == {"auth"}:
        found = found["auth"]
    return found if found is None or isinstance(found, str) else ""


def _is_ours(content: dict[str, Any], spot: Spot, ours: dict[str, list[str]]) -> bool:
    return _value(content, spot) in ours.get(" ".join(spot), ())


def _content(text: str | None, file: Path) -> dict[str, Any]:
    """The entries of a file. Raises Refused when it cannot be changed."""
    try:
        found = parsed(text or "")
    except ValueError as error:
        raise Refused(f"file:{file}", f"{file} is not changed: {error}; correct it") from None
    for key in (_AUTHS, _HELPERS):
        if not isinstance(found.get(key, {}), dict):
            raise Refused(f"file:{file}", f"{file} is not changed: expected an object at `{key}`; correct it")
    return found
