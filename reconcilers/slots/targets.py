"""The slot for a version that does not run, and the way into it."""

from __future__ import annotations

from evenkeel.reconcilers.slots.trials import has_failed, is_doubtful, is_trusted, is_whole, version_in
from evenkeel.specs.codec import changed
from evenkeel.specs.slots.difference import SlotsDifference
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem


def target_of(found: SlotsDifference, system: OperatingSystem, seen: SlotsSeen, memory: SlotsMemory) -> SlotsDifference:
    """The difference with its target: a slot that has the version already, or the one to install it into.

    Where several slots are free, as under the rescue system, the updater chooses among them, and nobody can tell it otherwise.
    Then the plan ends with the install: the next look shows the slot.

    While the booted system is not proven, the slot that a failed boot falls back to is not written: the device goes back into
    it first.
    """
    booted, others = seen.slot(seen.booted), [each for each in seen.bootable if each.name != seen.booted]
    ready = [each for each in others if is_whole(each, system.version, memory)]
    if ready:
        return _into(found, ready[0], system.version)
    if not system.bundle:
        why = f"no slot has {system.version} any more, which evenkeel has found without a bundle"
        return changed(found, verb="blocked", why=why, changes=(), restore=False)
    if not others:
        why = "there is no slot to install into beside the booted one"
        return changed(found, verb="blocked", why=why, changes=(), restore=False)
    target = min(others, key=lambda each: _worth(each, memory))
    if booted is not None and is_doubtful(booted, memory) and is_trusted(target, memory):
        why = f"slot {booted.label} is not proven, so that the way leads back into slot {target.label} first"
        return changed(_into(found, target, version_in(target, memory)), why=f"{found.why}; {why}")
    bundle, is_here = seen.bundle(system.key), system.bundle.startswith("file://")
    streams = system.streams and seen.can.streams and not is_here
    is_useless = system.key in memory.useless
    return changed(
        _into(found, target, system.version),
        verb="install",
        install=True,
        rivals=tuple(each.name for each in others if each.name != target.name),
        streams=streams,
        fetch=not is_here and not streams and (bundle is None or not bundle.is_complete or is_useless),
        is_useless=is_useless and bundle is not None,
        keeps_primary=seen.can.keeps_primary,
    )


def _into(found: SlotsDifference, target: SlotSeen, version: str) -> SlotsDifference:
    return changed(
        found,
        target=target.name,
        target_label=target.label,
        target_version=version,
        activations=target.activations,
        activate=True,
        reboot=True,
    )


def _worth(slot: SlotSeen, memory: SlotsMemory) -> tuple[bool, bool, str, str]:
    """How much a slot is worth as a way back; the least is written first."""
    return (not has_failed(slot, memory), slot.boot_status != "bad", slot.installed_at, slot.name)
