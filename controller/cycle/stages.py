"""Stages performed: what their outcomes mean for the revision, and for what is known of the world."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Generic

from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying
from evenkeel.controller.cycle.fetching import Fetching
from evenkeel.controller.cycle.leftovers import Leftovers
from evenkeel.controller.cycle.record import Label, Record
from evenkeel.controller.cycle.sight import Run
from evenkeel.controller.cycle.stage import After, StepProgress
from evenkeel.controller.cycle.steps import Steps
from evenkeel.controller.cycle.trial import Renewed, Trial
from evenkeel.controller.journal.journal import Journal, Role
from evenkeel.controller.transaction.transaction import Transaction
from evenkeel.reconcilers.fold import GiveUp, GoOn, TryAgain, failures, fold, started
from evenkeel.reconcilers.ports import Reconciler, Remembered, Seen, Want
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.plan import Done, Phase, Proof, Stage


class Stages(Generic[Want, Seen, Remembered]):
    """The stages of one domain."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        journal: Journal,
        record: Record,
        steps: Steps[Want, Seen, Remembered],
        trial: Trial[Want, Seen, Remembered],
        leftovers: Leftovers,
        transaction: Transaction,
        fetching: Fetching[Want, Seen, Remembered],
        tries: int,
        progress: StepProgress,
    ) -> None:
        """`tries`: how often a disturbing phase of a revision may fail."""
        self._fetching, self.only_watches = fetching, False
        """`only_watches`: the stage at work has nothing but proofs that nothing in it waits for."""
        self._reconciler, self._journal, self._record, self._steps = reconciler, journal, record, steps
        self._trial, self._leftovers, self._transaction = trial, leftovers, transaction
        self._tries, self._progress = tries, progress

    async def of_a_turn(
        self,
        role: Role,
        state: DesiredState,
        run: Run,
        renewed: Renewed,
        stopping: asyncio.Event,
        ended: After,
    ) -> Ending:
        """Perform the stage of a turn; what its outcomes mean for the state. `ended` is called for every try of a step that
        changes something."""
        stage, has_way_back = run.stage, bool(self._journal.digest("last-good"))
        label = self._record.label(state.digest)
        if stage.phase == Phase.DOWNLOAD:
            is_held_if_slow = role == "desired" and not self._transaction.has_begun(state)  # nothing is undone for it
            fetched = await self._fetching.stage(stage, label, stopping, state if is_held_if_slow else None)
            if fetched is None:  # other groups go on
                return Progressed()
            outcomes = fetched
        else:
            self.only_watches = all(isinstance(step.action, Proof) for step in stage.steps)
            try:
                outcomes = await self._steps.perform(stage, label, stopping, self._progress, ended=ended)
            finally:
                self.only_watches = False
        if not has_way_back and failures(stage, outcomes) and (proofs := started(run.plan, outcomes)):
            outcomes = {**outcomes, **await self._steps.perform(proofs, label, stopping, self._progress)}
            stage = changed(stage, steps=stage.steps + proofs.steps)
        if not self._disturbs(stage):
            well = (step for step in stage.steps if isinstance(outcomes.get(step.id), Done))
            self._trial.proved([step.subject for step in well if step.phase == Phase.VERIFY])
        if stage.phase == Phase.CLEANUP:
            self._leftovers.note(stage.steps, outcomes)
            return Progressed()
        attempt, good = self._journal.attempts.of(state.digest), self._journal.digest("last-good")
        is_last_good = role == "last-good" or good == state.digest
        decision = fold(
            stage,
            outcomes,
            failures=attempt.failures if attempt else 0,
            tries=self._tries,
            is_last_good=is_last_good,
            has_way_back=has_way_back,
            changes=self._trial.changes(state) if failures(stage, outcomes) and not is_last_good else None,
            sick=self._journal.attempts.sick_before(state.digest, self._reconciler.domain),
        )
        match decision:
            case GoOn():
                return Progressed()
            case TryAgain(why=why, after_s=after_s, counts=counts):
                if is_last_good and self._trial.reject(stage, outcomes, renewed, self._tries):
                    return Progressed()
                if stage.phase != Phase.DOWNLOAD and not is_last_good and counts:  # others have no bound
                    self._journal.attempts.count(state.digest, why)
                self._transaction.report_failure(self._reconciler.domain, state)
                self._record.settled_is(False, "Retrying", why)
                return Retrying(why, after_s, stage.phase, failures(stage, outcomes), counts)
            case GiveUp(why=why, blamed=blamed):
                return self._trial.give_up(state, why, blamed)

    async def beside(self, stage: Stage, label: Label, over: asyncio.Event) -> Collection[str]:
        """Perform a stage beside the one of a turn; the subjects that have failed. No revision is judged by it."""
        outcomes = await self._steps.perform(stage, label, over, self._progress)
        self._disturbs(stage)
        return failures(stage, outcomes).keys()

    def _disturbs(self, stage: Stage) -> bool:
        """Whether a stage disturbs the world; if so, earlier results of checks do not count any more."""
        disturbs = any(step.phase in (Phase.UPDATE, Phase.ACTIVATE) for step in stage.steps)
        if disturbs:
            self._transaction.count_disturbance()
            self._trial.on_disturbance()
        return disturbs
