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
from evenkeel.controller.cycle.stage import After, AtWork, Broke, Fetch, StageLimits, StepProgress, alone, run_stage
from evenkeel.controller.process.defect import defect_text
from evenkeel.reconcilers.ports import Driver, Remembered, Seen, Want
from evenkeel.specs.plan import Outcome, Stage, Step


class Steps(Generic[Want, Seen, Remembered]):
    """Performs stages with the driver of a domain, within its limits."""

    def __init__(self, driver: Driver[Seen], limits: StageLimits, memory: Remembering[Want, Seen, Remembered]) -> None:
        self._driver, self._limits, self._memory = driver, limits, memory
        self.broke: Broke = defect_text
        """Called with unexpected exceptions that a cycle survives."""
        self.at_work: AtWork = nullcontext
        """Called with the seconds that the steps at work may take."""

    async def perform(
        self,
        stage: Stage,
        label: Label,
        stopping: asyncio.Event,
        progress: StepProgress,
        late: Late = unheard,
        fetch: Fetch = alone,
        ended: After = lambda step, outcome, seconds: None,
    ) -> Mapping[str, Outcome]:
        """The outcomes of a stage, as `run_stage`. Its entries bear the label. `ended` is called for every try of a step
        after it was recorded."""

        def after(step: Step, outcome: Outcome, seconds: float) -> None:
            self._memory.step_ends(step, outcome, seconds, label)
            ended(step, outcome, seconds)

        before, work = partial(self._memory.step_begins, label=label), self.at_work
        return await run_stage(
            stage, self._driver, self._limits, stopping, progress, before, after, self.broke, work, late, fetch
        )
