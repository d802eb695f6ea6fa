"""A queue of keys with the times at which they are due.

A wake-up carries no data. A key is in the queue once, however often it is added, at the earliest of the times asked
for. It is never handed out twice at once; a key that is added while it is worked on comes again afterwards. Failures of
a key back off, doubling, with jitter, so that a fleet that lost its registry together does not come back together.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta


class WakeUps:
    """Keys with the loop times at which they are due."""

    def __init__(
        self,
        first: timedelta = timedelta(seconds=1),
        longest: timedelta = timedelta(minutes=5),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`first` and `longest` bound the back-off; `jitter` gives numbers in [0, 1)."""
        self._first_s, self._longest_s, self._jitter = first.total_seconds(), longest.total_seconds(), jitter
        self._due: dict[str, float] = {}
        self._nudged: dict[str, float] = {}
        self._working: set[str] = set()
        self._failures: dict[str, int] = {}
        self._patient_until: dict[str, float] = {}
        self._news = asyncio.Event()

    def add(self, key: str, after_s: float = 0.0) -> None:
        """`key` is due in `after_s` seconds, or earlier if it was already."""
        self._put(self._due, key, after_s)

    def nudge(self, key: str, after_s: float = 0.0) -> None:
        """`key` changed by itself. As `add`, but during its back-off not before a quarter of the wait is over, because
        the failing work may itself cause the changes."""
        self._put(self._nudged, key, after_s)

    def retry(self, key: str, after_s: float = 0.0) -> float:
        """`key` failed: it is due after its back-off, or after `after_s` if that is more. The seconds until then."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        backoff_s: float = min(self._longest_s, self._first_s * 2.0 ** min(failures, 30))
        wait_s = max(after_s, backoff_s * (0.75 + self._jitter() / 2))
        self._patient_until[key] = asyncio.get_running_loop().time() + wait_s / 4
        self.add(key, wait_s)
        return wait_s

    def progressed(self, key: str) -> None:
        """`key` did not fail: its next back-off starts anew."""
        self._failures.pop(key, None)
        self._patient_until.pop(key, None)

    async def get(self) -> str:
        """The next due key; it is not handed out again before `done`."""
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            free = {key: due for key, due in self._all_due().items() if key not in self._working}
            if free:
                key = min(free, key=lambda each: (free[each], each))
                wait_s = free[key] - loop.time()
                if wait_s <= 0:
                    self._due.pop(key, None)
                    self._nudged.pop(key, None)
                    self._working.add(key)
                    return key
                try:
                    async with asyncio.timeout(wait_s):
                        await self._news.wait()
                except TimeoutError:
                    continue
            else:
                await self._news.wait()

    def done(self, key: str) -> None:
        """The work on `key` is over; if the key was added meanwhile, it is handed out again."""
        self._working.discard(key)
        self._news.set()

    def is_quiet(self, but: str) -> bool:
        """Whether no key but this one is worked on, and none is due."""
        now_s = asyncio.get_running_loop().time()
        return self._working <= {but} and all(due_s > now_s for due_s in self._all_due().values())

    def _put(self, where: dict[str, float], key: str, after_s: float) -> None:
        due = asyncio.get_running_loop().time() + after_s
        if key not in where or due < where[key]:
            where[key] = due
            self._news.set()

    def _all_due(self) -> dict[str, float]:
        """When each key is due. A nudge during a back-off is due once a quarter of that is over."""
        due = dict(self._due)
        for key, nudged in self._nudged.items():
            patient = max(nudged, self._patient_until.get(key, nudged))
            due[key] = min(due.get(key, patient), patient)
        return due
