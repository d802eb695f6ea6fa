"""Whether the worker lives: a loop that turns around a worker that hangs would tell a watchdog that all is well.

So every sign of life of the worker says by when the next one is due, and who watches hears that all is well only until then.
"""

from __future__ import annotations

import asyncio
import logging
import math
from datetime import timedelta

from evenkeel.controller.ports import Life

log = logging.getLogger(__name__)

_LONGEST_LOOK_S = 300.0
"""A worker that neither ends its cycle nor begins a step for so long hangs."""


class Liveness:
    """The signs of life of one worker. `longest_step`: a step that takes longer than this means that it hangs. `resync`: how
    long an idle worker rests at most. Signs are given within a running event loop."""

    def __init__(self, life: Life | None, longest_step: timedelta, resync: timedelta) -> None:
        self._life = life
        self._longest_step_s, self._longest_rest_s = longest_step.total_seconds(), resync.total_seconds()
        self._lives_until = math.inf

    def looks(self) -> None:
        """The worker tries something, such as a look at the engine."""
        self._lives_for(_LONGEST_LOOK_S)

    def works(self) -> None:
        """A step has begun, or says that it is at work."""
        self._lives_for(self._longest_step_s)

    def rests(self) -> None:
        """The cycle has ended; the next one comes with the resync at the latest."""
        self._lives_for(2 * self._longest_rest_s + 2 * _LONGEST_LOOK_S)

    def _lives_for(self, seconds: float) -> None:
        self._lives_until = asyncio.get_running_loop().time() + seconds

    async def keep_alive(self) -> None:
        """Tell that the worker lives for as long as it does; until cancelled."""
        while self._life is not None and self._life.every_s > 0:
            if asyncio.get_running_loop().time() <= self._lives_until:
                self._life.alive()
            else:
                log.error("the worker hangs", extra={"fields": {}})
            await asyncio.sleep(self._life.every_s)
