"""One subject of a domain on its way towards the state that an activity asks for, by one stage at a time.

The decisions are those of a cycle, without revisions: an activity reports and counts its failures itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic

from evenkeel.controller.cycle.beside import Beside
from evenkeel.controller.cycle.endings import STOPPED, Ending, Progressed, Retrying, Settled, Stalled
from evenkeel.controller.cycle.fetching import Fetching
from evenkeel.controller.cycle.lateness import Late, unheard
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.cycle.stage import StepProgress
from evenkeel.controller.cycle.steps import Steps
from evenkeel.controller.journal.journal import Journal
from evenkeel.reconcilers.fold import GiveUp, GoOn, TryAgain, blocked, fold
from evenkeel.reconcilers.gate import Go, IsOpen, gate
from evenkeel.reconcilers.ports import Reconciler, Remembered, Seen, Want
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Stage, Step

_COUNTED_ELSEWHERE = 2
"""No failure here is the last try: the caller counts them."""


class Towards(Generic[Want, Seen, Remembered]):
    """The way of single subjects of one domain."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        journal: Journal,
        memory: Remembering[Want, Seen, Remembered],
        record: Record,
        beside: Beside[Want, Seen, Remembered],
        steps: Steps[Want, Seen, Remembered],
        fetching: Fetching[Want, Seen, Remembered],
        progress: StepProgress,
    ) -> None:
        self._reconciler, self._journal, self._memory, self._record = reconciler, journal, memory, record
        self._beside, self._steps, self._fetching, self._progress = beside, steps, fetching, progress

    async def by_a_stage(
        self,
        want: Want,
        subject: str,
        is_open: IsOpen,
        see: Callable[[Look], Awaitable[Seen | None]],
        stopping: asyncio.Event,
        progress: StepProgress,
        late: Late = unheard,
        meant: Callable[[Remembered], Remembered] = lambda memory: memory,
        begins: Callable[[Stage], None] = lambda stage: None,
    ) -> Ending:
        """Run the first open stage for one subject of a caller's desired state; `Settled` when the gate opens nothing
        more.

        The caller reports and counts failures. `see`: `Cycles.observe` with the caller's patience; `None` when that was
        cut short. `late`: called with steps that are late. `meant`: adds the caller's facts to the memory.
        `begins`: called with the stage before it is performed.
        """
        label = self._record.begin()
        journal, reconciler = self._journal, self._reconciler
        try:
            seen = await see(changed(reconciler.look(want, self._memory.memory()), subject=subject))
        except (Unavailable, TimedOut, Refused) as error:
            return Retrying(str(error), 0.0, None)
        if seen is None:
            return STOPPED
        memory = meant(self._memory.memory())
        differences = [each for each in reconciler.diff(want, seen, memory) if each.subject == subject]
        plan = reconciler.plan(differences, seen, memory, self._memory.former(differences))
        if blocked(plan):
            return Stalled(blocked(plan))
        found = gate(plan, is_open)
        if not isinstance(found, Go):
            return Settled()
        await self._fetching.want_instead(subject, found.stage)

        def report(step: Step, message: str, done: int, total: int) -> None:
            self._progress(step, message, done, total)
            progress(step, message, done, total)

        activity = journal.mailbox(reconciler.domain).activity()
        begins(found.stage)
        actions = activity.actions if activity is not None else ()
        acting = {action.subject for action in actions if action.kind != "check"}
        async with self._beside.at_work({subject, *acting}):
            outcomes = await self._steps.perform(found.stage, label, stopping, report, late, self._fetching.fetch)
        match fold(found.stage, outcomes, failures=0, tries=_COUNTED_ELSEWHERE, is_last_good=False):
            case GoOn():
                return Progressed() if len(outcomes) == len(found.stage.steps) else STOPPED
            case TryAgain(why=why, after_s=after_s):
                return Retrying(why, after_s, found.stage.phase)
            case GiveUp(why=why):
                return Stalled(why.removeprefix(f"{subject}: "))
