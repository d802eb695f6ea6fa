"""The part of one file with credentials about a place: `auths`, `credHelpers` and `credsStore` of Docker's config.json and
Podman's auth.json, and the registries of Kanto's config.json. No program is asked here.

Formats: registries.md §1.2, §3.1, §3.3. `specs.registries.login` has the rules for an entry of `auths`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from evenkeel.controller.process.bounded import read_regular
from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.problem import Flaw, path_text
from evenkeel.specs.reading.sound import foreign_json
from evenkeel.specs.reading.walk import type_words
from evenkeel.specs.registries.entry import shown_keys
from evenkeel.specs.registries.login import Login, read_login, user_fault
from evenkeel.specs.registries.registry import HUB_KEY, covers, place_of_key

_NO_CHARACTER = "it has U+FFFD, which may stand for half of a character, and is sent with it"


class KeptCredentials(NamedTuple):
    """A file's own part about a place, for which no program was asked. `helper`: the program that is asked first, `named_by`
    that key of the file; "" for none. `is_only`: the credentials beside the helper count for no engine while it can be asked.
    `at`: the place of the credentials in the file. `doubts`: parts that do not count, or that have half of a character, as
    clauses with their places. The text form shows no secret."""

    credentials: Login | None = None
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
        raise Unavailable(f"file:{path}", f"registry credentials in {path} cannot be read: {reason}") from None
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
    raise _unusable(path, f"expected a text, got {type_words(value)}", *above, key)


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

    credentials: Login | None = None
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
        own = _entry(auths, name, path, doubts)
        found = own or _entry_of_kanto(kanto, name, path)
        if found is not None:
            at = path_text(shown_keys(("auths", name) if own is not None else (*_KANTO, name)))
            if any("\ufffd" in each for each in found):
                doubts.append(f"`{at}` of {path}: {_NO_CHARACTER}")
            return StoredCredentials(found, len(place_of_key(name)), name, at, tuple(doubts))
    return StoredCredentials(doubts=tuple(doubts))


_KANTO = ("containers", "registry_configurations")


def _entry(auths: dict[str, Any], name: str, path: Path, doubts: list[str]) -> Login | None:
    entry, flaws = auths.get(name), list[Flaw]()
    if not isinstance(entry, dict):
        return None
    login = read_login(entry, ("auths", name), flaws)
    for flaw in flaws:
        if not flaw.warning:
            raise _unusable(path, flaw.message, *flaw.path)
        doubts.append(f"`{path_text(shown_keys(flaw.path))}` of {path}: {flaw.message}")
    return login if login is not None and (login.username or login.identity_token) else None


def _entry_of_kanto(kanto: dict[str, Any], name: str, path: Path) -> Login | None:
    """An entry of Kanto's container-management (registries.md §1.2)."""
    entry, above = kanto.get(name), (*_KANTO, name, "credentials")
    fields = mapping(entry, "credentials") if isinstance(entry, dict) else {}
    if not (user := text_at(fields, "user_id", path, *above)):
        return None
    if fault := user_fault(user):
        raise _unusable(path, fault, *above, "user_id")
    return Login(user, text_at(fields, "password", path, *above))


def _unusable(path: Path, why: str, *at: str | int) -> Unavailable:
    where = path_text(shown_keys(at))
    return Unavailable(f"file:{path}", f"registry credentials in {path} cannot be used: {why}, at `{where}`")
