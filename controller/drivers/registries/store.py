"""The credentials in force, for evenkeel's own pulls: `auth.json` in the state directory, in Docker's form.

    {"auths": {KEY: {"auth": base64}}, "references": {PLACE: "helper NAME" | "config PATH"}}

A key is a place, and may have a path; Docker Hub's is that of Docker's files. The folder is closed to others, and so is the
file. It is evenkeel's own: one that is damaged counts as empty, and what documents ask for is put there again.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.registries.json_text import parsed
from evenkeel.controller.drivers.registries.values import Values
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.replacing import sweep
from evenkeel.specs.registries.registry import docker_key

AUTH = "auth.json"


class Login(NamedTuple):
    """The credentials of one place. The text form shows nothing."""

    user: str = ""
    password: str = ""
    reference: str = ""

    def __repr__(self) -> str:
        return "Login(…)"


class Store:
    """The copies below a folder, which belongs to evenkeel."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / AUTH

    def login(self, place: str) -> Login:
        """The credentials of a place, empty ones when there are none. Raises OSError."""
        auths, references = self._parsed()
        if place in references:
            return Login(reference=references[place])
        return decoded(auths.get(docker_key(place), ""))

    def put(self, place: str, values: Values) -> None:
        """Keep the credentials of a place, and no others for it. Raises OSError."""
        auths, references = self._parsed()
        old = dict(auths), dict(references)
        auths.pop(docker_key(place), None)
        references.pop(place, None)
        if values.reference:
            references[place] = values.reference
        elif values.password:
            auths[docker_key(place)] = encoded(values)
        if (auths, references) != old:
            content = {"auths": {key: {"auth": auth} for key, auth in auths.items()}, "references": references}
            close_folder(self.folder)
            sweep(self.file)
            write_atomically(self.file, json.dumps(content, indent=1).encode(), 0o600)

    def _parsed(self) -> tuple[dict[str, str], dict[str, str]]:
        try:
            found = parsed(self.file.read_text(encoding="utf-8", errors="replace"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}, {}
        auths, references = found.get("auths"), found.get("references")
        entries = auths.items() if isinstance(auths, dict) else ()
        texts = references.items() if isinstance(references, dict) else ()
        return (
            {
                key: each["auth"]
                for key, each in entries
                if isinstance(each, dict) and isinstance(each.get("auth"), str)
            },
            {place: each for place, each in texts if isinstance(each, str)},
        )


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
