"""The credentials in force, for evenkeel's own pulls: `auth.json` in the state directory, in Docker's form.

    {"auths": {KEY: {"auth": base64}}, "references": {PLACE: "helper NAME" | "config PATH"},
     "realms": {PLACE: [HOST]}, "insecure": [PLACE]}

A key is a place, and may have a path; Docker Hub's is that of Docker's files. `realms` are further hosts that may have the
credentials; what is `insecure` may be asked without encryption. Both are left out while they are empty. The folder is closed
to others, and so is the file. It is evenkeel's own: one that is damaged counts as empty, and what documents ask for is put
there again.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, NamedTuple

from evenkeel.controller.drivers.registries.lacks import Reason
from evenkeel.controller.drivers.registries.values import Values
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.bounded import read_regular
from evenkeel.controller.process.replacing import sweep
from evenkeel.specs.reading.json_edit import json_object
from evenkeel.specs.registries.observed import Facet
from evenkeel.specs.registries.registry import Registry, docker_key

AUTH = "auth.json"


class Login(NamedTuple):
    """The credentials of one place. The text form shows nothing."""

    user: str = ""
    password: str = ""
    reference: str = ""

    def __repr__(self) -> str:
        return "Login(…)"


class _Kept(NamedTuple):
    auths: dict[str, str]
    references: dict[str, str]
    realms: dict[str, list[str]]
    insecure: list[str]


class Store:
    """The copies below a folder, which belongs to evenkeel."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / AUTH
        self._error: OSError | None = None

    def lacks(self, registry: Registry, found: dict[Facet, str]) -> None:
        """Add the facets that cannot be kept for a registry, because the file could not be read the last time."""
        if self._error is None:
            return
        asked: dict[Facet, bool] = {
            "credentials": registry.has_credentials,
            "realms": bool(registry.realms),
            "insecure": registry.insecure,
        }
        for facet in (each for each in asked if asked[each]):
            with Reason(found, facet):
                raise self._error

    def login(self, place: str) -> Login:
        """The credentials of a place, empty ones when there are none, or when nobody can read the file."""
        kept = self._known()
        if place in kept.references:
            return Login(reference=kept.references[place])
        return decoded(kept.auths.get(docker_key(place), ""))

    def realms(self, place: str) -> tuple[str, ...]:
        """The further hosts that may have the credentials of a place."""
        return tuple(self._known().realms.get(place, ()))

    def put(self, place: str, values: Values) -> None:
        """Keep what a place is asked with, and nothing else for it. Raises OSError."""
        old, kept = self._parsed(), self._parsed()
        kept.auths.pop(docker_key(place), None)
        kept.references.pop(place, None)
        kept.realms.pop(place, None)
        if values.reference:
            kept.references[place] = values.reference
        elif values.password:
            kept.auths[docker_key(place)] = encoded(values)
        if values.realms:
            kept.realms[place] = list(values.realms)
        insecure = sorted({*kept.insecure, place} if values.insecure else {*kept.insecure} - {place})
        if (kept := kept._replace(insecure=insecure)) != old:
            self._write(kept)

    def _write(self, kept: _Kept) -> None:
        content: dict[str, object] = {
            "auths": {key: {"auth": auth} for key, auth in kept.auths.items()},
            "references": kept.references,
        }
        content |= {"realms": kept.realms} if kept.realms else {}
        content |= {"insecure": kept.insecure} if kept.insecure else {}
        close_folder(self.folder)
        sweep(self.file)
        write_atomically(self.file, json.dumps(content, indent=1).encode(), 0o600)

    def _known(self) -> _Kept:
        self._error = None
        try:
            return self._parsed()
        except OSError as error:
            self._error = error
            return _Kept({}, {}, {}, [])

    def _parsed(self) -> _Kept:
        try:
            found = json_object(read_regular(self.file).decode(errors="replace"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            found = {}
        auths, references, realms = (_mapping(found.get(key)) for key in ("auths", "references", "realms"))
        return _Kept(
            {
                key: each["auth"]
                for key, each in auths.items()
                if isinstance(each, dict) and isinstance(each.get("auth"), str)
            },
            {place: each for place, each in references.items() if isinstance(each, str)},
            {place: _texts(each) for place, each in realms.items()},
            _texts(found.get("insecure")),
        )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


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
