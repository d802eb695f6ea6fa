"""The gate: which steps of a plan may run now.

From a file every step is open. A source that gives commands (MQTT) opens steps of some subjects and kinds; until then
they wait, and the plan says for what. A gate never changes a plan, and never lets a step run before those it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Phase, Plan, Stage, Step

IsOpen = Callable[[Step], bool]


class Go(NamedTuple):
    """The stage, or its open steps, may run."""

    stage: Stage


class Wait(NamedTuple):
    """The stage has to wait, and why."""

    why: str


def all_open(step: Step) -> bool:
    """The gate of a source without commands: every step is open."""
    return True


def gate(plan: Plan, is_open: IsOpen = all_open) -> Go | Wait | None:
    """The open steps of the first stage, without those that need a closed one; `None` when there is nothing to do."""
    if not plan.stages:
        return None
    stage, closed = plan.stages[0], set[str]()
    for step in stage.steps:  # what a step needs stands before it
        if not is_open(step) or closed.intersection(step.needs):
            closed.add(step.id)
    steps = tuple(step for step in stage.steps if step.id not in closed)
    if steps:
        return Go(stage if len(steps) == len(stage.steps) else changed(stage, steps=steps))
    return Wait(f"{stage.phase} of {', '.join(sorted({step.subject for step in stage.steps}))} has not been commanded")


def last_steps(plan: Plan, stage: Stage) -> dict[str, str]:
    """The steps of a stage, by id, whose subject no later stage of the plan changes, but by removing what is left of it; each
    with its subject."""
    here = {step.id for step in stage.steps}
    later = [step for each in plan.stages for step in each.steps if step.id not in here and step.phase != Phase.CLEANUP]
    going_on = {step.subject for step in later}
    return {step.id: step.subject for step in stage.steps if step.subject not in going_on}
