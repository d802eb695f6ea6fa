"""No updater: a device of which evenkeel does not know how its operating system is updated.

Each call is answered with the reason, and all other domains go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome, Retry
from evenkeel.specs.slots.observed import SlotsSeen


class AbsentSlots:
    """A `Driver` of the slots domain that cannot look. `why`: the reason, as a sentence."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def observe(self, look: Look = Look()) -> SlotsSeen:
        raise Unavailable("engine:slots", self._why)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        return Retry(self._why, outside=True)

    async def nudges(self) -> AsyncIterator[None]:
        """None."""
        await asyncio.Event().wait()
        yield

    async def close(self) -> None:
        """Nothing is open."""
