"""The standing of the operating system against the desired state, from which a verdict about it is derived. Pure."""

from __future__ import annotations

from evenkeel.reconcilers.slots.diff import diff
from evenkeel.reconcilers.slots.select import SlotsWanted
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.codec import changed
from evenkeel.specs.slots.difference import SlotsDifference
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotsSeen


def standing(subject: str, want: SlotsWanted, seen: SlotsSeen, memory: SlotsMemory) -> Standing:
    """The standing of a system that is asked for in `want`. It is proven when it is booted, was proven, and is marked
    good."""
    system = want.subjects.get(subject)
    failed = [each.why for each in memory.failed.values() if system is not None and each.version == system.version]
    found = next((each for each in diff(want, seen, memory) if each.subject == subject), None)
    if failed and found is not None:
        return Standing("sick", failed[0])
    if found is None or found.verb == "keep":
        return Standing("proven")
    if found.verb == "blocked":
        return Standing("sick", found.why)
    if _is_pending(found):
        return Standing(
            "pending", f"the device has to be rebooted into slot {found.target_label} ({found.target_version})"
        )
    return Standing("away", found.why)


def _is_pending(found: SlotsDifference) -> bool:
    """Whether nothing is left but a reboot, and what comes after it."""
    return found.reboot and not (found.fetch or found.install or found.activate or found.restore)


def is_outstanding(found: SlotsDifference, memory: SlotsMemory) -> bool:
    """Whether a difference is something to do for an update: another version has to be booted, or the one that is booted
    is on trial."""
    return found.verb in ("install", "boot") or (found.verb == "finish" and bool(memory.trial))


def commanded(memory: SlotsMemory) -> SlotsMemory:
    """The memory as a command sees it. A version that was reached before, and that others have replaced since, is asked
    for anew: it is no drift that is only told."""
    return changed(memory, reached={})
