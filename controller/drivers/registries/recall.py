"""The prints of values whose files have not changed since they were read: a look that finds nothing new reads none of them.

No value is kept. A file that was changed just before it was read may be changed again without a trace in its times; such a
reading is not relied on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.registries.values import sources_of
from evenkeel.specs.registries.observed import Prints
from evenkeel.specs.registries.registry import Registry

_QUIET_NS = 2 * 10**9
"""Longer than the steps in which file systems count, FAT's among them."""

_Mark = tuple[int, int, int, int, int]


class _Known(NamedTuple):
    registry: Registry
    marks: tuple[_Mark | None, ...]
    prints: Prints


class Recall:
    """By document: what was found last."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def prints(self, registry: Registry, read: Callable[[], Prints]) -> Prints:
        """The prints of a registry's values, by `read` where anything may have changed."""
        marks = tuple(_mark(path) for path in (*sources_of(registry), registry.config) if path)
        known = self._known.get(registry.name)
        if known is not None and known.marks == marks and known.registry == registry:
            return known.prints
        self._known.pop(registry.name, None)
        prints = read()
        newest = time.time_ns() - _QUIET_NS
        if all(mark is not None and max(mark[3:]) < newest for mark in marks):
            self._known[registry.name] = _Known(registry, marks, prints)
        return prints

    def only(self, names: Iterable[str]) -> None:
        """Forget all others."""
        kept = set(names)
        self._known = {name: known for name, known in self._known.items() if name in kept}


def _mark(path: str) -> _Mark | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
