"""Results of reading files that have not changed since: a look that finds nothing new reads none of them.

The results must not be secret, because they are kept. A file that was changed just before it was read may be changed again
without a trace in its times; such a reading is not relied on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from evenkeel.controller.process.replacing import Stamp

Result = TypeVar("Result")

_QUIET_NS = 2 * 10**9
"""Longer than the steps in which file systems count, FAT's among them."""


class _Known(NamedTuple, Generic[Result]):
    key: object
    stamps: tuple[Stamp | None, ...]
    result: Result


class Recall(Generic[Result]):
    """By name: the last result."""

    def __init__(self) -> None:
        self._known: dict[str, _Known[Result]] = {}

    def result(self, name: str, key: object, stamps: tuple[Stamp | None, ...], read: Callable[[], Result]) -> Result:
        """The result for a name, by `read` where anything may have changed: the files that they come from, as their
        stamps tell that were taken before, or the rest, which is `key`."""
        known = self._known.get(name)
        if known is not None and known.stamps == stamps and known.key == key:
            return known.result
        self._known.pop(name, None)
        result = read()
        newest = time.time_ns() - _QUIET_NS
        if all(each is None or max(each[3:]) < newest for each in stamps):
            self._known[name] = _Known(key, stamps, result)
        return result

    def forget(self, name: str) -> None:
        """Do not rely on the last result for a name."""
        self._known.pop(name, None)

    def only(self, names: Iterable[str]) -> None:
        """Forget all others."""
        kept = set(names)
        if not kept.issuperset(self._known):
            self._known = {name: known for name, known in self._known.items() if name in kept}
