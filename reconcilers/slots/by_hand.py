"""Plans for the direct orders of a person: a mark, the other slot, a bundle.

They are plans like others, of the same actions, so that they refuse the same and are remembered alike. A system that a person
has booted or installed is nobody's wish: a document that asks for another version tells it as drift, or repairs it, as it says.
"""

from __future__ import annotations

from typing import Literal

from evenkeel.reconcilers.ports import Former
from evenkeel.reconcilers.slots.marks import slot_to_mark
from evenkeel.reconcilers.slots.plan import plan
from evenkeel.reconcilers.slots.targets import target_of
from evenkeel.reconcilers.slots.trials import has_failed, version_in
from evenkeel.reconcilers.staging import stages
from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Action, Phase, Plan, Step
from evenkeel.specs.slots.actions import Choose, MarkBad, MarkGood, Reboot, Restore
from evenkeel.specs.slots.difference import SlotsDifference
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import SYSTEM, OperatingSystem

Mark = Literal["good", "bad", "active"]

_BY_HAND = {"good": "a person marks it good", "bad": "a person marks it bad", "active": "a person lets it boot next"}


def named(name: str, seen: SlotsSeen) -> SlotSeen | None:
    """The slot of this name, or with this name in the bootloader."""
    return next((each for each in seen.slots if name in (each.name, each.bootname)), None)


def others(seen: SlotsSeen) -> tuple[SlotSeen, ...]:
    """The slots that may be booted instead of the booted one."""
    return tuple(each for each in seen.bootable if each.name != seen.booted)


def marked(mark: Mark, slot: SlotSeen, seen: SlotsSeen, memory: SlotsMemory) -> Plan:
    """Set a mark of the bootloader."""
    action: Action
    match mark:
        case "good":
            action = MarkGood(slot.name, slot.label)
        case "bad":
            action = MarkBad(slot.name, slot.label)
        case "active" if slot.name == seen.booted:
            action = Restore(slot.name, slot.label)
        case "active":
            action = Choose(slot.name, slot.label)
    doubt = _doubt(slot, memory) if isinstance(action, Choose) else ""
    found = _about(slot, seen, memory, f"mark {mark}", f"{_BY_HAND[mark]}{doubt}")
    net = _net(seen) if isinstance(action, Choose) else ()
    found = changed(found, keeps_net=bool(net))
    marks = Step(f"mark:{slot.name}", SYSTEM, Phase.ACTIVATE, action, tuple(each.id for each in net))
    return Plan(SlotsMemory.domain, (found,), stages([*net, marks]))


def booted(slot: SlotSeen, seen: SlotsSeen, memory: SlotsMemory) -> Plan:
    """Boot another slot now."""
    version, net = version_in(slot, memory), _net(seen)
    steps = (
        *net,
        Step("choose", SYSTEM, Phase.ACTIVATE, Choose(slot.name, slot.label), tuple(each.id for each in net)),
        Step(
            "reboot", SYSTEM, Phase.ACTIVATE, Reboot(slot.name, slot.label, version or "version unknown"), ("choose",)
        ),
    )
    found = _about(slot, seen, memory, "boot", f"a person asks for it{_doubt(slot, memory)}")
    found = changed(found, activate=True, reboot=True, keeps_net=bool(net), reboot_s=memory.away_s.get("reboot"))
    return Plan(SlotsMemory.domain, (found,), stages(steps))


def installed(system: OperatingSystem, seen: SlotsSeen, memory: SlotsMemory) -> Plan | str:
    """Install a bundle into a slot that is not booted, and let the booted one boot next as before; or why that cannot be.
    A system without a version is one of any version."""
    before = seen.slot(seen.booted)
    asked = SlotsDifference(system.name, "install", "a person asks for it", system=system)
    if before is not None:
        version = version_in(before, memory)
        asked = changed(asked, runs=before.name, runs_label=before.label, before=version)
    found = target_of(asked, system, seen, memory)
    if not found.install:
        if found.verb == "blocked":
            return found.why
        has = f"slot {found.target_label} has {found.target_version} already"
        return has if found.target_version == system.version else found.why
    keys = (system.key,) if found.fetch else ()
    found = changed(found, activate=False, reboot=False, restore=False, keys=keys)
    unmarked = slot_to_mark(system, seen, memory, installs=True)
    if unmarked is not None:
        found = changed(found, settle=unmarked.name, settle_label=unmarked.label)
    return plan([found], memory, Former())


def _net(seen: SlotsSeen) -> tuple[Step, ...]:
    """A step that marks the booted slot good before it is left: it boots, and the other one may not."""
    booted = seen.slot(seen.booted)
    if booted is None or booted not in seen.bootable or booted.boot_status != "bad":
        return ()
    return (Step("net", SYSTEM, Phase.ACTIVATE, MarkGood(booted.name, booted.label)),)


def _doubt(slot: SlotSeen, memory: SlotsMemory) -> str:
    """A warning that a slot may not boot, to follow a reason; "" where nothing speaks against it."""
    if slot.content == "pending":
        why = f"the last install into slot {slot.label} has not ended"
    elif slot.content == "failed":
        why = f"the last install into slot {slot.label} has failed"
    elif has_failed(slot, memory):
        why = f"{version_in(slot, memory)} has failed in slot {slot.label}: {memory.failed[slot.name].why}"
    elif not version_in(slot, memory):
        why = f"nothing is known of what is in slot {slot.label}"
    else:
        return ""
    return f"; {why}, and it may not boot"


def _about(slot: SlotSeen, seen: SlotsSeen, memory: SlotsMemory, verb: str, why: str) -> SlotsDifference:
    before = seen.slot(seen.booted)
    found = SlotsDifference(SYSTEM, verb, why, target=slot.name, target_label=slot.label)
    found = changed(found, target_version=version_in(slot, memory))
    if before is None:
        return found
    return changed(found, runs=before.name, runs_label=before.label, before=version_in(before, memory))
