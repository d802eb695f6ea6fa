"""Looks beside steps that take long: during a pull or a proof, the state of all other subjects is still reported.

Such a look is only reported. It decides nothing, and nothing is done before the steps at work have ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Generic

from evenkeel.controller.cycle.looks import Looks
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.cycle.wellbeing import Wellbeing
from evenkeel.reconcilers.ports import Remembered, Seen, Want
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look

LONG_S = 5.0
"""Steps that end sooner are followed by a look anyway."""


class Beside(Generic[Want, Seen, Remembered]):
    """The looks beside the steps of one domain."""

    def __init__(
        self,
        looks: Looks[Seen],
        memory: Remembering[Want, Seen, Remembered],
        wellbeing: Wellbeing[Want, Seen, Remembered],
    ) -> None:
        self._looks, self._memory, self._wellbeing = looks, memory, wellbeing
        self._at_work: list[tuple[float, frozenset[str]]] = []
        """Per group of steps at work: their begin, by the clock of the event loop, and the subjects that they
        change."""

    @contextmanager
    def at_work(self, subjects: Collection[str]) -> Iterator[None]:
        """A context in which steps are at work and change these `subjects`."""
        work = asyncio.get_running_loop().time(), frozenset(subjects)
        self._at_work.append(work)
        try:
            yield
        finally:
            self._at_work.remove(work)

    async def look(self, look: Look) -> None:
        """Look once the steps at work take long, and state the health of all subjects that no step changes. Does
        nothing without such steps."""
        if not self._at_work:
            return
        begun_s = self._at_work[0][0]
        await asyncio.sleep(max(begun_s + LONG_S - asyncio.get_running_loop().time(), 0.0))
        if not self._at_work or self._at_work[0][0] != begun_s:
            return
        work, memory = tuple(self._at_work), self._memory.memory()
        try:
            seen = await self._looks.observe(look)
        except (Unavailable, TimedOut, Refused):
            return
        if tuple(self._at_work) != work or self._memory.memory() != memory:
            return  # a step has begun or ended meanwhile: the observation may be older than that
        self._wellbeing.tell_beside(seen, memory, frozenset[str]().union(*(subjects for _, subjects in work)))
