"""The faults at which a plan of an operating system would fail now, and what an operator should know before consenting."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.specs.plan import Plan
from evenkeel.specs.reading.quantity import rough_size_text
from evenkeel.specs.slots.actions import Activate, Fetch, Inspect, Install
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem


def fetched(plan: Plan) -> tuple[OperatingSystem, ...]:
    """The systems whose bundles the plan fetches, or streams."""
    actions = [step.action for stage in plan.stages for step in stage.steps]
    found = [each.system for each in actions if isinstance(each, Fetch) or (isinstance(each, Inspect) and each.streams)]
    return tuple({each.key: each for each in found}.values())


def foreseen(plan: Plan, seen: SlotsSeen) -> tuple[str, ...]:
    """In sentences. `seen` with the sizes of bundles, as far as they are known."""
    return tuple(_without_room(plan, seen))


def notes(plan: Plan, seen: SlotsSeen) -> tuple[str, ...]:
    """Further remarks, in sentences."""
    return tuple(_notes(plan, seen))


def _without_room(plan: Plan, seen: SlotsSeen) -> Iterator[str]:
    for action in (step.action for stage in plan.stages for step in stage.steps):
        if not isinstance(action, Fetch) or seen.free is None:
            continue
        size, there = seen.sizes.get(action.system.key, 0), seen.bundle(action.system.key)
        left = size - (there.size if there is not None else 0)
        if left > seen.free:
            needs, free = rough_size_text(left), rough_size_text(seen.free)
            yield f"the bundle of {action.system.version} needs {needs}, and {free} are free in the folder of bundles"


def _notes(plan: Plan, seen: SlotsSeen) -> Iterator[str]:
    installs = [step.action for stage in plan.stages for step in stage.steps if isinstance(step.action, Install)]
    if seen.operation and plan.stages:
        yield f"the updater is {seen.operation}: evenkeel waits for its end"
    windows = [step.action.window for stage in plan.stages for step in stage.steps if isinstance(step.action, Activate)]
    for window in (each for each in windows if each is not None and seen.can.passes_time):
        yield f"this device is simulated, and does not wait for {window.text}"
    for each in installs:
        if not each.keeps_primary:
            yield (
                f"the updater lets slot {each.label} boot next as soon as it has written it, and evenkeel takes that back at "
                "once; a loss of power between the two boots it, and it is proven or taken back then; "
                "`activate-installed=false` in system.conf closes the gap"
            )
