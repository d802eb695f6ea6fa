"""Whether the first stage of a plan may run.

From a file every phase is open. A source that gives commands (MQTT) opens phases one by one; until then the plan waits, and
says for what. A gate never changes a plan.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from evenkeel.specs.plan import Phase, Plan, Stage

ALL_PHASES: frozenset[Phase] = frozenset(Phase)


class Go(NamedTuple):
    """The stage may run."""

    stage: Stage


class Wait(NamedTuple):
    """The stage has to wait, and why."""

    why: str


def gate(plan: Plan, open_phases: Collection[Phase] = ALL_PHASES) -> Go | Wait | None:
    """`None` when there is nothing to do."""
    if not plan.stages:
        return None
    stage = plan.stages[0]
    if stage.phase in open_phases:
        return Go(stage)
    return Wait(f"phase {stage.phase} has not been commanded")
