"""Looks and repairs beside steps that take long: a pull, or a proof, holds up no other subject.

Such a look states the health of the subjects that no step at work changes. Those of them that drifted are repaired
towards the state that the domain is on its way to. Nothing else is decided: the revision is judged by its own turns.
When the last step has ended, what can be cut short of a repair is, and the next turn goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Generic

from evenkeel.controller.cycle.looks import Looks
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.cycle.wellbeing import Wellbeing
from evenkeel.reconcilers.ports import Remembered, Seen, Want
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look

LONG_S = 5.0
"""Steps that end sooner are followed by a look anyway."""
Repair = Callable[[Seen, Remembered, Collection[str], asyncio.Event], Awaitable[None]]
"""Repairs what drifted, by an observation and the memory; not the subjects that steps at work change. The event ends what
can be cut short."""


class Beside(Generic[Want, Seen, Remembered]):
    """The looks and repairs beside the steps of one domain."""

    def __init__(
        self,
        looks: Looks[Seen],
        memory: Remembering[Want, Seen, Remembered],
        wellbeing: Wellbeing[Want, Seen, Remembered],
        repair: Repair[Seen, Remembered],
    ) -> None:
        self._looks, self._memory, self._wellbeing, self._repair = looks, memory, wellbeing, repair
        self._at_work: list[frozenset[str]] = []
        """Per group of steps at work: the subjects that they change."""
        self._since_s = 0.0
        """The time, by the clock of the event loop, since when steps are at work without a break."""
        self._over = asyncio.Event()
        """Set when the last group has ended."""
        self._idle = asyncio.Event()
        """Not set while something is repaired."""
        self._idle.set()

    @asynccontextmanager
    async def at_work(self, subjects: Collection[str]) -> AsyncIterator[None]:
        """A context in which steps are at work and change these `subjects`. At its end nothing is repaired beside them any
        more."""
        work = frozenset(subjects)
        if not self._at_work:
            self._since_s = asyncio.get_running_loop().time()
            self._over.clear()
        self._at_work.append(work)
        try:
            yield
        finally:
            self._at_work.remove(work)
            if not self._at_work:
                self._over.set()
                await self._idle.wait()

    async def look(self, look: Callable[[], Look]) -> None:
        """Look once the steps at work take long, state the health of all subjects that no step changes, and repair what
        drifted. Does nothing without such steps."""
        if not self._at_work:
            return
        since_s = self._since_s
        await asyncio.sleep(max(since_s + LONG_S - asyncio.get_running_loop().time(), 0.0))
        if not self._at_work or self._since_s != since_s:
            return
        work, memory = tuple(self._at_work), self._memory.memory()
        try:
            seen = await self._looks.observe(look())
        except (Unavailable, TimedOut, Refused):
            return
        if tuple(self._at_work) != work or self._memory.memory() != memory:
            return  # a step has begun or ended meanwhile: the observation may be older than that
        changing = frozenset[str]().union(*work)
        self._wellbeing.tell_beside(seen, memory, changing)
        self._idle.clear()
        try:
            await self._repair(seen, memory, changing, self._over)
        finally:
            self._idle.set()
