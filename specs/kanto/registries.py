"""Registries in the `config.json` of Kanto's container-management, both ways (registries.md §1.2, §2.1).

`containers.registry_configurations` has credentials and certificates by host, `containers.insecure_registries` the hosts that
need no encryption. Kanto's default for the latter, `localhost` alone, says nothing about a registry and is left out. Its
documents name the file as the place of the credentials: the password is asked for at each pull, and is in no document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.desired import Decoded, Document, Draft
from evenkeel.specs.problem import Flaw, Path, Place, Problem, Problems, Severity, path_text
from evenkeel.specs.reading.json_edit import object_text, with_value, without
from evenkeel.specs.reading.text import read_trees
from evenkeel.specs.reading.tree import Tree, Value, nearest_position
from evenkeel.specs.reading.walk import type_words
from evenkeel.specs.registries.entry import Entry, shown_keys, subject_names, unsaid_beyond
from evenkeel.specs.registries.login import user_fault
from evenkeel.specs.registries.registry import Registry, normal_place

HOSTS = ("containers", "registry_configurations")
INSECURE = ("containers", "insecure_registries")
CONFIG_JSON = "/etc/container-management/config.json"
_DEFAULT_INSECURE = ["localhost"]
_TRANSPORT = {"root_ca": "ca", "client_cert": "certificate", "client_key": "key"}
_ENDINGS = {"root_ca": ".crt", "client_cert": ".cert", "client_key": ".key"}
"""The endings without which Kanto does not read a file (registries.md §2.3)."""


class _Found(NamedTuple):
    """An entry, and the paths in the file that say so."""

    entry: Entry
    host: Path
    insecure: Path


def decode_kanto(content: bytes, file: str) -> Decoded:
    """The registries of a file as documents, and all problems. An empty file is none of Kanto's."""
    trees, problems = read_trees(content, file)
    found = Problems()
    found.extend(problems)
    documents: list[Document] = []
    if len(trees) == 1:
        flaws: list[Flaw] = []
        drafts = registry_drafts(trees[0].value, file, flaws)
        for flaw in flaws:
            place = Place(file, *nearest_position(trees[0], flaw.path))
            severity: Severity = "warning" if flaw.warning else "error"
            found.append(Problem(place, path_text(shown_keys(flaw.path)), flaw.message, flaw.hint, severity))
        documents = [_placed(draft, trees[0], file) for draft in drafts]
    elif not problems:
        hint = "restore it, or leave it out of `registries.kanto`"
        found.append(Problem(Place(file, 1, 1), "", "expected one JSON object", hint))
    return Decoded(tuple(documents), tuple(sorted(found.all())), nameless=found.errors > 0)


def registry_drafts(value: Value, file: str, flaws: list[Flaw]) -> list[Draft]:
    """The registries of a file, each named by its host, with the file as the place of its credentials."""
    found = _found(value, flaws)
    drafts = []
    for place, name in subject_names(found):
        entry, host, insecure = found[place]
        credentials: Path = (*host, "credentials") if host else insecure
        paths = {"host": host or insecure, "credentials": credentials, "tls": (*host, "transport")}
        paths["insecure"] = insecure or host
        registry = Registry(
            name,
            place,
            config=file if entry.password else "",
            ca=entry.ca,
            certificate=entry.certificate,
            key=entry.key,
            insecure=entry.insecure,
        )
        drafts.append(Draft("Registry", name, registry, host or insecure, paths))
    return drafts


def kanto_entries(value: Value, flaws: list[Flaw]) -> tuple[Entry, ...]:
    """The registries of a file, with their secrets."""
    return tuple(each.entry for each in _found(value, flaws).values())


def kanto_text(text: str, entries: Iterable[Entry], flaws: list[Flaw]) -> str:
    """The file with these registries in it, and all else as it was written. "" is an empty file. Raises ValueError when the
    text is no JSON object, or has something else where registries belong. `flaws` receives what Kanto cannot express."""
    changed = object_text(text)
    for entry in entries:
        flaws.extend(unsaid_beyond(entry, "Kanto", "Kanto asks none; name the mirror in the images"))
        if "/" in entry.place:
            flaws.append(_left_out(entry, "Kanto knows whole hosts only"))
            continue
        key = _key(changed, entry.place)
        if entry.place == DEFAULT_REGISTRY and key is None and (entry.password or entry.helper or entry.ca):
            why = "Kanto asks the host `docker.io` itself, which has no images, and pulls would fail that work without"
            flaws.append(_left_out(entry, why))
            continue
        host = entry.place if key is None else key
        if entry.helper or entry.token:
            flaws.append(_left_out(entry, "Kanto takes a user and a password only", "its credentials are left out"))
        elif entry.password:
            credentials: Mapping[str, Value] = {"user_id": entry.user, "password": entry.password}
            for name, value in credentials.items():
                changed = with_value(changed, (*HOSTS, host, "credentials", name), value)
        elif key is not None and _at(changed, (*HOSTS, host, "credentials", "password")):
            changed = without(changed, (*HOSTS, host, "credentials"))
        changed = _with_transport(changed, host, entry, flaws)
        changed = _with_insecure(changed, entry)
    return changed


def staying(text: str, entries: Iterable[Entry]) -> tuple[Flaw, ...]:
    """A warning for each registry of a file that is none of these, and which an export leaves there."""
    asked = {each.place for each in entries}
    found = _found(json.loads(text), []) if text.strip() else {}
    return tuple(
        Flaw(
            each.host or each.insecure,
            f"no spec asks for {place}, and the entry stays as it is, with what it has of a password",
            "remove it there, if nobody needs it any more",
            warning=True,
        )
        for place, each in found.items()
        if place not in asked
    )


def _with_transport(text: str, host: str, entry: Entry, flaws: list[Flaw]) -> str:
    """A `transport` that is there stays, but for files that are others now. Without all three files Kanto takes none."""
    wanted = {name: str(getattr(entry, field)) for name, field in _TRANSPORT.items()}
    known = _at(text, (*HOSTS, host, "transport"))
    known = known if isinstance(known, dict) else {}
    if not any(wanted.values()) or all(known.get(name) == path for name, path in wanted.items() if path):
        return text
    if not all(wanted[name].endswith(ending) for name, ending in _ENDINGS.items()):
        why = "Kanto needs an authority, a certificate and a key together, as files `.crt`, `.cert` and `.key`"
        flaws.append(_left_out(entry, why, "its certificates are left out"))
        return text
    for name, path in wanted.items():
        text = with_value(text, (*HOSTS, host, "transport", name), path)
    return text


def _with_insecure(text: str, entry: Entry) -> str:
    known = _at(text, INSECURE)
    listed = known if isinstance(known, list) else []
    spots = [spot for spot, host in enumerate(listed) if isinstance(host, str) and _normal(host) == entry.place]
    if entry.insecure and not spots:
        if listed:
            return with_value(text, (*INSECURE, len(listed)), entry.place)
        default = [each for each in _DEFAULT_INSECURE if known is None and each != entry.place]
        return with_value(
            text, INSECURE, [*default, entry.place]
        )  # a list there replaces the default (registries.md §2.1)
    if not entry.insecure and listed != _DEFAULT_INSECURE:
        for spot in reversed(spots):
            text = without(text, (*INSECURE, spot))
    return text


def _found(value: Value, flaws: list[Flaw]) -> dict[str, _Found]:
    if not isinstance(value, dict):
        flaws.append(Flaw((), f"expected an object, got {type_words(value)}"))
        return {}
    section = value.get("containers")
    if section is None:
        return {}
    if not isinstance(section, dict):
        flaws.append(Flaw(("containers",), f"expected an object, got {type_words(section)}"))
        return {}
    found: dict[str, _Found] = {}
    hosts = section.get(HOSTS[1]) or {}
    if not isinstance(hosts, dict):
        flaws.append(Flaw(HOSTS, f"expected an object, got {type_words(hosts)}"))
        hosts = {}
    for host, configuration in hosts.items():
        path: Path = (*HOSTS, host)
        place = _place(host, path, flaws)
        if not place:
            continue
        one = _Found(_entry(place, configuration, path, flaws), path, ())
        found[place] = _of_both(found[place], one, flaws) if place in found else one
    listed = section.get(INSECURE[1]) or []
    if not isinstance(listed, list):
        flaws.append(Flaw(INSECURE, f"expected a list, got {type_words(listed)}"))
        return found
    for spot, each in enumerate(listed if listed != _DEFAULT_INSECURE else []):
        path = (*INSECURE, spot)
        if not isinstance(each, str):
            flaws.append(Flaw(path, f"expected a host, got {type_words(each)}"))
        elif place := _place(each, path, flaws):
            known = found.get(place, _Found(Entry(place), (), path))
            found[place] = _Found(known.entry._replace(insecure=True), known.host, path)
    for entry, _, insecure in found.values():
        if insecure and entry.ca:
            message = "its `transport` has no effect, because it is among `insecure_registries`, too"
            flaws.append(Flaw(insecure, message, "leave one of them out", warning=True))
    return found


def _of_both(known: _Found, other: _Found, flaws: list[Flaw]) -> _Found:
    """The entry that counts of two for the same registry. Kanto compares a key with the begin of an image as it stands
    (registries.md §2.2), so that a key with a scheme is about no image."""
    first, second = (shown_keys(each.host) for each in (known, other))
    if known.entry == other.entry:
        return other if _has_scheme(known.host[-1]) else known
    if _has_scheme(known.host[-1]) == _has_scheme(other.host[-1]):
        message = f"`{known.entry.place}` is there twice, and differs"
        flaws.append(Flaw(other.host, message, f"keep one; the other is {path_text(first)}"))
        return known
    counts, idle = (other, known) if _has_scheme(known.host[-1]) else (known, other)
    where = path_text(second if counts is other else first)
    message = f"Kanto goes by the entry without a scheme, which is {where}, and not by this one"
    flaws.append(Flaw(idle.host, message, "remove it", warning=True))
    return counts


def _has_scheme(key: str | int) -> bool:
    return str(key).strip().lower().startswith(("https://", "http://"))


def _entry(place: str, configuration: Value, path: Path, flaws: list[Flaw]) -> Entry:
    fields = _object(configuration, path, flaws)
    credentials = _object(fields.get("credentials"), (*path, "credentials"), flaws)
    transport = _object(fields.get("transport"), (*path, "transport"), flaws)
    user = _text(credentials, "user_id", (*path, "credentials"), flaws)
    password = _text(credentials, "password", (*path, "credentials"), flaws)
    if bool(user) != bool(password):
        lacks = "password" if user else "user_id"
        flaws.append(
            Flaw((*path, "credentials"), f"`{lacks}` is missing, so it is asked without credentials", warning=True)
        )
        user = password = ""
    if fault := user_fault(user):
        flaws.append(Flaw((*path, "credentials", "user_id"), fault, "correct it there"))
        user = password = ""
    files = {name: _text(transport, name, (*path, "transport"), flaws) for name in _TRANSPORT}
    for name, file in files.items():
        if file and not file.startswith("/"):
            flaws.append(Flaw((*path, "transport", name), "expected an absolute path"))
            files[name] = ""
    if bool(files["client_cert"]) != bool(files["client_key"]):
        has, lacks = ("client_cert", "client_key") if files["client_cert"] else ("client_key", "client_cert")
        message = f"`{has}` needs `{lacks}`, and has no effect without"
        flaws.append(Flaw((*path, "transport", has), message, f"add `{lacks}`", warning=True))
        files["client_cert"] = files["client_key"] = ""
    return Entry(place, user, password, ca=files["root_ca"], certificate=files["client_cert"], key=files["client_key"])


def _object(value: Value, path: Path, flaws: list[Flaw]) -> dict[str, Value]:
    if value is None or isinstance(value, dict):
        return value or {}
    flaws.append(Flaw(path, f"expected an object, got {type_words(value)}"))
    return {}


def _text(fields: Mapping[str, Value], key: str, path: Path, flaws: list[Flaw]) -> str:
    value = fields.get(key)
    if value is None or isinstance(value, str):
        return value or ""
    flaws.append(Flaw((*path, key), f"expected a text, got {type_words(value)}"))
    return ""


def _place(host: str, path: Path, flaws: list[Flaw]) -> str:
    try:
        place = normal_place(host)
    except ValueError as error:
        flaws.append(Flaw(path, str(error), "it is left out", warning=True))
        return ""
    if "/" in place:
        why = "Kanto compares the host alone, so that this is about no image"
        flaws.append(Flaw(path, why, "it is left out", warning=True))
        return ""
    return place


def _normal(host: str) -> str:
    try:
        return normal_place(host)
    except ValueError:
        return ""


def _key(text: str, place: str) -> str | None:
    """The key by which the file knows a place already, and which Kanto goes by."""
    hosts = _at(text, HOSTS)
    known = (host for host in (hosts if isinstance(hosts, dict) else {}) if _normal(host) == place)
    return next((host for host in known if not _has_scheme(host)), None)


def _at(text: str, path: Path) -> Value:
    value: Value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    for part in path:
        value = value.get(part) if isinstance(value, dict) and isinstance(part, str) else None
    return value


def _left_out(entry: Entry, why: str, hint: str = "it is left out") -> Flaw:
    return Flaw((entry.place,), why, hint, warning=True)


def _placed(draft: Draft, tree: Tree, file: str) -> Document:
    lines = {path: nearest_position(tree, where) for path, where in draft.paths.items()}
    return Document(
        draft.kind, draft.name, draft.wanted, Place(file, *nearest_position(tree, draft.root)), lines, whole=False
    )
