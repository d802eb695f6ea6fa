"""The proof of a booted slot: it is the one that was to be booted, and its health holds for long enough."""

from __future__ import annotations

import asyncio

from evenkeel.controller.drivers.slots.ports import Machine, Updater, Witness
from evenkeel.reconcilers.counted import counted
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.errors import TimedOut, Unavailable
from evenkeel.specs.plan import Done, Failed, Outcome
from evenkeel.specs.reading.quantity import duration_text
from evenkeel.specs.slots.actions import LATE_S, Prove
from evenkeel.specs.slots.observed import SlotsSeen, fallback_text
from evenkeel.specs.slots.system import Health

CHECK_S = 2.0
"""The pause between two checks of the health."""


async def prove(action: Prove, updater: Updater, machine: Machine, witness: Witness, progress: Progress) -> Outcome:
    """Compare what is booted, then watch its health. Raises Unavailable or TimedOut when the updater cannot be asked."""
    why = _mismatch(action, await updater.look())
    if why:
        return Failed(why)
    clock, stable_s = machine.up_s, action.health.stable_for.total_seconds()
    begun = action.begun_s if action.begun_s is not None else clock()
    ends = (0.0 if action.is_after_boot else begun) + action.deadline.total_seconds()
    if action.is_after_boot:
        ends = max(ends, begun + stable_s + LATE_S)
    well_since: float | None = None
    while True:
        unwell = await _unwell(action.health, machine, witness)
        now = clock()
        well_since = None if unwell else now if well_since is None else well_since
        if well_since is not None and now - well_since >= stable_s:
            return Done(f"slot {action.label} is booted and was well for {duration_text(action.health.stable_for)}")
        if now >= ends:
            what = unwell or f"it was not well for {duration_text(action.health.stable_for)} without a break"
            return Failed(f"slot {action.label} ({action.version}) is not well {_late_text(action, ends)}: {what}")
        progress(unwell or "is well", int(now - well_since) if well_since is not None else 0, int(stable_s))
        left_s = stable_s - (now - well_since) if well_since is not None else CHECK_S
        await asyncio.sleep(min(CHECK_S, max(left_s, 0.01)))


def _late_text(action: Prove, ends: float) -> str:
    if not action.is_after_boot:
        return f"within {duration_text(action.deadline)}"
    is_late = ends > action.deadline.total_seconds()
    return f"{duration_text(action.deadline)} after its boot" + (", nor after that" if is_late else "")


def _mismatch(action: Prove, seen: SlotsSeen) -> str:
    """The system that is booted instead of the one that was to be booted; "" when it is that one."""
    booted = seen.slot(seen.booted)
    if booted is None or booted.name != action.slot:
        return fallback_text(seen, action.label, action.version)
    if booted.version != action.version:
        return f"slot {action.label} has version {booted.version or 'unknown'}, and not {action.version}"
    return ""


async def _unwell(health: Health, machine: Machine, witness: Witness) -> str:
    """The parts of a health that do not hold now, in words; "" when all do."""
    try:
        units = await machine.inactive(health.units) if health.units else {}
        containers = await witness.unwell(health.containers) if health.containers else {}
    except (Unavailable, TimedOut) as error:
        return error.message
    found = {unit: f"is {state}" for unit, state in units.items()} | dict(containers)
    if found:
        return counted(found)
    failed = await machine.check(health.command) if health.command else ""
    return f"{health.command[0]} {failed}" if failed else ""
