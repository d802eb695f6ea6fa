"""The foresight for a plan of operating systems beside the updater: sizes of bundles, room for them, and doubtful settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from evenkeel.controller.cycle.domain import Foreseen
from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Plan
from evenkeel.specs.reading.quantity import rough_size_text
from evenkeel.specs.slots.actions import Fetch, Install
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

Size = Callable[[OperatingSystem], Awaitable[int | None]]
"""The bytes of a bundle, from its server; `None` when it does not tell."""

_NOT_KEPT = (
    "the updater marks what it has installed by itself, and evenkeel takes that back at once; set `activate-installed=false` "
    "in RAUC's system.conf, so that no loss of power in between boots what was not activated"
)


async def look_ahead(size: Size, plan: Plan, seen: SlotsSeen, provided: Collection[str]) -> Foreseen[SlotsSeen]:
    """`Domain.foresee` of the slots domain."""
    actions = [step.action for stage in plan.stages for step in stage.steps]
    notes = [_NOT_KEPT] if any(isinstance(each, Install) and not each.keeps_primary for each in actions) else []
    fails_at: list[str] = []
    for system in (each.system for each in actions if isinstance(each, Fetch)):
        total = await size(system)
        if total is None:
            continue
        seen = changed(seen, sizes={**seen.sizes, system.key: total})
        there = seen.bundle(system.key)
        missing = total - (there.size if there is not None else 0)
        if seen.free is not None and missing > seen.free:
            needs, has = rough_size_text(missing), rough_size_text(seen.free)
            fails_at.append(
                f"the bundle of {system.version} needs {needs} where bundles are stored, and {has} are free"
            )
    return Foreseen(seen, tuple(fails_at), tuple(notes))
