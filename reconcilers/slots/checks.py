"""The checks of a look at the slots before the next update: pure, for any updater."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.specs.reading.quantity import rough_size_text
from evenkeel.specs.slots.finding import Finding
from evenkeel.specs.slots.observed import RESCUE, SlotsSeen

LEAST_FREE = 64 * 1024**2
"""Bytes; hardly any bundle of a whole system is smaller."""

REBOOT_REMEDY = (
    "see `systemctl status systemd-logind`; with `activation.reboot: others` somebody else reboots the device"
)


def of_slots(seen: SlotsSeen) -> tuple[Finding, ...]:
    """In the order in which an update needs them."""
    return tuple(_of_slots(seen))


def _of_slots(seen: SlotsSeen) -> Iterator[Finding]:
    yield Finding("updater", "ok", f"{seen.engine} answers")
    names = ", ".join(each.label for each in seen.bootable)
    if len(seen.bootable) < 2:
        text = f"only slot {names} can be booted" if seen.bootable else "no slot can be booted"
        yield Finding("slots", "error", f"{text}, and an update needs another one", "give two slots a `bootname`")
    else:
        yield Finding("slots", "ok", f"slots {names} can be booted")
    booted = seen.slot(seen.booted)
    yield from _fallback(seen)
    if booted is None:
        remedy = "the kernel's command line has to name the slot, as `rauc.slot=A`, or `root=` its device"
        yield Finding("booted slot", "error", "what runs is in no slot that the updater knows", remedy)
    elif booted.slot_class == RESCUE:
        yield Finding("booted slot", "error", "the rescue system runs", "install a bundle, and boot its slot")
    elif booted.boot_status == "bad":
        yield Finding(
            "booted slot",
            "warning",
            f"slot {booted.label} is not marked good, and may not be booted again",
            f"once it is well: `evenkeel slots mark good {booted.label}`; evenkeel does it itself for a system that a document "
            "asks for, and for any with `slots.markGood: always` in the settings",
        )
    else:
        yield Finding("booted slot", "ok", f"slot {booted.label} is booted")
    if not seen.primary:
        remedy = f"`evenkeel slots mark active {booted.label}`" if booted is not None else "mark a slot active"
        yield Finding("next boot", "error", "the bootloader has no slot that it would boot", remedy)
    yield _reboot(seen)
    yield _rescue(seen)
    yield from _room(seen)


def _fallback(seen: SlotsSeen) -> Iterator[Finding]:
    """Whether the bootloader has another slot when the booted one fails."""
    others = [each for each in seen.bootable if each.name != seen.booted]
    bad = [each.label for each in others if each.boot_status == "bad"]
    if not bad:
        return
    text = f"the bootloader does not boot slot {', '.join(bad)}"
    if len(bad) == len(others):
        has_rescue = any(each.slot_class == RESCUE for each in seen.slots)
        text += f": when the booted one fails, {'only the rescue slot is' if has_rescue else 'nothing is'} left"
    mark = f"`evenkeel slots mark good {bad[0]}`"
    remedy = f"install a system into it, activate the one that was installed, or, where it is well, {mark}"
    yield Finding("fallback", "warning", text, remedy)


def _reboot(seen: SlotsSeen) -> Finding:
    if seen.no_reboot:
        return Finding("reboot", "error", f"evenkeel cannot reboot the device: {seen.no_reboot}", REBOOT_REMEDY)
    return Finding("reboot", "ok", "evenkeel can reboot the device")


def _rescue(seen: SlotsSeen) -> Finding:
    if any(each.slot_class == RESCUE for each in seen.slots):
        return Finding("rescue slot", "ok", "there is one")
    return Finding(
        "rescue slot",
        "warning",
        "there is none: when neither of the other slots boots, nothing does",
        "add a slot of class `rescue` that the bootloader boots last",
    )


def _room(seen: SlotsSeen) -> Iterator[Finding]:
    if seen.free is None:
        yield Finding("room for bundles", "unknown", "how much is free in the folder of bundles cannot be seen")
        return
    text = f"{rough_size_text(seen.free)} are free in the folder of bundles"
    if seen.free < LEAST_FREE:
        remedy = "make room, or let `slots.store` in the settings name a folder on a larger disk"
        yield Finding("room for bundles", "error", text, remedy)
    else:
        yield Finding("room for bundles", "ok", text)
