"""The safeguards of one domain where no turn keeps them: nothing was ever desired, or an activity has the subjects for itself.

An activity may wait for its next command for hours, and a device may have no document. Both may lose power meanwhile, and
have to come up again.
"""

from __future__ import annotations

import asyncio
from typing import Generic

from evenkeel.controller.cycle.endings import STOPPED, Ending, Progressed, Retrying
from evenkeel.controller.cycle.looks import Looks
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.cycle.stage import StepProgress
from evenkeel.controller.cycle.steps import Steps
from evenkeel.controller.journal.journal import Journal
from evenkeel.reconcilers.capabilities import guarded
from evenkeel.reconcilers.counted import reasons
from evenkeel.reconcilers.fold import failures
from evenkeel.reconcilers.ports import Reconciler, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState


class Safeguards(Generic[Want, Seen, Remembered]):
    """The `Guarded` part of a domain, performed."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        journal: Journal,
        memory: Remembering[Want, Seen, Remembered],
        looks: Looks[Seen],
        record: Record,
        steps: Steps[Want, Seen, Remembered],
        progress: StepProgress,
    ) -> None:
        self._reconciler, self._guarded, self._journal = reconciler, guarded(reconciler), journal
        self._memory, self._looks, self._record = memory, looks, record
        self._steps, self._progress = steps, progress

    async def keep(self, desired: DesiredState | None, stopping: asyncio.Event) -> Ending | None:
        """Do what is due. `None` when nothing is, or where turns towards the desired state do it anyway. The state that runs is
        the one that an open activity would go back to."""
        activity = self._journal.mailbox(self._reconciler.domain).activity()
        if desired is not None and activity is None:
            return None
        want = self._reconciler.select(activity.before if activity is not None else DesiredState())
        memory = self._memory.memory()
        if not self._guarded.is_exposed(want, memory):
            return None
        seen = await self._looks.try_observe(self._reconciler.look(want, memory), stopping)
        if seen is None:
            why = f"{self._reconciler.words.engine} cannot be asked"
            return Retrying(why, 0.0, None) if desired is None and not stopping.is_set() else None
        memory = self._memory.memory()
        differences = self._guarded.safeguards(want, seen, memory)
        plan = self._reconciler.plan(differences, seen, memory)
        if not plan.stages:
            return None
        stage = plan.stages[0]
        outcomes = await self._steps.perform(stage, self._record.begin(), stopping, self._progress)
        failed = failures(stage, outcomes)
        if failed:
            return Retrying(reasons(failed.items()), 0.0, stage.phase, failed)
        return Progressed() if len(outcomes) == len(stage.steps) else STOPPED
