"""The checks of a look at the slots."""

from __future__ import annotations

from evenkeel.reconcilers.slots.checks import of_slots
from evenkeel.specs.codec import changed
from evenkeel.specs.slots.finding import Finding
from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen

A = SlotSeen("rootfs.0", "rootfs", "A", state="booted", boot_status="good")
B = SlotSeen("rootfs.1", "rootfs", "B", boot_status="good")
RESCUE = SlotSeen("rescue.0", "rescue")


def findings(*slots: SlotSeen) -> dict[str, Finding]:
    seen = SlotsSeen("RAUC", slots=slots, booted=A.name, primary=A.name, free=10**9)
    return {each.about: each for each in of_slots(seen)}


def test_a_device_without_a_rescue_slot_is_warned_of_with_a_remedy() -> None:
    found = findings(A, B)
    assert (found["rescue slot"].level, "nothing does" in found["rescue slot"].text) == ("warning", True)
    assert "class `rescue`" in found["rescue slot"].remedy
    assert {about: each.level for about, each in found.items() if each.level != "ok"} == {"rescue slot": "warning"}


def test_a_device_with_one_is_sound() -> None:
    found = findings(RESCUE, A, B)
    assert [each for each in found.values() if each.level != "ok"] == []
    assert found["rescue slot"].remedy == ""


def test_a_slot_that_the_bootloader_does_not_boot_is_no_way_back() -> None:
    """R1: with `B_OK=0` both slots were told as ones that can be booted."""
    bad = changed(B, boot_status="bad")
    found = findings(A, bad)["fallback"]
    assert (found.level, found.text) == (
        "warning",
        "the bootloader does not boot slot B: when the booted one fails, nothing is left",
    )
    assert "`evenkeel slots mark good B`" in found.remedy
    assert findings(RESCUE, A, bad)["fallback"].text.endswith("only the rescue slot is left")
    third = SlotSeen("rootfs.2", "rootfs", "C", boot_status="good")
    assert findings(A, bad, third)["fallback"].text == "the bootloader does not boot slot B"
    assert "fallback" not in findings(A, changed(B, boot_status="unknown"))
