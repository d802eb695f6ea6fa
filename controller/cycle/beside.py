"""Looks and repairs beside steps that take long: a pull, or a proof, holds up no other subject.

Such a look states the health of the subjects that no step at work changes. Those of them that drifted are repaired
towards the state that the domain is on its way to. Nothing else is decided: the revision is judged by its own turns, and
nothing that these keep from look to look is changed here. When the last step has ended, what can be cut short of a repair
is, and the next turn goes on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Generic

from evenkeel.controller.cycle.ailments import Ailments
from evenkeel.controller.cycle.announcements import Announcements
from evenkeel.controller.cycle.looks import Looks
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.cycle.stages import Stages
from evenkeel.controller.cycle.wellbeing import Wellbeing
from evenkeel.controller.journal.journal import Journal
from evenkeel.reconcilers.agents.in_force import reserved_subjects
from evenkeel.reconcilers.fold import set_aside
from evenkeel.reconcilers.gate import Go, gate
from evenkeel.reconcilers.ports import Ailment, Reconciler, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.look import Look
from evenkeel.specs.plan import NOTHING_DONE, OUTSTANDING, Phase, Plan, Step

LONG_S = 5.0
"""Steps that end sooner are followed by a look anyway."""
_PAUSE = 9
"""A look is followed by a pause of so many times its own length: it asks about every subject, and steps cause it."""


class Beside(Generic[Want, Seen, Remembered]):
    """The looks and repairs beside the steps of one domain."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        journal: Journal,
        record: Record,
        memory: Remembering[Want, Seen, Remembered],
        looks: Looks[Seen],
        wellbeing: Wellbeing[Want, Seen, Remembered],
        ailments: Ailments[Want, Seen, Remembered],
        announced: Announcements,
        stages: Stages[Want, Seen, Remembered],
    ) -> None:
        self._reconciler, self._journal, self._record, self._memory = reconciler, journal, record, memory
        self._looks, self._wellbeing, self._ailments = looks, wellbeing, ailments
        self._announced, self._stages = announced, stages
        self._heading: DesiredState | None = None
        """The state that the last turn was on its way to."""
        self._left: frozenset[str] = frozenset()
        """Subjects that the last turn left as they are; and those whose repair here has failed since: the next turn tries it
        again."""
        self._at_work: list[frozenset[str]] = []
        """Per group of steps at work: the subjects that they change."""
        self._since_s = 0.0
        """The time, by the clock of the event loop, since when steps are at work without a break."""
        self._rested_s = 0.0
        """The time, by the same clock, from which on the next look may begin."""
        self._over = asyncio.Event()
        """Set when the last group has ended."""
        self._idle = asyncio.Event()
        """Not set while something is repaired."""
        self._idle.set()

    def heads_for(self, state: DesiredState, left: Collection[str]) -> None:
        """A turn is on its way to this state, and leaves the subjects `left` as they are although they differ from it."""
        self._heading, self._left = state, frozenset(left)

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
        drifted. Does nothing without such steps, or without other subjects."""
        if not self._at_work:
            return
        since_s, now_s = self._since_s, asyncio.get_running_loop().time
        await asyncio.sleep(max(since_s + LONG_S - now_s(), self._rested_s - now_s(), 0.0))
        if not self._at_work or self._since_s != since_s or not self._has_others():
            return
        work, memory, begun_s = tuple(self._at_work), self._memory.memory(), now_s()
        seen = await self._looks.try_observe(look(), self._over)
        self._rested_s = now_s() + _PAUSE * (now_s() - begun_s)
        if seen is None or tuple(self._at_work) != work or self._memory.memory() != memory:
            return  # a step has begun or ended meanwhile: the observation may be older than that
        ailing = self._wellbeing.tell_beside(seen, memory, self._changing())
        self._idle.clear()
        try:
            await self._repair(seen, ailing, look)
        finally:
            self._idle.set()

    def _has_others(self) -> bool:
        """Whether there are subjects that no step at work changes."""
        states = (self._heading, *(self._journal.readable_revision(role) for role in ("desired", "last-good")))
        subjects = {name for state in states if state is not None for name in self._reconciler.select(state).subjects}
        return not subjects <= self._changing()

    def _is_open(self, step: Step) -> bool:
        return step.phase != Phase.CLEANUP and step.subject not in self._changing()

    def _changing(self) -> frozenset[str]:
        return frozenset[str]().union(*self._at_work)

    async def _repair(self, seen: Seen, ailing: Mapping[str, Ailment], look: Callable[[], Look]) -> None:
        """Repair the subjects that drifted by this look, one stage after the other, with a look between them. The output of
        those that ail is kept before."""
        asked, state = self._journal.digest("desired"), self._heading or self._journal.readable_revision("desired")
        if state is None or not asked:
            return
        await self._ailments.listen(ailing, state.digest)
        want, label = self._reconciler.select(state), self._record.label(state.digest)
        activity = self._journal.mailbox(self._reconciler.domain).activity()
        reserved = reserved_subjects(activity, state) if activity is not None else frozenset[str]()
        drifted = self._drifted(want, seen) - reserved
        while drifted and not self._over.is_set():
            plan = self._plan(want, seen, drifted, reserved)
            found = gate(plan, self._is_open)
            if not isinstance(found, Go):
                return
            self._announced.announce("last-good", state, plan, is_repair=True)
            failed = await self._stages.beside(found.stage, label, self._over)
            self._left |= frozenset(failed)
            again = None if drifted.intersection(failed) else await self._looks.try_observe(look(), self._over)
            if again is None or self._journal.digest("desired") != asked:
                return
            seen = again
            self._wellbeing.tell_beside(seen, self._memory.memory(), self._changing())

    def _drifted(self, want: Want, seen: Seen) -> set[str]:
        differences = self._reconciler.diff(want, seen, self._memory.memory())
        found = {each.subject for each in differences if each.verb not in (*NOTHING_DONE, OUTSTANDING)}
        return found.intersection(want.subjects) - self._left - self._changing()

    def _plan(self, want: Want, seen: Seen, drifted: Collection[str], reserved: Collection[str]) -> Plan:
        """The plan of the subjects that drifted alone."""
        memory = self._memory.memory()
        differences = self._reconciler.diff(want, seen, memory)
        stuck = {each.subject: each.why for each in differences if each.subject not in drifted}
        mine = [set_aside(each, stuck) for each in differences if each.subject not in reserved]
        return self._reconciler.plan(mine, seen, memory, self._memory.former(mine))
