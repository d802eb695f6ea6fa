"""Looks and repairs beside steps that take long: a pull, or a proof, holds up no other subject.

Such a look states the health of the subjects that no step at work changes. Those of them that drifted are repaired
towards the state that the domain is on its way to; while it is still fetched what a subject is to become, one that is down is
repaired towards last-good. Nothing else is decided: the revision is judged by its own turns, and nothing that these keep from
look to look is changed here. When the last step has ended, what can be cut short of a repair is, and the next turn goes on
with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Generic

from evenkeel.controller.cycle.ailments import Ailments
from evenkeel.controller.cycle.announcements import Announcements
from evenkeel.controller.cycle.looks import Looks
from evenkeel.controller.cycle.pauses import Pauses
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
from evenkeel.specs.plan import NOTHING_DONE, OUTSTANDING, Difference, Done, Outcome, Phase, Step

LONG_S = 5.0
"""Steps that end sooner are followed by a look anyway."""
_AGAIN_S = 1.0
"""The pause after a look during which a step has begun or ended."""
_FIRST_S, _LONGEST_S = 5.0, 300.0
"""The pauses after repairs that failed."""
_PAUSE = 9
"""A look is followed by a pause of so many times its own length: it asks about every subject, and steps cause it."""


class Work:
    """Steps at work, and the `subjects` that they change. One is not changed any more when its `last` steps have all ended
    well: step ids with their subjects, as from `last_steps`."""

    def __init__(self, subjects: Collection[str], last: Mapping[str, str]) -> None:
        self.subjects, self._last = frozenset(subjects), dict(last)

    def ended(self, step: Step, outcome: Outcome, seconds: float) -> None:
        """A try of a step has ended."""
        is_last = isinstance(outcome, Done) and self._last.pop(step.id, None) is not None
        if is_last and step.subject not in self._last.values():
            self.subjects -= {step.subject}


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
        """Subjects that the last turn left as they are."""
        self._pauses = Pauses(_FIRST_S, _LONGEST_S)
        """Before the next tries of repairs that have failed since."""
        self._waiting: frozenset[str] = frozenset()
        """Subjects that the last turn is about to change, and has not begun to."""
        self._at_work: list[Work] = []
        self._since_s = 0.0
        """The time, by the clock of the event loop, since when steps are at work without a break."""
        self._rested_s = 0.0
        """The time, by the same clock, from which on the next look may begin."""
        self._over = asyncio.Event()
        """Set when the last group has ended."""
        self._idle = asyncio.Event()
        """Not set while something is repaired."""
        self._idle.set()

    def heads_for(self, state: DesiredState, left: Collection[str], waiting: Collection[str] = ()) -> None:
        """A turn is on its way to this state, and leaves the subjects `left` as they are although they differ from it. Those
        that are `waiting` it will change, and only fetches for them now."""
        self._heading, self._left, self._waiting = state, frozenset(left), frozenset(waiting)
        self._pauses.keep(())

    @asynccontextmanager
    async def at_work(self, subjects: Collection[str], last: Mapping[str, str] = {}) -> AsyncIterator[Work]:
        """A context in which steps are at work and change these `subjects`, as for `Work`. At its end nothing is repaired
        beside them any more."""
        work = Work(subjects, last)
        if not self._at_work:
            self._since_s = asyncio.get_running_loop().time()
            self._over.clear()
        self._at_work.append(work)
        try:
            yield work
        finally:
            self._at_work.remove(work)
            if not self._at_work:
                self._over.set()
                await self._idle.wait()

    async def look(self, look: Callable[[], Look]) -> float | None:
        """Look once the steps at work take long, state the health of all subjects that no step changes, and repair what
        drifted. Does nothing without such steps, or without other subjects. The seconds after which a repair that has failed
        is tried again by another look; `None` when there is none."""
        since_s, now_s = self._since_s, asyncio.get_running_loop().time
        while self._at_work and self._since_s == since_s:
            await asyncio.sleep(max(since_s + LONG_S - now_s(), self._rested_s - now_s(), 0.0))
            if not self._at_work or self._since_s != since_s or not self._has_others():
                return None
            changing, memory, begun_s = self._changing(), self._memory.memory(), now_s()
            seen = await self._looks.try_observe(look(), self._over)
            self._rested_s = now_s() + _PAUSE * (now_s() - begun_s)
            if seen is None:
                break
            if self._changing() == changing and self._memory.memory() == memory:
                await self._act_on(seen, memory, look)
                break
            await asyncio.sleep(_AGAIN_S)  # a step has begun or ended meanwhile: the observation may be older than that
        return min((left_s for left_s in self._pauses.left_s() if left_s), default=None)

    async def _act_on(self, seen: Seen, memory: Remembered, look: Callable[[], Look]) -> None:
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
        return frozenset[str]().union(*(work.subjects for work in self._at_work))

    async def _repair(self, seen: Seen, ailing: Mapping[str, Ailment], look: Callable[[], Look]) -> None:
        """Repair the subjects that drifted by this look. The output of those that ail is kept before."""
        asked, state = self._journal.digest("desired"), self._heading or self._journal.readable_revision("desired")
        if state is None or not asked:
            return
        await self._ailments.listen(ailing, state.digest)
        latest = await self._repair_towards(state, seen, look, asked, as_they_were=False)
        good = self._journal.readable_revision("last-good") if self._waiting else None
        if latest is not None and good is not None:
            await self._repair_towards(good, latest, look, asked, as_they_were=True)

    async def _repair_towards(
        self, state: DesiredState, seen: Seen, look: Callable[[], Look], asked: str, *, as_they_were: bool
    ) -> Seen | None:
        """Repair one stage after the other, with a look between them; the last look, `None` when it cannot go on.
        `as_they_were`: the subjects that wait to be changed, and are down; else all others."""
        want, label = self._reconciler.select(state), self._record.label(state.digest)
        activity = self._journal.mailbox(self._reconciler.domain).activity()
        reserved = reserved_subjects(activity, state) if activity is not None else frozenset[str]()
        while not self._over.is_set():
            memory = self._memory.memory()
            differences = self._reconciler.diff(want, seen, memory)
            drifted = self._drifted(differences, want, seen, as_they_were=as_they_were) - reserved
            if not drifted:
                return seen
            stuck = {each.subject: each.why for each in differences if each.subject not in drifted}
            mine = [set_aside(each, stuck) for each in differences if each.subject not in reserved]
            plan = self._reconciler.plan(mine, seen, memory, self._memory.former(mine))
            found = gate(plan, self._is_open)
            if not isinstance(found, Go):
                return seen
            self._announced.announce("last-good", state, plan, is_repair=True)
            for subject in await self._stages.beside(found.stage, label, self._over):
                self._pauses.failed(subject)
            again = await self._looks.try_observe(look(), self._over)
            if again is None or self._journal.digest("desired") != asked:
                return None
            seen = again
            self._wellbeing.tell_beside(seen, self._memory.memory(), self._changing())
        return None

    def _drifted(self, differences: Sequence[Difference], want: Want, seen: Seen, *, as_they_were: bool) -> set[str]:
        """The subjects of which a repair is due."""
        found = {each.subject for each in differences if each.verb not in (*NOTHING_DONE, OUTSTANDING)}
        found = found.intersection(want.subjects) - self._left - self._changing()
        due = {subject for subject in found if self._pauses.is_over(subject)}
        if not as_they_were:
            return due - self._waiting
        return due.intersection(self._waiting, self._reconciler.down(seen, self._memory.memory(), due))
