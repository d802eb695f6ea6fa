"""The watchdog: fed only while every worker renews its lease, because the event loop can be alive while a worker hangs.

Each sign of life of a worker carries the time at which the next one is due, and the watchdog is fed until then. A step
at work may take as long as its own limit, whatever a spec has set that to; a worker hangs only beyond that.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from evenkeel.controller.loop.ports import Life

log = logging.getLogger(__name__)

_LONGEST_LOOK_S = 300.0
"""A worker hangs when it neither ends its cycle nor has a step at work for so long. No look takes so long, because a
driver bounds it, whatever specs say."""


class Signs:
    """The signs of life of one worker. They are given within a running event loop."""

    def __init__(self, longest_rest_s: float) -> None:
        self._longest_rest_s, self._lives_until = longest_rest_s, math.inf
        self._steps: list[float] = []
        """The deadlines of the steps at work."""

    def looks(self) -> None:
        """The worker is active, for example with a look at the engine or an entry."""
        self._lives_for(_LONGEST_LOOK_S)

    @contextmanager
    def works(self, limit_s: float) -> Iterator[None]:
        """A context for a step that ends after `limit_s` seconds at the latest."""
        until = asyncio.get_running_loop().time() + limit_s
        self._steps.append(until)
        try:
            yield
        finally:
            self._steps.remove(until)
            self.looks()

    def rests(self) -> None:
        """The cycle has ended; the next one comes with the resync at the latest."""
        self._lives_for(2 * self._longest_rest_s + 2 * _LONGEST_LOOK_S)

    def _lives_for(self, seconds: float) -> None:
        self._lives_until = asyncio.get_running_loop().time() + seconds

    def is_alive(self) -> bool:
        """Whether the next sign is not overdue."""
        until = max([self._lives_until, *(each + _LONGEST_LOOK_S for each in self._steps)])
        return asyncio.get_running_loop().time() <= until


class Liveness:
    """The signs of life of all workers. `resync`: how long an idle worker rests at most."""

    def __init__(self, life: Life | None, resync: timedelta) -> None:
        self._life, self._longest_rest_s = life, resync.total_seconds()
        self._signs: dict[str, Signs] = {}

    def of(self, worker: str) -> Signs:
        """The signs of life of one worker."""
        return self._signs.setdefault(worker, Signs(self._longest_rest_s))

    async def keep_alive(self) -> None:
        """Feed the watchdog while all workers live; until cancelled."""
        while self._life is not None and self._life.every_s > 0:
            hanging = sorted(name for name, each in self._signs.items() if not each.is_alive())
            if not hanging:
                self._life.alive()
            for name in hanging:
                log.error("the worker hangs", extra={"fields": {"domain": name}})
            await asyncio.sleep(self._life.every_s)
