"""The foresight for a plan of an operating system: the size of its bundle, as its server tells, and whether it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from evenkeel.reconcilers.slots.foresight import fetched, foreseen, notes
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.plan import Plan
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

Size = Callable[[OperatingSystem], Awaitable[int]]
"""The bytes of a bundle, 0 when its server does not tell. Raises Refused, Unavailable or TimedOut."""


async def look_ahead(size: Size, plan: Plan, seen: SlotsSeen) -> tuple[SlotsSeen, tuple[str, ...], tuple[str, ...]]:
    """The observation with the sizes of the bundles, faults at which the plan would fail now, and further remarks."""
    sizes, refused, untold = dict(seen.sizes), list[str](), list[str]()
    for system in fetched(plan):
        try:
            found = await size(system)
        except Refused as error:
            refused.append(f"the bundle of {system.version} cannot be had: {error.message}")
            continue
        except (Unavailable, TimedOut) as error:
            untold.append(f"the size of the bundle of {system.version} is not known: {error.message}")
            continue
        if found:
            sizes[system.key] = found
    seen = changed(seen, sizes=sizes)
    return seen, (*refused, *foreseen(plan, seen)), (*untold, *notes(plan, seen))
