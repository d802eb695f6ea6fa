"""Marks of the bootloader that come before anything else, because of what a loss of power would boot until then.

With a bootloader that tries a slot once, the booted slot is bad after every boot until it is marked good.
"""

from __future__ import annotations

from evenkeel.reconcilers.slots.trials import Course, has_failed, is_doubtful, is_trusted, on_trial, version_in
from evenkeel.specs.slots.memory import Proof, SlotsMemory
from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem


def slot_to_mark(
    system: OperatingSystem | None,
    seen: SlotsSeen,
    memory: SlotsMemory,
    *,
    installs: bool = False,
    marks_any: bool = False,
) -> SlotSeen | None:
    """The slot that has to be marked good at once: the booted one, or, where the rescue system runs, one that is worth going
    back to. `system`: the one that is asked for, `None` for none; `installs`: another slot is about to be written; `marks_any`:
    where none is asked for, any is marked.

    A system that runs as it was found is what a revision goes back to. Any other one that nobody has proven keeps the
    bootloader's fallback until it is proven, as long as there is one."""
    booted = seen.slot(seen.booted)
    if booted is None or booted not in seen.bootable:
        trusted = [each for each in seen.bootable if is_trusted(each, memory)]
        return trusted[0] if trusted and all(each.boot_status == "bad" for each in trusted) else None
    if booted.boot_status != "bad":
        return None
    if installs:  # INV-10: what is written is bad from then on
        return booted
    is_proven = memory.proven.get(booted.name) == Proof(booted.version, seen.boot)
    if is_doubtful(booted, memory) or (booted.name in memory.trial and is_proven):
        return None
    if is_trusted(booted, memory) or _has_written(booted, seen, memory):
        return booted
    if system is None:
        return booted if marks_any else None
    is_found = not system.bundle and system.version == booted.version and not _has_been_unwell(booted, memory)
    return booted if is_found or not _has_fallback(booted, seen, memory) else None


def _has_been_unwell(slot: SlotSeen, memory: SlotsMemory) -> bool:
    proving = memory.proving.get(slot.name)
    return proving is not None and proving.has_failed and proving.version == slot.version


def _has_written(booted: SlotSeen, seen: SlotsSeen, memory: SlotsMemory) -> bool:
    """Whether evenkeel has written into another slot what nobody has proven yet: that is no fallback any more, and must not be
    booted unless somebody activates it."""
    return any(
        memory.installed.get(each.name) == version_in(each, memory) and not is_trusted(each, memory)
        for each in seen.bootable
        if each.name != booted.name
    )


def _has_fallback(booted: SlotSeen, seen: SlotsSeen, memory: SlotsMemory) -> bool:
    """Whether a loss of power would boot another slot, as far as anybody knows."""
    return any(
        each.boot_status == "good" and each.content not in ("pending", "failed") and not has_failed(each, memory)
        for each in seen.bootable
        if each.name != booted.name
    )


def is_stolen(seen: SlotsSeen, memory: SlotsMemory) -> bool:
    """Whether the updater has let the slot boot next that it has installed, and nobody has taken that back: evenkeel was not
    there when the install ended (A21). Nobody has activated that slot."""
    trial, booted = on_trial(seen, memory), seen.slot(seen.booted)
    return (
        trial is not None
        and trial.course == Course.WAITS
        and trial.is_by_updater
        and seen.primary == trial.name
        and booted in seen.bootable
    )
