"""Pauses between tries of what has failed, by the event loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from typing import NamedTuple


class _Pause(NamedTuple):
    failures: int
    end_s: float


class Pauses:
    """Pauses by key: each is twice as long as the one before."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._of: dict[str, _Pause] = {}

    def failed(self, key: str) -> None:
        """A try has failed: its next pause begins."""
        failures = self._of[key].failures + 1 if key in self._of else 1
        pause_s = min(self._longest_s, self._first_s * 2.0 ** min(failures - 1, 30))
        self._of[key] = _Pause(failures, asyncio.get_running_loop().time() + pause_s)

    def forget(self, key: str) -> None:
        """A try has succeeded: after the next failure the pauses start anew."""
        self._of.pop(key, None)

    def keep(self, keys: Collection[str]) -> None:
        """Forget all others."""
        self._of = {key: pause for key, pause in self._of.items() if key in keys}

    def is_over(self, key: str) -> bool:
        """Whether the next try is due."""
        return key not in self._of or self._left_s(self._of[key]) == 0

    def left_s(self) -> Iterator[float]:
        """The seconds until the end of each pause, 0 when it is over."""
        return map(self._left_s, self._of.values())

    @staticmethod
    def _left_s(pause: _Pause) -> float:
        return max(0.0, pause.end_s - asyncio.get_running_loop().time())
