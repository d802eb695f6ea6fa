"""The steps of one domain, performed, with their memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import Generic

from evenkeel.controller.cycle.lateness import Late, unheard
from evenkeel.controller.cycle.record import Label
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.cycle.stage import AtWork, Broke, StageLimits, StepProgress, run_stage
from evenkeel.controller.process.defect import defect_text
from evenkeel.reconcilers.ports import Driver, Remembered, Seen, Want
from evenkeel.specs.plan import Outcome, Stage


class Steps(Generic[Want, Seen, Remembered]):
    """Performs stages with the driver of a domain, within its limits."""

    def __init__(self, driver: Driver[Seen], limits: StageLimits, memory: Remembering[Want, Seen, Remembered]) -> None:
        self._driver, self._limits, self._memory = driver, limits, memory
        self.broke: Broke = defect_text
        """Called with unexpected exceptions that a cycle survives."""
        self.at_work: AtWork = nullcontext
        """Called with the seconds that the steps at work may take."""

    async def perform(
        self, stage: Stage, label: Label, stopping: asyncio.Event, progress: StepProgress, late: Late = unheard
    ) -> Mapping[str, Outcome]:
        """The outcomes of a stage, as `run_stage`. Its entries bear the label."""
        before, after = partial(self._memory.step_begins, label=label), partial(self._memory.step_ends, label=label)
        return await run_stage(
            stage, self._driver, self._limits, stopping, progress, before, after, self.broke, self.at_work, late
        )
