"""Looks at the engine. One that is not answered is told: nobody sees then whether what was true is true still."""

from __future__ import annotations

import asyncio
from typing import Generic

from evenkeel.controller.cycle.lateness import LATE_S
from evenkeel.controller.cycle.record import Record
from evenkeel.reconcilers.ports import Driver, Seen
from evenkeel.specs.look import Look

BLIND_S = 20.0
"""After so long the conditions do not go on saying what the last look has found. An engine at hard work is slower than `LATE_S`
now and then, and registries that are asked about tags are waited for, too."""


class Looks(Generic[Seen]):
    """The looks of one domain."""

    def __init__(self, driver: Driver[Seen], record: Record) -> None:
        self._driver, self._record = driver, record
        self._begun: list[tuple[float, str]] = []
        """When those at work were begun, by the clock of the event loop, and who is asked."""

    async def observe(self, look: Look) -> Seen:
        """One look. Whether the engine answers is recorded. Raises Unavailable, TimedOut or Refused when it cannot be asked."""
        begun = asyncio.get_running_loop().time(), look.asked
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

    def late(self) -> str:
        """Who has not answered the oldest look at work, and for how long; "" while none is late."""
        if not self._begun:
            return ""
        begun_s, asked = self._begun[0]
        waited_s = asyncio.get_running_loop().time() - begun_s
        return f"{asked} has not answered for {waited_s:.0f} s" if waited_s >= LATE_S else ""
