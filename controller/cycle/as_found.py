"""The running subjects as a desired state. It is in force where the stored state cannot be read."""

from __future__ import annotations

import asyncio
from typing import Generic

from evenkeel.controller.cycle.looks import Looks
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.journal.journal import AS_FOUND, Journal
from evenkeel.controller.process.stopping import unless
from evenkeel.reconcilers.ports import Reconciler, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import Refused, TimedOut, Unavailable


class AsFound(Generic[Want, Seen, Remembered]):
    """Makes a desired state of what runs in one domain."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        looks: Looks[Seen],
        journal: Journal,
        record: Record,
    ) -> None:
        self._reconciler, self._looks, self._journal, self._record = reconciler, looks, journal, record

    async def look(self, stopping: asyncio.Event) -> DesiredState | None:
        """What runs now; `None` when nothing does, or nobody can look."""
        look = self._reconciler.look(None, self._journal.memories.of(self._reconciler.memory))
        try:
            seen = await unless(stopping, self._looks.observe(look))
        except (Unavailable, TimedOut, Refused):
            return None
        return None if seen is None else self._reconciler.as_found(seen, None)

    async def hold(self, stopping: asyncio.Event) -> None:
        """Nobody knows what is in force: what runs now is."""
        if self._journal.digest("desired"):
            return
        found = await self.look(stopping)
        if found is not None:
            self._journal.put("desired", found, AS_FOUND)

    async def instead(self, stopping: asyncio.Event) -> DesiredState | None:
        """What is desired has failed and last-good cannot be read: what is found takes its place and is kept up."""
        found = await self.look(stopping)
        if found is not None:
            with self._journal.at_once():
                self._journal.put("last-good", found, AS_FOUND)
                text = "last-good could not be read; what was found takes its place and is kept up"
                self._record.say("state-lost", text)
        return found
