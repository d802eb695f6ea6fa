"""A registry as files of other programs have it, with its secret: on its way from one file to another, and never shown.

`docker_entries` and `docker_text` are about the `config.json` of Docker and the `auth.json` of Podman, which have one form
(registries.md §3.1, §3.3). Kanto's form is in `specs.kanto.registries`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.problem import Flaw, Path, path_text
from evenkeel.specs.reading.json_edit import object_text, with_value, without
from evenkeel.specs.reading.secrecy import HIDDEN, shown_host, shown_path
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import type_words
from evenkeel.specs.registries.login import LEFT_OUT, NO_PROGRAM, is_program, read_login
from evenkeel.specs.registries.registry import docker_key, normal_place, place_of_key

Form = Literal["docker", "podman", "kanto"]

_HOSTS = ("auths", "credHelpers", "registry_configurations")
"""Keys below which the keys are hosts."""
_WHOLE = "/"
"""A place with a path has it; a helper is for a whole host."""
_SECTIONS = ("auths", "credHelpers")
_STAYS = "with `--reference` both stay in the file"
_CREDENTIALS = "its credentials are left out; ask for the whole host in a document of its own"


class Entry(NamedTuple):
    """A file's entry about one place. `helper`: the program that is asked for the credentials. `token`: its secret is an
    identity token, which is no password. `ca`, `certificate`, `key`: paths. `mirrors` and `realms`: no file of
    another program has them here, so that they are told of. The text form shows nothing."""

    place: str
    user: str = ""
    password: str = ""
    helper: str = ""
    token: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""
    insecure: bool = False
    mirrors: tuple[str, ...] = ()
    realms: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Entry({self.place!r}, …)"


def form_of(value: Value) -> Form | None:
    """The form of a file by its keys; `None` when it is none of them. The forms of Docker and Podman are one."""
    if not isinstance(value, dict):
        return None
    if any(key in value for key in ("auths", "credHelpers", "credsStore")):
        return "docker"
    return "kanto" if any(key in value for key in ("containers", "manager", "things", "deployment")) else None


def shown_keys(path: Path) -> Path:
    """The path of a flaw for people. Places are shown; of other keys of hosts, which may have a user and a password, what
    stands behind an `@`."""
    shown = list(shown_path(path))
    for index, part in enumerate(path):
        if isinstance(part, str) and shown[index] == HIDDEN and (not index or path[index - 1] in _HOSTS):
            shown[index] = part if _normal(part) else shown_host(part) if "@" in part else HIDDEN
    return tuple(shown)


def docker_entries(value: Value, flaws: list[Flaw], *, copies: bool = True) -> tuple[Entry, ...]:
    """The places that have credentials, or a helper. `flaws` receives the others; no flaw repeats a value.

    `copies`: one source of credentials is taken out of the file for each place, and others beside it are flaws. Otherwise they
    stay in the file, where each counts at its turn, and an entry of `auths` comes as it is written."""
    fields = value if isinstance(value, dict) else {}
    found: dict[str, _At] = {}
    helpers: dict[str, _At] = {}
    store = _program(_said(fields, "credsStore", (), flaws), ("credsStore",), flaws)
    for key, suffix in _mapping(fields, "credHelpers", flaws).items():
        path: Path = ("credHelpers", key)
        place = _place(key, path, flaws)
        if place and isinstance(suffix, str) and suffix:
            if helper := _program(suffix, path, flaws):
                _keep(helpers, _At(Entry(place, helper=helper), path), flaws)
        elif place:
            flaws.append(Flaw(path, f"expected the name of a helper, got {type_words(suffix)}"))
    for key, entry in _mapping(fields, "auths", flaws).items():
        path = ("auths", key)
        place = _place(key, path, flaws)
        if place in helpers and entry == {}:
            continue  # as Docker writes it for a host whose credentials a helper has
        if place and (one := _auth(place, entry, path, flaws, store, copies=copies)) is not None:
            _keep(found, _At(one, path), flaws)
            if place in helpers:
                message = f"{path_text(shown_keys(helpers[place].path))} counts, and not this entry"
                flaws.append(Flaw(path, message, LEFT_OUT, warning=True))
    if store and not fields.get("auths") and not helpers:
        hint = f"`evenkeel registry add HOST --helper {store}` for each"
        flaws.append(Flaw(("credsStore",), "no hosts are named for which the helper is asked", hint, warning=True))
    return tuple(each.entry for each in (found | helpers).values())


class _At(NamedTuple):
    """An entry, and its path in the file."""

    entry: Entry
    path: Path


def _keep(found: dict[str, _At], new: _At, flaws: list[Flaw]) -> None:
    """Add an entry. Of two for one registry that under the usual key counts, as for Docker and Podman (registries.md §3)."""
    place = new.entry.place
    known = found.setdefault(place, new)
    if known.entry == new.entry:
        return
    is_usual, new_is = (each.path[-1] in (docker_key(place), place) for each in (known, new))
    counts, idle = (new, known) if new_is and not is_usual else (known, new)
    where = path_text(shown_keys(counts.path))
    if is_usual == new_is:
        flaws.append(Flaw(idle.path, f"`{place}` is there twice, and differs", f"keep one; the other is {where}"))
    else:
        flaws.append(Flaw(idle.path, f"{where} counts, and not this entry", LEFT_OUT, warning=True))
    found[place] = counts


def docker_text(text: str, entries: Iterable[Entry], flaws: list[Flaw], form: Form = "docker") -> str:
    """The file with these entries, and all else in it as it was written. "" is an empty file. An entry takes the place of those
    that the file has for the same place under any key, because one of them would count before it. Raises ValueError when the
    text is no JSON object. `flaws` receives what it cannot say."""
    changed = object_text(text)
    for entry in entries:
        flaws.extend(_unsaid(entry, form))
        if _WHOLE in entry.place and (entry.helper or (form == "docker" and (entry.password or entry.token))):
            what = "a helper" if entry.helper else "an entry"
            flaws.append(_left_out(entry, f"{what} is for a whole host there", _CREDENTIALS))
        elif entry.helper:
            changed = _with_program(changed, entry, form)
        elif entry.password:
            changed = _with_secret(changed, entry, form)
            if form == "docker" and (store := _text(_object(changed).get("credsStore"))):
                why = f"Docker asks `credsStore`, the helper {store}, and does not look at the entry"
                flaws.append(Flaw((entry.place,), why, f"put it there by `docker login {entry.place}`", warning=True))
    return changed


def _with_program(text: str, entry: Entry, form: Form) -> str:
    """Docker and Podman look for a helper by this one key alone."""
    usual = _key_for(entry.place, form)
    known = [(section, key) for section in _SECTIONS for key in _keys(text, section, entry.place)]
    for spot in known:
        if spot != ("credHelpers", usual):
            text = without(text, spot)
    return with_value(text, ("credHelpers", usual), entry.helper)


def _with_secret(text: str, entry: Entry, form: Form) -> str:
    for key in _keys(text, "credHelpers", entry.place):
        text = without(text, ("credHelpers", key))
    for key in _keys(text, "auths", entry.place) or [_key_for(entry.place, form)]:
        at = ("auths", key)
        if entry.token:
            text = with_value(text, (*at, "identitytoken"), entry.password)
        else:
            coded = base64.b64encode(f"{entry.user}:{entry.password}".encode()).decode()
            text = with_value(text, (*at, "auth"), coded)
            for former in ("username", "password", "identitytoken"):
                text = without(text, (*at, former))
    return text


def _unsaid(entry: Entry, form: Form) -> Iterator[Flaw]:
    """The parts of an entry that no file of this form has."""
    host, is_docker = entry.place.partition("/")[0], form == "docker"
    if entry.ca or entry.certificate:
        folder = f"/etc/{'docker' if is_docker else 'containers'}/certs.d/{host}"
        yield _left_out(entry, "the file has no certificates", f"put them into {folder}")
    if entry.insecure:
        where = "`insecure-registries` of daemon.json" if is_docker else "registries.conf, as `insecure`"
        yield _left_out(entry, "the file cannot say that it is insecure", f"add it to {where}")
    if is_docker and entry.place != DEFAULT_REGISTRY:
        hint = "Docker has mirrors of Docker Hub alone; name the mirror in the images"
    else:
        where = "`registry-mirrors` of daemon.json" if is_docker else "registries.conf, as `[[registry.mirror]]`"
        hint = f"add them to {where}"
    yield from unsaid_beyond(entry, form.title(), hint)


def unsaid_beyond(entry: Entry, program: str, for_mirrors: str) -> Iterator[Flaw]:
    """The parts of an entry that no other program has in a file with credentials. `for_mirrors`: the hint about those."""
    if entry.mirrors:
        yield _left_out(entry, "the file has no mirrors", for_mirrors)
    if entry.realms:
        hint = f"{program} sends the credentials wherever the registry says"
        yield _left_out(entry, "the file has no hosts that may have the credentials", hint)


def _left_out(entry: Entry, why: str, hint: str) -> Flaw:
    return Flaw((entry.place,), why, hint, warning=True)


def _keys(text: str, section: str, place: str) -> list[str]:
    """The keys by which a section of a file knows a place."""
    inner = _object(text).get(section)
    return [key for key in inner if _normal(key) == place] if isinstance(inner, dict) else []


def _object(text: str) -> dict[str, Value]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


def _key_for(place: str, form: Form) -> str:
    """The key of a place that is new in a file: Podman has Docker Hub by its name."""
    return docker_key(place) if form == "docker" else place


def _normal(key: str) -> str:
    try:
        return normal_place(place_of_key(key))
    except ValueError:
        return ""


def _place(key: str, path: Path, flaws: list[Flaw]) -> str:
    try:
        return normal_place(place_of_key(key))
    except ValueError as error:
        flaws.append(Flaw(path, str(error), LEFT_OUT, warning=True))
        return ""


def _auth(place: str, entry: Value, path: Path, flaws: list[Flaw], store: str, *, copies: bool) -> Entry | None:
    if not isinstance(entry, dict):
        flaws.append(Flaw(path, f"expected an object, got {type_words(entry)}"))
        return None
    if (login := read_login(entry, path, flaws)) is None:
        return None
    user, password, token = login
    coded, foreign = entry.get("auth"), entry.get("registrytoken")
    if (token or (user and password)) and store and copies and _WHOLE not in place:
        hint = f"{LEFT_OUT}; {_STAYS}, and without `credsStore` this entry is taken"
        flaws.append(
            Flaw(path, f"Docker asks `credsStore`, the helper {store}, and not this entry", hint, warning=True)
        )
        return Entry(place, helper=store)
    if token:
        if copies and password:
            key, hint = "auth" if coded else "password", f"{LEFT_OUT}; {_STAYS}"
            message = "`identitytoken` counts before it, where the registry gives tokens"
            flaws.append(Flaw((*path, key), message, hint, warning=True))
        return Entry(place, password=token, token=True)
    if user and password:
        return Entry(place, user, password)
    if user or not (password or coded or store or foreign):  # `read_login` tells of a password without a user
        lacks = "password" if user else "user and no password"
        flaws.append(Flaw(path, f"it has no {lacks}", LEFT_OUT, warning=True))
    return Entry(place, helper=store) if store and not (user or password or foreign) else None


def _program(name: str, path: Path, flaws: list[Flaw]) -> str:
    """The name of a helper, "" where it is none."""
    if name and not is_program(name):
        flaws.append(Flaw(path, NO_PROGRAM, "write `pass` for the program `docker-credential-pass`"))
        return ""
    return name


def _said(fields: dict[str, Value], key: str, above: Path, flaws: list[Flaw]) -> str:
    """The text at a key, "" when there is none."""
    found = fields.get(key)
    if found is not None and not isinstance(found, str):
        flaws.append(Flaw((*above, key), f"expected a text, got {type_words(found)}"))
    return _text(found)


def _mapping(fields: dict[str, Value], key: str, flaws: list[Flaw]) -> dict[str, Value]:
    found = fields.get(key)
    if found is None or isinstance(found, dict):
        return found or {}
    flaws.append(Flaw((key,), f"expected an object, got {type_words(found)}"))
    return {}


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


_NO_NAME = re.compile(r"[^a-zA-Z0-9_.-]+")


def subject_names(places: Iterable[str], taken: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """A name for the document of each place, which is none of those that are `taken`: the place, with `-` for what no name may
    have in it."""
    used = set(taken)
    for place in places:
        name = plain = _NO_NAME.sub("-", place).strip("-.") or "registry"
        number = 2
        while name in used:
            name, number = f"{plain}-{number}", number + 1
        used.add(name)
        yield place, name
