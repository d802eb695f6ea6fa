"""A registry as files of other programs have it, with its secret: on its way from one file to another, and never shown.

`docker_entries` and `docker_text` are about the `config.json` of Docker and the `auth.json` of Podman, which have one form
(registries.md §3.1, §3.3). Kanto's form is in `specs.kanto.registries`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.json_edit import object_text, with_value, without
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import type_words
from evenkeel.specs.registries.registry import docker_key, normal_place

Form = Literal["docker", "podman", "kanto"]

_WHOLE = "/"
"""A place with a path has it; a helper is for a whole host."""


class Entry(NamedTuple):
    """A file's entry about one place. `helper`: the program that is asked for the credentials. `token`: its secret is an
    identity token, which is no password. `ca`, `certificate`, `key`: paths. The text form shows nothing."""

    place: str
    user: str = ""
    password: str = ""
    helper: str = ""
    token: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""
    insecure: bool = False

    def __repr__(self) -> str:
        return f"Entry({self.place!r}, …)"


def form_of(value: Value) -> Form | None:
    """The form of a file by its keys; `None` when it is none of them. The forms of Docker and Podman are one."""
    if not isinstance(value, dict):
        return None
    if any(key in value for key in ("auths", "credHelpers", "credsStore")):
        return "docker"
    return "kanto" if any(key in value for key in ("containers", "manager", "things", "deployment")) else None


def docker_entries(value: Value, flaws: list[Flaw]) -> tuple[Entry, ...]:
    """The places that have credentials, or a helper. `flaws` receives the others; no flaw repeats a value."""
    fields = value if isinstance(value, dict) else {}
    found: dict[str, Entry] = {}
    for key, entry in _mapping(fields, "auths", flaws).items():
        path: Path = ("auths", key)
        place = _place(key, path, flaws)
        if place and (one := _auth(place, entry, path, flaws, _text(fields.get("credsStore")))) is not None:
            found.setdefault(place, one)
    for key, suffix in _mapping(fields, "credHelpers", flaws).items():
        path = ("credHelpers", key)
        place = _place(key, path, flaws)
        if place and isinstance(suffix, str) and suffix:
            found[place] = Entry(place, helper=suffix)
        elif place:
            flaws.append(Flaw(path, f"expected the name of a helper, got {type_words(suffix)}"))
    return tuple(found.values())


def docker_text(text: str, entries: Iterable[Entry], flaws: list[Flaw]) -> str:
    """The file with these entries, and all else in it as it was written. "" is an empty file. Raises ValueError when the text
    is no JSON object. `flaws` receives what it cannot say."""
    changed = object_text(text)
    for entry in entries:
        known = _known_key(changed, entry.place)
        if entry.helper:
            if _WHOLE in entry.place:
                why = "a helper is for a whole host there"
                flaws.append(Flaw((entry.place,), why, warning=True))
                continue
            changed = with_value(changed, ("credHelpers", known), entry.helper)
            changed = without(changed, ("auths", known)) if ("auths" in json.loads(changed)) else changed
        elif entry.token:
            changed = with_value(changed, ("auths", known, "identitytoken"), entry.password)
        elif entry.password:
            coded = base64.b64encode(f"{entry.user}:{entry.password}".encode()).decode()
            changed = with_value(changed, ("auths", known, "auth"), coded)
            for former in ("username", "password", "identitytoken"):
                changed = without(changed, ("auths", known, former))
    return changed


def _known_key(text: str, place: str) -> str:
    """The key by which a file knows a place already; else the usual one."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    for section in ("auths", "credHelpers"):
        inner = value.get(section)
        for key in inner if isinstance(inner, dict) else ():
            if _normal(key) == place:
                return str(key)
    return docker_key(place)


def _normal(key: str) -> str:
    try:
        return normal_place(key)
    except ValueError:
        return ""


def _place(key: str, path: Path, flaws: list[Flaw]) -> str:
    try:
        return normal_place(key)
    except ValueError as error:
        flaws.append(Flaw(path, str(error), "it is left out", warning=True))
        return ""


def _auth(place: str, entry: Value, path: Path, flaws: list[Flaw], store: str) -> Entry | None:
    if not isinstance(entry, dict):
        flaws.append(Flaw(path, f"expected an object, got {type_words(entry)}"))
        return None
    if token := _text(entry.get("identitytoken")):
        return Entry(place, password=token, token=True)
    user, password = _text(entry.get("username")), _text(entry.get("password"))
    if coded := _text(entry.get("auth")):
        try:
            user, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except ValueError:
            flaws.append(Flaw((*path, "auth"), "expected a user and a password in base64"))
            return None
    if password:
        return Entry(place, user, password.rstrip("\0"))
    return Entry(place, helper=store) if store else None


def _mapping(fields: dict[str, Value], key: str, flaws: list[Flaw]) -> dict[str, Value]:
    found = fields.get(key)
    if found is None or isinstance(found, dict):
        return found or {}
    flaws.append(Flaw((key,), f"expected an object, got {type_words(found)}"))
    return {}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def subject_names(places: Iterable[str], taken: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """A name for the document of each place, which is none of those that are `taken`: the place, with `-` for what no name may
    have in it."""
    used = set(taken)
    for place in places:
        name = plain = place.replace("/", "-").replace(":", "-").strip("[]") or "registry"
        number = 2
        while name in used:
            name, number = f"{plain}-{number}", number + 1
        used.add(name)
        yield place, name
