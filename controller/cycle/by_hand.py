"""A plan that a person has asked for directly, performed: with the steps, memory and entries of a cycle, without a revision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evenkeel.controller.cycle.domain import AnyDomain
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.cycle.stage import StageLimits, StepProgress
from evenkeel.controller.cycle.steps import Steps
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.transaction.transaction import Transaction
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.plan import Done, Plan


async def perform(
    domain: AnyDomain,
    plan: Plan,
    journal: Journal,
    say: Callable[[Feedback], None],
    limits: StageLimits,
    progress: StepProgress,
    stopping: asyncio.Event,
) -> str:
    """Perform the stages of a plan in their order, as far as they go well; "" when all did, else why one did not. The caller
    holds the lock of the state directory."""
    reconciler, transaction = domain.reconciler, Transaction(journal)
    record = Record(reconciler.domain, reconciler.words, journal, say, transaction.verdict)
    steps = Steps(domain.driver, limits, Remembering(reconciler, journal, record, transaction))
    for each in plan.differences:
        say(Feedback("plan", f"{each.verb}: {each.why}", domain=reconciler.domain, subject=each.subject))
    for stage in plan.stages:
        outcomes = await steps.perform(stage, record.begin(), stopping, progress)
        for step in stage.steps:
            outcome = outcomes.get(step.id)
            if not isinstance(outcome, Done):
                return (
                    outcome.message if outcome is not None else f"stopped before it was done: {step.action.traits.text}"
                )
    return ""
