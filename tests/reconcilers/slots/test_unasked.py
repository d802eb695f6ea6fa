"""Systems that no document asks for: a bootloader that tries a slot once needs a mark after each boot
(docs/adr/0026-marks.md)."""

from __future__ import annotations

import pytest
from tests.controller.drivers.slots.bench import Bench, asking, bench

from evenkeel.controller.drivers.slots.memory.world import RESCUE_SLOT, Bundle, factory
from evenkeel.reconcilers.slots import Slots
from evenkeel.reconcilers.slots.by_hand import booted, marked
from evenkeel.specs.slots.memory import Failure, SlotsMemory
from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

A, B = "rootfs.0", "rootfs.1"
NOTHING = asking()


async def boots(it: Bench, times: int) -> list[str]:
    """The slots that come up, each time with evenkeel at work and nothing asked for. The power goes between any two."""
    found = []
    for _ in range(times):
        it.engine.cut_power()
        found.append(it.world.booted)
        if it.world.booted == RESCUE_SLOT:
            break
        await it.converge(NOTHING)
    return found


@pytest.mark.virtual
async def test_a_system_of_the_factory_is_left_to_others_by_default() -> None:
    with bench(factory()) as it:
        assert await boots(it, 3) == [A, B, RESCUE_SLOT]
        assert it.driver.done == []


@pytest.mark.virtual
async def test_it_is_marked_where_the_settings_say_so() -> None:
    with bench(factory()) as it:
        it.decisions = Slots(marks_any=True)
        assert await boots(it, 4) == [A] * 4
        assert it.world.primary == A


@pytest.mark.virtual
async def test_a_system_that_evenkeel_has_proven_is_marked_without_its_document() -> None:
    with bench(factory()) as it:
        await it.converge(asking(OperatingSystem("os", "2", "https://updates.test/2.raucb")))
        assert it.world.booted == B
        assert await boots(it, 4) == [B] * 4


@pytest.mark.virtual
async def test_another_system_in_the_slot_is_not_the_one_that_was_proven() -> None:
    with bench(factory()) as it:
        await it.converge(asking(OperatingSystem("os", "2", "https://updates.test/2.raucb")))
        slot = it.world.slots[B]
        it.world.slots[B] = type(slot)(slot.bootname, Bundle("9"), slot.left)
        done = len(it.driver.done)
        assert (await boots(it, 1), len(it.driver.done)) == ([B], done)
        assert it.world.slots[B].left == 0


@pytest.mark.parametrize("marks_any", [False, True])
def test_only_who_may_have_something_to_mark_is_looked_at(marks_any: bool) -> None:
    assert Slots(marks_any=marks_any).is_idle([Slots().select(NOTHING)], SlotsMemory()) is not marks_any


def test_a_person_is_warned_of_a_system_that_has_failed() -> None:
    slot = SlotSeen(B, "rootfs", "B", content="ok", version="2")
    memory = SlotsMemory(failed={B: Failure("2", "slot B is not well 5m after its boot")})
    for plan in (booted(slot, SlotsSeen("x", slots=(slot,)), memory), marked("active", slot, SlotsSeen("x"), memory)):
        assert (
            "; 2 has failed in slot B: slot B is not well 5m after its boot, and it may not boot"
            in plan.differences[0].why
        )
    assert "may not boot" not in marked("good", slot, SlotsSeen("x"), memory).differences[0].why
