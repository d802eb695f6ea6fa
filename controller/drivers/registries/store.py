"""The credentials in force, for evenkeel's own pulls: `auth.json` in the state directory, in Docker's form.

    {"auths": {KEY: {"auth": base64}}, "references": {PLACE: "helper NAME" | "config PATH"}, "realms": {PLACE: [HOST]}}

A key is a place, and may have a path; Docker Hub's is that of Docker's files. `realms`: who may have the credentials of a place
beside its registry, which evenkeel looks at before it gives them to an engine. The folder is closed to others, and so is the
file. It is evenkeel's own: one that is damaged counts as empty, and what documents ask for is put there again.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

from evenkeel.controller.drivers.registries.json_text import parsed
from evenkeel.controller.drivers.registries.replacing import stamp, sweep
from evenkeel.controller.drivers.registries.values import Values
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.specs.registries.registry import docker_key

AUTH = "auth.json"


class Login(NamedTuple):
    """The credentials of one place. The text form shows nothing."""

    user: str = ""
    password: str = ""
    reference: str = ""

    def __repr__(self) -> str:
        return "Login(…)"


class _Content(NamedTuple):
    """The entries of the file: the forms of credentials by key, the others by place."""

    auths: dict[str, str]
    references: dict[str, str]
    realms: dict[str, list[str]]

    def __repr__(self) -> str:
        return "_Content(…)"

    def copy(self) -> _Content:
        return _Content(dict(self.auths), dict(self.references), dict(self.realms))


class Store:
    """The copies below a folder, which belongs to evenkeel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / AUTH
        self._known: tuple[object, _Content] = (None, _Content({}, {}, {}))

    def login(self, place: str) -> Login:
        """The credentials of a place, empty ones when there are none. Raises OSError."""
        now = self._read()
        if place in now.references:
            return Login(reference=now.references[place])
        return decoded(now.auths.get(docker_key(place), ""))

    def realms(self, place: str) -> tuple[str, ...]:
        """The hosts that may have the credentials of a place beside its own. Raises OSError."""
        return tuple(self._read().realms.get(place, ()))

    def put(self, place: str, values: Values) -> None:
        """Keep the credentials of a place, who may have them, and no others for it. Raises OSError."""
        old = self._read()
        new = old.copy()
        new.auths.pop(docker_key(place), None)
        new.references.pop(place, None)
        new.realms.pop(place, None)
        if values.reference:
            new.references[place] = values.reference
        elif values.password:
            new.auths[docker_key(place)] = encoded(values)
        if values.realms:
            new.realms[place] = list(values.realms)
        if new != old:
            auths = {key: {"auth": auth} for key, auth in new.auths.items()}
            content = {"auths": auths, "references": new.references, "realms": new.realms}
            close_folder(self.folder)
            sweep(self._file)
            write_atomically(self._file, json.dumps(content, indent=1).encode(), 0o600)

    def _read(self) -> _Content:
        """The entries. Each look at twenty registries needs them many times; nobody changes what this returns."""
        now = stamp(self._file)
        if now is None or self._known[0] != now:
            self._known = now, self._parsed()
        return self._known[1]

    def _parsed(self) -> _Content:
        try:
            found = parsed(self._file.read_text(encoding="utf-8", errors="replace"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            found = {}
        auths, references, realms = (_mapping(found, key) for key in ("auths", "references", "realms"))
        return _Content(
            {key: each["auth"] for key, each in auths.items() if isinstance(_mapping(auths, key).get("auth"), str)},
            {place: each for place, each in references.items() if isinstance(each, str)},
            {place: list(filter(_is_text, each)) for place, each in realms.items() if isinstance(each, list)},
        )


def _mapping(content: dict[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def close_folder(folder: Path) -> None:
    """Make a folder of evenkeel's that nobody else may enter. Raises OSError."""
    folder.mkdir(0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def encoded(values: Values | Login) -> str:
    """A user and a password as Docker's files have them."""
    return base64.b64encode(f"{values.user}:{values.password}".encode()).decode()


def decoded(auth: str) -> Login:
    """The user and the password in the form of Docker's files; none in a text that is none."""
    try:
        user, _, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except ValueError:
        return Login()
    return Login(user, password)
