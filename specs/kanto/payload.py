"""The shape of a Kanto desired state, and the way to its parts while it may be wrong.

The structs are the whole shape (container-management.md §1.2, §1.5, §2.3). The functions read the parts of a value
that was not checked: a part of the wrong kind counts as absent, because the shape reports its fault. Each comes with its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from evenkeel.specs.problem import Path


class KeyValue(Struct, frozen=True, forbid_unknown_fields=True):
    """One setting. Kanto leaves an empty `value` out when it writes."""

    key: str
    value: str | None = ""


class Component(Struct, frozen=True, forbid_unknown_fields=True):
    """One container; its id is the container's name."""

    id: str | None = ""
    version: str | None = ""
    config: tuple[KeyValue, ...] | None = ()


class Domain(Struct, frozen=True, forbid_unknown_fields=True):
    """The desired state of one agent."""

    id: str | None = ""
    config: tuple[KeyValue, ...] | None = ()
    components: tuple[Component, ...] | None = ()


class Baseline(Struct, frozen=True, forbid_unknown_fields=True):
    """Components, written `domain:id`, that commands address together."""

    title: str
    description: str | None = ""
    preconditions: str | None = ""
    components: tuple[str, ...] | None = ()


class Payload(Struct, frozen=True, forbid_unknown_fields=True):
    """The desired state itself."""

    domains: tuple[Domain, ...] | None = ()
    baselines: tuple[Baseline, ...] | None = ()


class Message(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The envelope of the wire. `blueprint_metadata` is shown by Leda's blueprint selector."""

    activity_id: str | None = ""
    timestamp: int | None = 0
    payload: Payload | None = None
    blueprint_metadata: Any = None


def payload_path(value: object) -> Path:
    """The path of the payload: below the envelope, if there is one."""
    has_envelope = isinstance(value, dict) and ("payload" in value or not ("domains" in value or "baselines" in value))
    return ("payload",) if has_envelope and value else ()


def payload_of(value: object) -> Mapping[str, object]:
    """The payload; empty where there is none."""
    payload = below(value, payload_path(value))
    return payload if isinstance(payload, dict) else {}


def below(value: Any, path: Path) -> object:
    """The value at a path, `None` where there is none."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def mappings(owner: Mapping[str, object], key: str, root: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    """The mappings in the list at a key."""
    items = owner.get(key)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield (*root, key, index), item


def texts(owner: Mapping[str, object], key: str, root: Path) -> Iterator[tuple[Path, str]]:
    """The texts in the list at a key."""
    items = owner.get(key)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, str):
            yield (*root, key, index), item


def settings(owner: Mapping[str, object], root: Path) -> Iterator[tuple[Path, str, str]]:
    """Key and text of each setting below `config`; a text that is null is empty."""
    for path, entry in mappings(owner, "config", root):
        key, text = entry.get("key"), entry.get("value")
        if isinstance(key, str) and isinstance(text, str | None):
            yield path, key, text or ""
