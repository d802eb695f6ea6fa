"""The part of one file with credentials about a place: `auths`, `credHelpers` and `credsStore` of Docker's config.json and
Podman's auth.json, and the registries of Kanto's config.json. No program is asked here.

Formats: registries.md §1.2, §3.1, §3.3. Of an entry that says several things that counts which counts for Docker (CLI 28.2) and
Podman (4.3): `auth` before `username` and `password`. An identity token is for servers that give tokens, a password beside it
for other registries.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from evenkeel.controller.process.bounded import read_regular
from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.problem import path_text
from evenkeel.specs.reading.sound import foreign_json
from evenkeel.specs.reading.walk import type_words
from evenkeel.specs.registries.entry import shown_keys
from evenkeel.specs.registries.login import login_of, user_fault
from evenkeel.specs.registries.registry import HUB_KEY, covers, place_of_key

_NO_CHARACTER = "it has U+FFFD, which stands for what is no character, and is sent as it is"


class Credentials(NamedTuple):
    """The credentials for a registry: a user with a password, an identity token, or both. The text form shows nothing.
    `realms`: the hosts that a document lets have them beside the registry; `None` where no document is about them."""

    server: str
    username: str = ""
    password: str = ""
    identity_token: str = ""
    realms: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"Credentials(server={self.server!r}, …)"


class KeptCredentials(NamedTuple):
    """A file's own part about a place, for which no program was asked. `helper`: the program that is asked first, `named_by`
    that key of the file; "" for none. `is_only`: the credentials beside the helper count for no engine while it can be asked.
    `at`: the place of the credentials in the file. `doubts`: parts that do not count, as clauses with their places. The text
    form shows no secret."""

    credentials: Credentials | None = None
    helper: str = ""
    named_by: str = ""
    is_only: bool = False
    at: str = ""
    doubts: tuple[str, ...] = ()


def kept_for(place: str, path: Path) -> KeptCredentials:
    """The part of one file about a place. Of several keys that cover it the longest counts. Raises Unavailable when the file
    cannot be read, or has something there that no login can express."""
    config, server = read(path), server_of(place)
    helpers = mapping(config, "credHelpers")
    stored = stored_in(config, place, server, path)
    kept = KeptCredentials(stored.credentials, at=f"`{stored.at}` of {path}", doubts=stored.doubts)
    for name in covering(helpers, place, server):
        if (helper := text_at(helpers, name, path, "credHelpers")) and len(place_of_key(name)) >= stored.reach:
            return kept._replace(helper=helper, named_by=f"`credHelpers.{name}` of {path}", is_only=True)
    if (helper := text_at(config, "credsStore", path)) and stored.reach <= len(place_of_key(server)):
        return kept._replace(helper=helper, named_by=f"`credsStore` of {path}")
    return kept


def read(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is no file. Raises Unavailable."""
    try:
        config = foreign_json(read_regular(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise _unusable(path, f"cannot be read: {reason}") from None
    return config if isinstance(config, dict) else {}


def mapping(config: dict[str, Any], key: str) -> dict[str, Any]:
    """The object at a key; an empty one where there is none."""
    found = config.get(key)
    return found if isinstance(found, dict) else {}


def text_at(fields: dict[str, Any], key: str, path: Path, *above: str) -> str:
    """The text at a key, "" when there is none. Raises Unavailable for another type: its Python form would become the
    name of a program, or a password."""
    value = fields.get(key)
    if value is None or isinstance(value, str):
        return value or ""
    what = f"expected a text at `{'.'.join((*above, key))}`, got {type_words(value)}"
    raise _unusable(path, f"cannot be read: {what}")


def server_of(place: str) -> str:
    """The name by which Docker's helpers know a registry."""
    host = place_of_key(place).partition("/")[0]
    return HUB_KEY if host == DEFAULT_REGISTRY else host


def covering(fields: Iterable[str], place: str, server: str) -> list[str]:
    """The keys that cover a place, the longest first; of equal ones the usual form."""
    wanted = place_of_key(place)
    found = [name for name in fields if covers(place_of_key(name), wanted)]
    return sorted(found, key=lambda name: (-len(place_of_key(name)), name not in (server, place_of_key(name)), name))


class StoredCredentials(NamedTuple):
    """Credentials that are in a file itself. `reach`: the length of their place, 0 without any; `name`: its key; `at` and
    `doubts` as in `KeptCredentials`."""

    credentials: Credentials | None = None
    reach: int = 0
    name: str = ""
    at: str = ""
    doubts: tuple[str, ...] = ()


def stored_in(config: dict[str, Any], place: str, server: str, path: Path) -> StoredCredentials:
    """The credentials in the object of a file. Raises Unavailable."""
    auths = mapping(config, "auths")
    kanto = mapping(mapping(config, "containers"), "registry_configurations")
    doubts: list[str] = []
    for name in covering({**kanto, **auths}, place, server):
        own = _entry(auths, name, server, path, doubts)
        found = own or _entry_of_kanto(kanto, name, server, path)
        if found is not None:
            at = path_text(shown_keys(("auths", name) if own is not None else (*_KANTO, name)))
            if any("\ufffd" in each for each in (found.username, found.password, found.identity_token)):
                doubts.append(f"`{at}` of {path}: {_NO_CHARACTER}")
            return StoredCredentials(found, len(place_of_key(name)), name, at, tuple(doubts))
    return StoredCredentials(doubts=tuple(doubts))


_KANTO = ("containers", "registry_configurations")


def _entry(auths: dict[str, Any], name: str, server: str, path: Path, doubts: list[str]) -> Credentials | None:
    entry, above = auths.get(name), ("auths", name)
    if not isinstance(entry, dict):
        return None
    token, coded, user, password = (
        text_at(entry, key, path, *above) for key in ("identitytoken", "auth", "username", "password")
    )

    def doubt(key: str, why: str) -> None:
        doubts.append(f"`{path_text(shown_keys((*above, key)))}` of {path}: {why}")

    if coded:
        written = (("username", user), ("password", password))
        try:
            user, password = login_of(coded)
        except ValueError as error:
            raise _unusable(path, f"cannot be used: {error}, at `{path_text(shown_keys((*above, 'auth')))}`") from None
        for (key, text), counts in zip(written, (user, password), strict=True):
            if text not in ("", counts):
                doubt(key, "`auth` counts, and not this")
        if not user:
            doubt("auth", "it has no user")
    else:
        _check_user(user, path, *above, "username")
    if entry.get("registrytoken"):
        doubt("registrytoken", "evenkeel asks with a password or an identity token, and not with a bearer token")
    if token:  # Azure writes it beside a user without a password
        return Credentials(server, user if password else "", password if user else "", token)
    return Credentials(server, user, password) if user else None


def _entry_of_kanto(kanto: dict[str, Any], name: str, server: str, path: Path) -> Credentials | None:
    """An entry of Kanto's container-management (registries.md §1.2)."""
    entry, above = kanto.get(name), (*_KANTO, name, "credentials")
    fields = mapping(entry, "credentials") if isinstance(entry, dict) else {}
    if user := text_at(fields, "user_id", path, *above):
        _check_user(user, path, *above, "user_id")
        return Credentials(server, user, text_at(fields, "password", path, *above))
    return None


def _check_user(user: str, path: Path, *at: str) -> None:
    if fault := user_fault(user):
        raise _unusable(path, f"cannot be used: {fault}, at `{path_text(shown_keys(at))}`")


def _unusable(path: Path, why: str) -> Unavailable:
    return Unavailable(f"file:{path}", f"registry credentials in {path} {why}")
