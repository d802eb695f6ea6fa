"""The way out of the rescue system, where two slots are free and the updater chooses between them."""

from __future__ import annotations

from tests.reconcilers.slots.test_diff import SETTLED, SYSTEM, A, B, action, planned, seen, slot, steps

from evenkeel.reconcilers.slots import Slots
from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Done, Step
from evenkeel.specs.slots.memory import Proof, SlotsMemory
from evenkeel.specs.slots.observed import Abilities, SlotsSeen


def broken(b: str = "1", **fields: object) -> SlotsSeen:
    """Neither slot boots, and the rescue system runs."""
    return seen(slot(A, "1", boot_status="bad"), slot(B, b, boot_status="bad"), "rescue.0", **{"primary": "", **fields})


def install_step(look: SlotsSeen, memory: SlotsMemory) -> Step:
    plan = planned(SYSTEM, look, memory)
    return next(step for stage in plan.stages for step in stage.steps if step.id == "install")


def test_the_slot_is_activated_only_once_it_is_known_which_one_was_written() -> None:
    plan = planned(SYSTEM, broken())
    assert [each for each in steps(plan) if each != "settle"] == ["fetch", "inspect", "install"]
    install = action(plan, "install")
    assert {install.slot, *install.rivals} == {A, B}
    assert install.traits.text.endswith(", or another one that the updater chooses")


def test_beside_a_booted_slot_there_is_no_choice() -> None:
    plan = planned(SYSTEM, seen(slot(A, "1"), slot(B, "0")))
    assert action(plan, "install").rivals == ()
    assert steps(plan) == ["fetch", "inspect", "install", "activate", "reboot"]


def test_the_slot_that_was_written_is_booted() -> None:
    step = install_step(broken(), SETTLED)
    rival = B if step.action.slot == A else A  # type: ignore[union-attr]
    memory = Slots().memory_after(step, Done("", rival), Slots().memory_before(step, SETTLED))
    assert memory.installed == {rival: "2"}
    plan = planned(SYSTEM, broken("2") if rival == B else seen(slot(A, "2"), slot(B, "1"), "rescue.0"), memory)
    assert [each for each in steps(plan) if each != "settle"] == ["activate", "reboot"]
    assert action(plan, "activate").slot == rival


def test_an_updater_that_activates_by_itself_has_put_the_slot_on_trial() -> None:
    can = Abilities(keeps_primary=False)
    step = install_step(broken(can=can), SETTLED)
    rival = B if step.action.slot == A else A  # type: ignore[union-attr]
    memory = Slots().memory_after(step, Done("", rival), Slots().memory_before(step, SETTLED))
    assert list(memory.trial) == [rival]
    plan = planned(SYSTEM, broken("2", primary=rival, can=can), memory)
    assert [each for each in steps(plan) if each != "settle"] == ["activate", "reboot"]


def test_none_of_the_slots_that_may_be_written_is_trusted_from_then_on() -> None:
    """A loss of power in the middle leaves a torn slot, and it is not known which one."""
    proven = changed(
        SETTLED, proven={A: Proof("1", "boot-0"), B: Proof("1", "boot-0")}, ran={B: "1"}, installed={B: "1"}
    )
    memory = Slots().memory_before(install_step(broken(), proven), proven)
    assert (memory.proven, memory.ran, memory.installed) == ({}, {}, {})
