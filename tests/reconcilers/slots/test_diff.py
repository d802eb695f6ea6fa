"""Looks and memories of the slots domain, and what they lead to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from evenkeel.reconcilers.ports import Former
from evenkeel.reconcilers.slots import Slots
from evenkeel.reconcilers.slots.checks import REBOOT_REMEDY
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.plan import Done, Failed, Outcome, Phase, Plan, Step
from evenkeel.specs.slots.actions import Activate, Install, Reboot, Restore
from evenkeel.specs.slots.memory import UNCOUNTED, Failure, Proof, Proving, SlotsMemory, Trial
from evenkeel.specs.slots.observed import Abilities, BundleSeen, SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import BUNDLES, OperatingSystem
from evenkeel.specs.window import Window

A, B = "rootfs.0", "rootfs.1"
SYSTEM = OperatingSystem("os", "2", "https://updates.test/2.raucb")
SETTLED = SlotsMemory(proven={A: Proof("1", "boot-0")}, reached={"os": "1"})


def asking(*systems: OperatingSystem) -> DesiredState:
    return desired_state([Document("OperatingSystem", each.name, each) for each in systems])


def slot(name: str, version: str = "", **fields: Any) -> SlotSeen:
    fields = {"boot_status": "good", "content": "ok", "activations": 1} | fields
    return SlotSeen(name, "rootfs", {A: "A", B: "B"}.get(name, name), version=version, **fields)


def seen(a: SlotSeen, b: SlotSeen, booted: str = A, **fields: Any) -> SlotsSeen:
    rescue = SlotSeen("rescue.0", "rescue", state="booted" if booted == "rescue.0" else "inactive")
    slots = tuple(changed(each, state="booted") if each.name == booted else each for each in (a, b))
    fields = {"booted": booted, "primary": booted, "boot": "boot-1", "can": Abilities(keeps_primary=True)} | fields
    return SlotsSeen("test", ("os",), (rescue, *slots), **fields)


def planned(system: OperatingSystem | None, look: SlotsSeen, memory: SlotsMemory = SETTLED) -> Plan:
    slots = Slots()
    want = slots.select(asking(*([system] if system is not None else [])))
    return slots.plan(slots.diff(want, look, memory), look, memory, Former(None, want))


def steps(plan: Plan) -> list[str]:
    return [step.id for stage in plan.stages for step in stage.steps]


def verb_and_why(plan: Plan) -> tuple[str, str]:
    (found,) = (each for each in plan.differences if each.subject != BUNDLES)
    return found.verb, found.why


def action(plan: Plan, id_: str) -> Any:
    return next(step.action for stage in plan.stages for step in stage.steps if step.id == id_)


WHOLE = ["fetch", "inspect", "install", "activate", "reboot"]


def test_another_version_is_fetched_installed_and_booted() -> None:
    plan = planned(SYSTEM, seen(slot(A, "1"), slot(B, "1")))
    assert steps(plan) == WHOLE
    assert [stage.phase for stage in plan.stages] == [Phase.DOWNLOAD, Phase.UPDATE, Phase.ACTIVATE]
    assert action(plan, "install") == Install(B, "B", SYSTEM, keeps=A, keeps_primary=True, boot="boot-1")
    assert action(plan, "activate") == Activate(B, "B", "2", "boot-1", A, "1", 1)


def test_the_version_that_runs_and_is_proven_is_no_difference() -> None:
    assert planned(changed(SYSTEM, version="1"), seen(slot(A, "1"), slot(B, "2"))).differences == ()


def test_a_version_that_runs_already_is_proven_once() -> None:
    plan = planned(changed(SYSTEM, version="1"), seen(slot(A, "1"), slot(B)), SlotsMemory())
    assert steps(plan) == ["prove"]


def test_a_system_as_found_is_not_proven_by_a_health_that_nobody_has_asked_for() -> None:
    """It is kept up while a first revision waits for another domain, whose document has a health of its own."""
    look = seen(slot(A, "1"), slot(B))
    assert planned(OperatingSystem("os", "1"), look, SlotsMemory()).differences == ()
    back = SlotsMemory(trial={A: Trial("1", "boot-0", B)}, ran={A: "1"})
    assert "prove" in steps(planned(OperatingSystem("os", "1"), look, back))


def test_a_slot_that_has_the_version_is_not_written_again() -> None:
    assert steps(planned(SYSTEM, seen(slot(A, "1"), slot(B, "2")))) == ["activate", "reboot"]


def test_a_bad_slot_counts_only_where_evenkeel_has_written_it_to_the_end() -> None:
    """RAUC before 1.10 keeps the record of what was there before an install that was interrupted."""
    look = seen(slot(A, "1"), slot(B, "2", boot_status="bad"))
    assert steps(planned(SYSTEM, look)) == WHOLE
    written = changed(SETTLED, installed={B: "2"})
    assert steps(planned(SYSTEM, look, written)) == ["activate", "reboot"]
    begun = after(written, planned(SYSTEM, look), "install", None)
    assert steps(planned(SYSTEM, look, begun)) == WHOLE
    whole = after(SETTLED, planned(SYSTEM, look), "install", Done())
    assert whole.installed == {B: "2"}
    ran = changed(SETTLED, ran={B: "2"})
    assert steps(planned(SYSTEM, look, ran)) == ["activate", "reboot"]


@pytest.mark.parametrize("content", ["pending", "failed"])
def test_a_torn_slot_is_written_again(content: str) -> None:
    assert steps(planned(SYSTEM, seen(slot(A, "1"), slot(B, "2", content=content)))) == WHOLE


def test_a_slot_whose_version_has_failed_is_written_again() -> None:
    memory = changed(SETTLED, failed={B: Failure("2", "did not boot")})
    assert steps(planned(SYSTEM, seen(slot(A, "1"), slot(B, "2")), memory)) == WHOLE


def test_what_is_fetched_is_not_fetched_again() -> None:
    look = seen(slot(A, "1"), slot(B), bundles=(BundleSeen(SYSTEM.key, 7, True),))
    assert steps(planned(SYSTEM, look)) == WHOLE[1:]
    torn = seen(slot(A, "1"), slot(B), bundles=(BundleSeen(SYSTEM.key, 7),))
    assert steps(planned(SYSTEM, torn)) == WHOLE


@pytest.mark.parametrize(
    ("system", "can"),
    [
        (changed(SYSTEM, streams=True), Abilities(streams=True)),
        (changed(SYSTEM, bundle="file:///media/2.raucb"), Abilities()),
    ],
)
def test_a_bundle_that_need_not_be_stored(system: OperatingSystem, can: Abilities) -> None:
    assert steps(planned(system, seen(slot(A, "1"), slot(B), can=can))) == WHOLE[1:]


NO_LOGIND = "no org.freedesktop.login1 on D-Bus; is it installed and running?"


def test_nothing_is_written_that_nobody_can_boot() -> None:
    look = seen(slot(A, "1"), slot(B), no_reboot=NO_LOGIND)
    plan = planned(SYSTEM, look)
    assert steps(plan) == []
    assert verb_and_why(plan) == (
        "blocked",
        f"evenkeel cannot reboot the device: {NO_LOGIND}; {REBOOT_REMEDY}",
    )
    assert steps(planned(SYSTEM, seen(slot(A, "1"), slot(B, "2"), no_reboot=NO_LOGIND))) == []
    assert steps(planned(changed(SYSTEM, reboot="others"), look)) == WHOLE


def test_the_way_back_is_marked_though_evenkeel_cannot_reboot() -> None:
    """Somebody may switch the device off and on."""
    memory = changed(SETTLED, trial={B: Trial("2", "boot-0", A)}, ran={A: "1"})
    look = seen(slot(A, "1"), slot(B, "2"), booted=B, no_reboot=NO_LOGIND)
    assert steps(planned(changed(SYSTEM, version="1"), look, memory)) == ["activate", "reboot"]


def test_streaming_that_the_updater_cannot_do_is_a_download() -> None:
    assert steps(planned(changed(SYSTEM, streams=True), seen(slot(A, "1"), slot(B)))) == WHOLE


def test_of_several_slots_the_least_worth_is_written() -> None:
    look = seen(slot(A, "1"), slot(B, "0", installed_at="2026-01-02"))
    third = slot("rootfs.2", "0", installed_at="2026-01-01")
    look = changed(look, slots=(*look.slots, third))
    assert action(planned(SYSTEM, look), "install").slot == "rootfs.2"
    bad = changed(look, slots=(*look.slots[:-2], changed(look.slots[-2], boot_status="bad"), third))
    assert action(planned(SYSTEM, bad), "install").slot == B


def test_without_another_slot_nothing_can_be_done() -> None:
    look = changed(seen(slot(A, "1"), slot(B)), slots=(changed(slot(A, "1"), state="booted"),))
    assert verb_and_why(planned(SYSTEM, look)) == (
        "blocked",
        "there is no slot to install into beside the booted one",
    )


def test_the_booted_slot_is_marked_good_before_anything_else() -> None:
    plan = planned(SYSTEM, seen(slot(A, "1", boot_status="bad"), slot(B)))
    assert steps(plan) == ["settle", *WHOLE]
    assert plan.stages[0].phase == Phase.DOWNLOAD
    still = planned(changed(SYSTEM, version="1"), seen(slot(A, "1", boot_status="bad"), slot(B)))
    assert steps(still) == ["settle"]


# ── around a reboot ────────────────────────────────────────────────────────────────────────────────────────────

ON_TRIAL = changed(SETTLED, trial={B: Trial("2", "boot-1", A, 1, is_marked=True)}, ran={A: "1"})


def test_an_activated_slot_is_booted() -> None:
    look = seen(slot(A, "1"), slot(B, "2", activations=2), primary=B)
    assert steps(planned(SYSTEM, look, ON_TRIAL)) == ["reboot"]


def test_an_activation_that_was_not_made_is_made() -> None:
    unmarked = changed(ON_TRIAL, trial={B: Trial("2", "boot-1", A, 1)})
    assert steps(planned(SYSTEM, seen(slot(A, "1"), slot(B, "2")), unmarked)) == ["activate", "reboot"]


def test_a_loss_of_power_before_the_mark_is_no_fallback() -> None:
    unmarked = changed(ON_TRIAL, trial={B: Trial("2", "boot-0", A, 1)})
    plan = planned(SYSTEM, seen(slot(A, "1"), slot(B, "2")), unmarked)
    assert steps(plan) == ["activate", "reboot"]
    assert action(plan, "activate").boots == 1


@pytest.mark.parametrize(
    ("trial", "b"),
    [
        (Trial("2", "boot-0", A, 1, is_marked=True), slot(B, "2")),
        (Trial("2", "boot-0", A, 1), slot(B, "2", activations=2)),
    ],
)
def test_a_fallback_is_told_by_the_boot_and_the_slot(trial: Trial, b: SlotSeen) -> None:
    plan = planned(SYSTEM, seen(slot(A, "1"), b), changed(ON_TRIAL, trial={B: trial}))
    assert steps(plan) == ["prove"]
    assert verb_and_why(plan)[1].startswith("the bootloader fell back to slot A (1): slot B (2) did not boot")


@pytest.mark.parametrize("trial", [Trial("2", "boot-0", A, UNCOUNTED), Trial("2", "boot-0", A, activations=1)])
def test_that_the_other_slot_boots_next_is_no_fallback_where_this_one_was_tried(trial: Trial) -> None:
    """A bootloader that tries a slot once has the booted one last, until it is marked good."""
    look = seen(slot(A, "1", boot_status="bad"), slot(B, "2"), primary=B)
    plan = planned(SYSTEM, look, changed(SETTLED, trial={B: trial}))
    assert steps(plan) == ["settle", "activate", "reboot"]


def test_what_evenkeel_has_written_and_nobody_activated_does_not_boot_next() -> None:
    """Nobody asks for a system at the moment: an update manager has not yet sent the command."""
    look = seen(slot(A, "1", boot_status="bad"), slot(B, "2"), primary=B)
    assert steps(planned(None, look, SlotsMemory(installed={B: "2"}))) == ["settle"]
    assert steps(planned(None, look, SlotsMemory())) == []


def test_a_further_try_of_a_boot() -> None:
    memory = changed(ON_TRIAL, trial={B: Trial("2", "boot-0", A, 1, is_marked=True)})
    plan = planned(changed(SYSTEM, tries=2), seen(slot(A, "1"), slot(B, "2")), memory)
    assert steps(plan) == ["activate", "reboot"]
    assert action(plan, "activate").boots == 2


def test_what_has_arrived_is_proven_and_marked() -> None:
    look = seen(slot(A, "1"), slot(B, "2", boot_status="bad"), B, boot="boot-2", at=100.0)
    memory = changed(ON_TRIAL, trial={B: Trial("2", "boot-1", A, 1, is_marked=True, at=60.0)})
    plan = planned(SYSTEM, look, memory)
    assert steps(plan) == ["prove", "mark-good"]
    assert [len(stage.steps) for stage in plan.stages] == [1, 1], "the mark waits for another look"
    assert action(plan, "prove").away_s == 40.0


def test_what_is_proven_in_this_boot_is_only_marked() -> None:
    look = seen(slot(A, "1"), slot(B, "2", boot_status="bad"), B)
    memory = changed(ON_TRIAL, trial={B: Trial("2", "boot-0", A, 1)}, proven={B: Proof("2", "boot-1")})
    assert steps(planned(SYSTEM, look, memory)) == ["mark-good"]
    another = changed(memory, proven={B: Proof("2", "boot-0")})
    assert steps(planned(SYSTEM, look, another)) == ["settle", "prove", "mark-good"]


def test_the_way_back_before_the_reboot_is_a_mark() -> None:
    look = seen(slot(A, "1"), slot(B, "2", activations=2), primary=B)
    plan = planned(changed(SYSTEM, version="1"), look, ON_TRIAL)
    assert steps(plan) == ["restore"]
    assert action(plan, "restore") == Restore(A, "A")


def test_the_way_back_after_the_reboot_is_another_one() -> None:
    look = seen(slot(A, "1"), slot(B, "2"), B, boot="boot-2")
    plan = planned(changed(SYSTEM, version="1", bundle=""), look, ON_TRIAL)
    assert steps(plan) == ["activate", "reboot"]
    assert (action(plan, "activate").slot, action(plan, "activate").runs) == (A, "")


def test_what_is_left_because_it_has_failed_is_what_a_failed_way_back_falls_back_to() -> None:
    look = seen(slot(A, "1"), slot(B, "2", boot_status="bad"), B, boot="boot-2")
    failed = changed(ON_TRIAL, trial={}, failed={B: Failure("2", "is not well")})
    back = planned(changed(SYSTEM, version="1"), look, failed)
    assert steps(back) == ["net", "activate", "reboot"]
    assert action(back, "net").slot == B
    left = seen(slot(A, "1", boot_status="good"), slot(B, "2"), boot="boot-3")
    assert steps(planned(changed(SYSTEM, version="1"), left, failed)) == ["mark-bad:rootfs.1"]


def test_the_way_back_into_a_slot_of_the_factory() -> None:
    """The updater knows nothing of it; the memory does."""
    look = seen(slot(A, content="unknown"), slot(B, "2"), B, boot="boot-2")
    assert steps(planned(changed(SYSTEM, version="1", bundle=""), look, ON_TRIAL)) == ["activate", "reboot"]
    unknown = planned(changed(SYSTEM, version="1", bundle=""), look, changed(ON_TRIAL, ran={}))
    assert verb_and_why(unknown) == (
        "blocked",
        "no slot has 1 any more, which evenkeel has found without a bundle",
    )


def test_what_is_on_trial_is_never_what_a_further_update_falls_back_to() -> None:
    """A newer wish after the boot: the only proven system is in the slot that would be written."""
    look = seen(slot(A, "1"), slot(B, "2"), B, boot="boot-2")
    plan = planned(changed(SYSTEM, version="3"), look, ON_TRIAL)
    assert steps(plan) == ["activate", "reboot"]
    assert (action(plan, "activate").slot, action(plan, "activate").version) == (A, "1")
    back = changed(ON_TRIAL, trial={A: Trial("1", "boot-2", B, 1, is_marked=True)})
    then = planned(changed(SYSTEM, version="3"), seen(slot(A, "1"), slot(B, "2"), boot="boot-3"), back)
    assert steps(then) == WHOLE
    assert action(then, "install").slot == B


def test_a_newer_wish_before_the_reboot_restores_first() -> None:
    look = seen(slot(A, "1"), slot(B, "2", activations=2), primary=B)
    plan = planned(changed(SYSTEM, version="3"), look, ON_TRIAL)
    assert steps(plan) == ["fetch", "inspect", "restore", "install", "activate", "reboot"]


def test_nobody_asks_any_more() -> None:
    waits = seen(slot(A, "1"), slot(B, "2", activations=2), primary=B)
    assert steps(planned(None, waits, ON_TRIAL)) == ["restore"]
    arrived = seen(slot(A, "1"), slot(B, "2", boot_status="bad"), B, boot="boot-2")
    assert steps(planned(None, arrived, ON_TRIAL)) == ["prove", "mark-good"]
    assert planned(None, seen(slot(A, "1"), slot(B, "2"))).differences == ()


def test_from_the_rescue_system_the_way_leads_back() -> None:
    look = seen(slot(A, "1", boot_status="bad"), slot(B, "2", boot_status="bad"), "rescue.0", primary="")
    plan = planned(changed(SYSTEM, version="1"), look)
    assert steps(plan) == ["settle", "activate", "reboot"]
    assert action(plan, "settle").slot == A


# ── other people's hands ───────────────────────────────────────────────────────────────────────────────────────


def test_a_system_that_somebody_has_booted_by_hand_is_told_only() -> None:
    """INV-11"""
    plan = planned(changed(SYSTEM, version="1"), seen(slot(A, "1"), slot(B, "9"), B), SETTLED)
    assert verb_and_why(plan)[0] == "keep"
    assert steps(plan) == []
    look = seen(slot(A, "1"), slot(B, "9"), B)
    assert "9 in slot B is booted" in Slots().ailing(look, SETTLED)["os"].why


def test_a_system_that_somebody_has_booted_by_hand_is_repaired_where_the_spec_says_so() -> None:
    plan = planned(changed(SYSTEM, version="1", drift="repair"), seen(slot(A, "1"), slot(B, "9"), B), SETTLED)
    assert steps(plan) == ["activate", "reboot"]


def test_a_later_fallback_is_told_as_one() -> None:
    memory = SlotsMemory(proven={B: Proof("2", "boot-0")}, reached={"os": "2"})
    look = seen(slot(A, "1"), slot(B, "2", boot_status="bad"))
    verb, why = verb_and_why(planned(SYSTEM, look, memory))
    assert verb == "keep"
    assert why == "1 in slot A is booted: the bootloader fell back from slot B, in which 2 was proven"
    assert why in Slots().ailing(look, memory)["os"].why
    by_hand = seen(slot(A, "1"), slot(B, "2"))
    assert verb_and_why(planned(SYSTEM, by_hand, memory))[1] == (
        "1 in slot A is booted, and not 2: somebody else has changed it"
    ), "the bootloader would still boot B"


def test_a_new_wish_overrules_what_somebody_has_booted() -> None:
    assert steps(planned(SYSTEM, seen(slot(A, "1"), slot(B, "9"), B), SETTLED)) == WHOLE


def test_a_trial_that_nobody_asks_for_any_more_leaves_nothing_to_be_taken_for_drift() -> None:
    """The document was removed during the proof, and asks for the former system again later: no hand of others."""
    memory = changed(SETTLED, trial={B: Trial("2", "boot-0", A)}, proven={**SETTLED.proven, B: Proof("2", "boot-1")})
    look = seen(slot(A, "1"), slot(B, "2"), B)
    plan = planned(None, look, memory)
    (step,) = (each for stage in plan.stages for each in stage.steps)
    memory = Slots().memory_after(step, Done(""), memory)
    assert (memory.trial, set(memory.reached.values())) == ({}, {"2"})
    assert steps(planned(changed(SYSTEM, version="1"), look, memory)) == ["activate", "reboot"]


def test_a_slot_that_somebody_has_activated() -> None:
    look = seen(slot(A, "1"), slot(B, "9"), primary=B)
    assert verb_and_why(planned(changed(SYSTEM, version="1"), look)) == (
        "keep",
        "slot B (9) boots next, which evenkeel did not activate, and not slot A",
    )
    found = Slots().ailing(look, SETTLED)["os"]
    assert found.why.endswith("slot B (9) boots next, which evenkeel did not activate, and not slot A")
    assert not found.refutes, "it says nothing against the system that was proven"
    assert steps(planned(changed(SYSTEM, version="1", drift="repair"), look)) == ["restore"]
    failed = changed(SETTLED, failed={B: Failure("9", "is bad")})
    assert steps(planned(changed(SYSTEM, version="1"), look, failed)) == ["restore"]


def test_a_failed_slot_that_may_be_booted_is_marked_bad() -> None:
    failed = changed(SETTLED, failed={B: Failure("2", "is bad")})
    assert steps(planned(changed(SYSTEM, version="1"), seen(slot(A, "1"), slot(B, "2")), failed)) == [
        "mark-bad:rootfs.1"
    ]
    unmarked = seen(slot(A, "1", boot_status="unknown"), slot(B, "2"))
    assert steps(planned(changed(SYSTEM, version="1"), unmarked, failed)) == []


def test_a_version_that_was_set_aside_is_not_tried_again() -> None:
    memory = changed(SETTLED, rejected={"2": "did not boot"})
    plan = planned(SYSTEM, seen(slot(A, "1"), slot(B)), memory)
    assert verb_and_why(plan) == ("blocked", "2 is not tried again: did not boot")


# ── the store, the window, the reboot of others ────────────────────────────────────────────────────────────────


def test_bundles_that_nobody_needs_are_discarded() -> None:
    old = BundleSeen("0" * 32, 7, True)
    plan = planned(SYSTEM, seen(slot(A, "1"), slot(B), bundles=(old,)))
    assert action(plan, f"discard:{BUNDLES}").keys == (old.key,)
    mine = BundleSeen(SYSTEM.key, 7, True)
    memory = SlotsMemory(proven={B: Proof("2", "boot-1")}, reached={"os": "2"}, fetched=(SYSTEM.key,))
    arrived = planned(SYSTEM, seen(slot(A, "1"), slot(B, "2"), B, bundles=(mine,)), memory)
    assert steps(arrived) == ["discard:os"]


def test_the_bundle_of_the_desired_state_stays_while_last_good_is_kept_up() -> None:
    slots, look = Slots(), seen(slot(A, "1"), slot(B), bundles=(BundleSeen(SYSTEM.key, 7),))
    good, desired = slots.select(asking(changed(SYSTEM, version="1", bundle=""))), slots.select(asking(SYSTEM))
    differences = slots.diff(good, look, SETTLED)
    assert steps(slots.plan(differences, look, SETTLED, Former(good, desired))) == []
    useless = changed(SETTLED, useless=(SYSTEM.key,))
    assert steps(slots.plan(differences, look, useless, Former(good, desired))) == [f"discard:{BUNDLES}"]


def test_the_window_and_the_reboot_of_others_are_the_drivers() -> None:
    system = changed(SYSTEM, window=Window(120, 240), reboot="others")
    plan = planned(system, seen(slot(A, "1"), slot(B, "2"), at=50.0))
    assert action(plan, "activate").window == Window(120, 240)
    assert action(plan, "activate").at == 0.0, "nobody knows how long it waits"
    assert action(plan, "reboot") == Reboot(B, "B", "2", "others", Window(120, 240))


# ── the memory ─────────────────────────────────────────────────────────────────────────────────────────────────


def after(memory: SlotsMemory, plan: Plan, id_: str, outcome: Outcome | None) -> SlotsMemory:
    """The memory after a step; `None`: it has begun, and the process is dead."""
    step: Step = next(step for stage in plan.stages for step in stage.steps if step.id == id_)
    begun = Slots().memory_before(step, memory)
    return begun if outcome is None else Slots().memory_after(step, outcome, begun)


def test_a_trial_is_remembered_before_the_mark() -> None:
    plan = planned(SYSTEM, seen(slot(A, "1"), slot(B, "2"), at=50.0))
    begun = after(SETTLED, plan, "activate", None)
    assert begun.trial == {B: Trial("2", "boot-1", A, 1, at=50.0)}
    assert begun.ran == {A: "1"}
    marked = after(SETTLED, plan, "activate", Done())
    assert marked.trial[B].is_marked
    assert after(marked, plan, "reboot", None) == marked


def test_a_failed_proof_ends_the_trial() -> None:
    look = seen(slot(A, "1"), slot(B, "2", boot_status="bad"), B, boot="boot-2")
    memory = after(ON_TRIAL, planned(SYSTEM, look, ON_TRIAL), "prove", Failed("is not well"))
    assert (memory.trial, memory.failed) == ({}, {B: Failure("2", "is not well")})
    assert memory.reached == {"os": "1"}


def test_a_proof_and_a_mark_end_the_trial_well() -> None:
    look = seen(slot(A, "1"), slot(B, "2", boot_status="bad"), B, boot="boot-2")
    plan = planned(SYSTEM, look, ON_TRIAL)
    proven = after(ON_TRIAL, plan, "prove", Done())
    assert proven.trial, "a loss of power before the mark is still a fallback of this trial"
    good = after(proven, plan, "mark-good", Done())
    assert (good.trial, good.reached, good.proven[B]) == ({}, {"os": "2"}, Proof("2", "boot-2"))


def test_an_install_forgets_what_was_in_the_slot() -> None:
    memory = SlotsMemory(proven={B: Proof("0", "x")}, ran={B: "0"}, failed={B: Failure("0", "why")})
    plan = planned(SYSTEM, seen(slot(A, "1"), slot(B)), memory)
    begun = after(memory, plan, "install", None)
    assert (begun.proven, begun.ran, begun.trial) == ({}, {}, {})
    assert begun.failed == memory.failed, "until another content is whole"
    assert after(memory, plan, "install", Done()).failed == {}


def test_an_install_that_marks_by_itself_begins_a_trial() -> None:
    plan = planned(SYSTEM, seen(slot(A, "1"), slot(B), can=Abilities()))
    trial = after(SETTLED, plan, "install", None).trial
    assert trial == {B: Trial("2", "boot-1", A, -1)}
    booted = seen(slot(A, "1"), slot(B, "2", boot_status="bad"), B, boot="boot-2")
    assert steps(planned(SYSTEM, booted, changed(SETTLED, trial=trial))) == ["prove", "mark-good"]
    taken_back = seen(slot(A, "1"), slot(B, "2", activations=2), boot="boot-2")
    assert steps(planned(SYSTEM, taken_back, changed(SETTLED, trial=trial))) == ["activate", "reboot"]


def test_a_bundle_that_cannot_be_installed_is_useless() -> None:
    plan = planned(SYSTEM, seen(slot(A, "1"), slot(B)))
    fetched = after(SETTLED, plan, "fetch", Done())
    assert fetched.fetched == (SYSTEM.key,)
    useless = after(fetched, plan, "inspect", Failed("no signature"))
    assert useless.useless == (SYSTEM.key,)
    again = planned(SYSTEM, seen(slot(A, "1"), slot(B), bundles=(BundleSeen(SYSTEM.key, 7, True),)), useless)
    assert steps(again) == ["clear", *WHOLE], "somebody has put another one there"
    cleared = after(useless, again, "clear", Done())
    assert (cleared.useless, cleared.fetched) == ((), ())


def test_what_was_found_is_what_a_first_revision_goes_back_to() -> None:
    look = seen(slot(A, "1"), slot(B))
    assert Slots().as_found(look, SlotsMemory()) == asking(OperatingSystem("os", "1"))
    assert Slots().as_found(look, SETTLED) is None
    differences = planned(SYSTEM, look, SlotsMemory()).differences
    assert [each.wanted for each in Slots().superseded(differences, look, SlotsMemory())] == [
        OperatingSystem("os", "1")
    ]
    assert Slots().superseded(differences, look, SETTLED) == ()


FOUND = OperatingSystem("os", "1")
"""The way back of a first revision has no bundle."""


def test_a_system_as_it_was_found_is_neither_proven_nor_left_unmarked() -> None:
    assert steps(planned(FOUND, seen(slot(A, "1"), slot(B, "1")), SlotsMemory())) == []
    unmarked = seen(slot(A, "1", boot_status="bad"), slot(B, "1"))
    assert steps(planned(FOUND, unmarked, SlotsMemory())) == ["settle"]
    unwell = SlotsMemory(proving={A: Proving("1", "boot-1", 5.0, has_failed=True)})
    assert steps(planned(FOUND, unmarked, unwell)) == []
    assert steps(planned(FOUND, unmarked, changed(unwell, proving={A: Proving("0", "boot-1", 5.0, True)}))) == [
        "settle"
    ]


def test_what_somebody_has_booted_beside_a_system_as_it_was_found_stays() -> None:
    """INV-11"""
    look = seen(slot(A, "1"), slot(B, "9"), booted=B)
    assert verb_and_why(planned(FOUND, look, SlotsMemory()))[0] == "keep"
    ours = SlotsMemory(proven={B: Proof("9", "boot-1")}, reached={"os": "9"}, ran={A: "1"})
    assert steps(planned(FOUND, look, ours)) == ["activate", "reboot"]


def test_only_what_ran_before_is_set_aside_when_its_boot_fails() -> None:
    look = seen(slot(A, "1"), slot(B, "2"), B, boot="boot-2")
    back = planned(changed(SYSTEM, version="1"), look, ON_TRIAL).differences
    assert Slots().renewed(back, look, ON_TRIAL) == {"os": ("1",)}
    new = planned(SYSTEM, seen(slot(A, "1"), slot(B))).differences
    assert Slots().renewed(new, look, SETTLED) == {}


def test_a_gate_is_watched_for_as_long_as_the_document_says() -> None:
    look = seen(slot(A, "1"), slot(B, "2", boot_status="bad"), B, boot="boot-2")
    plan = planned(changed(SYSTEM, deadline=timedelta(minutes=3)), look, ON_TRIAL)
    assert action(plan, "prove").traits.own_s == 180.0
