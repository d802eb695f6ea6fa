"""Looks at the engine. A look without an answer is reported, because the conditions may no longer be true."""

from __future__ import annotations

import asyncio
from typing import Generic

from evenkeel.controller.cycle.lateness import LATE_S
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.process.stopping import unless
from evenkeel.reconcilers.ports import Driver, Seen
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look

BLIND_S = 20.0
"""After so many seconds without an answer the conditions become unknown. An engine under load is slower than `LATE_S`
now and then, and so are registries that are asked about tags."""


class Looks(Generic[Seen]):
    """The looks of one domain."""

    def __init__(self, driver: Driver[Seen], record: Record) -> None:
        self._driver, self._record = driver, record
        self._begun: list[tuple[float, str]] = []
        """The looks at work: the begin of each, by the clock of the event loop, and the part of the world that is
        asked."""

    async def observe(self, look: Look) -> Seen:
        """One look. Records whether the engine answers. Raises Unavailable, TimedOut or Refused when it cannot be
        asked."""
        begun = asyncio.get_running_loop().time(), look.engine
        looking = asyncio.ensure_future(self._driver.observe(look))
        self._begun.append(begun)
        try:
            await asyncio.wait({looking}, timeout=BLIND_S)
            if not looking.done():
                self._record.not_answered(BLIND_S)
            seen = await looking
        except Exception as error:
            self._record.not_seen(error)
            raise
        finally:
            self._begun.remove(begun)
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        self._record.engine_found(seen.engine)
        return seen

    async def try_observe(self, look: Look, stopping: asyncio.Event) -> Seen | None:
        """As `observe`; `None` when the engine cannot be asked, or `stopping` came first."""
        try:
            return await unless(stopping, self.observe(look))
        except (Unavailable, TimedOut, Refused):
            return None

    def late(self) -> str:
        """The part of the world that has not answered the oldest look, and for how long; "" while none is late."""
        if not self._begun:
            return ""
        begun_s, asked = self._begun[0]
        waited_s = asyncio.get_running_loop().time() - begun_s
        return f"{asked} has not answered for {waited_s:.0f} s" if waited_s >= LATE_S else ""
