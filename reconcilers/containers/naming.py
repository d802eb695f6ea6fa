"""Names in the engine.

evenkeel's name of a container is a label; the engine's name only has to be unique and readable. One instance carries
the plain name; an instance that is created beside it waits under a name of its own until the switch.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from evenkeel.specs.containers.container import Container, container_digest

_PREFIX = "ek-"
_ENGINE_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def engine_name(name: str) -> str:
    """The plain name; engines want two characters and no leading underscore (Docker: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`).

    No two names share one: a name that looks as if it had been given the prefix here gets the prefix, too.
    """
    return name if _is_engine_name(name) else f"{_PREFIX}{name}"


def free_name(container: Container, taken: Collection[str]) -> str:
    """The plain name when it is free, else one with the digest of the container that waits under it."""
    plain = engine_name(container.name)
    if plain not in taken:
        return plain
    return _numbered(f"{plain}.next-{container_digest(container)[:8]}", taken)


def aside_name(plain: str, instance: str, taken: Collection[str], *, waits: bool = False) -> str:
    """The name of an instance that has to give up the plain one. `waits`: it gives it back to the one that it should have
    replaced, and is a successor again."""
    return _numbered(f"{plain}.{'next' if waits else 'old'}-{instance[:8]}", taken)


def succession(plain: str, name: str) -> int:
    """The place of an instance between its predecessor and its successor, by its name in the engine: 0 when it stepped
    aside for another one, 1 with the plain name, 2 when it waits under a name of its own for the switch. Any other name
    was given by hand, and counts as the plain one."""
    if name.startswith(f"{plain}.old-"):
        return 0
    return 2 if name.startswith(f"{plain}.next-") else 1


def volume_name(name: str, place: str) -> str:
    """The volume for a place that the image of a container declares; always the same, so that it is found again. Engines want
    `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, and file systems at most 255 characters."""
    digest = hashlib.sha256(f"{name}\0{place}".encode()).hexdigest()[:8]
    shown = re.sub(r"[^a-zA-Z0-9_.-]+", "-", place).strip("-")
    return f"evenkeel_{name[:200]}_{shown[:32]}-{digest}"


def is_given(plain: str, name: str) -> bool:
    """Whether evenkeel gives this name in the engine to instances of the container whose plain one that is."""
    return name == plain or name.startswith((f"{plain}.old-", f"{plain}.next-"))


def _is_engine_name(name: str) -> bool:
    if name.startswith(_PREFIX) and not _is_engine_name(name.removeprefix(_PREFIX)):
        return False
    return _ENGINE_NAME.fullmatch(name) is not None


def _numbered(name: str, taken: Collection[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate
