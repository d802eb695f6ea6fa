"""The contract of the driver of slots: what every updater, machine and store has to do alike."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.contract.slots_kits import MemorySlotsKit, SlotsKit

from evenkeel.controller.drivers.slots.memory.world import Flaw
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry
from evenkeel.specs.slots.actions import (
    Activate,
    Discard,
    Fetch,
    Inspect,
    Install,
    MarkBad,
    MarkGood,
    Prove,
    Reboot,
    Restore,
)
from evenkeel.specs.slots.observed import SlotsLook, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

A, B = "rootfs.0", "rootfs.1"
LABELS = {A: "A", B: "B"}


@pytest.fixture(
    params=[(1, True), (1, False), (3, True), (3, False)],
    ids=lambda each: f"memory-{'grub' if each[0] == 1 else 'uboot'}-{'keeps' if each[1] else 'marks'}",
)
def kit(request: pytest.FixtureRequest) -> SlotsKit:
    attempts, keeps_primary = request.param
    return MemorySlotsKit(attempts=attempts, keeps_primary=keeps_primary)


async def look(kit: SlotsKit) -> SlotsSeen:
    return await kit.driver.observe(SlotsLook(subjects=("os",)))


async def do(kit: SlotsKit, action: Action) -> Outcome:
    return await kit.driver.perform(action, lambda message, done, total: None)


async def done(kit: SlotsKit, *actions: Action) -> None:
    for action in actions:
        outcome = await do(kit, action)
        assert isinstance(outcome, Done), (action, outcome)


def install(kit: SlotsKit, system: OperatingSystem, slot: str = B) -> tuple[Action, ...]:
    keeps = A if slot == B else B
    into = Install(slot, LABELS[slot], system, keeps=keeps, keeps_primary=kit.keeps_primary, boot="now")
    return Fetch(system), Inspect(system), into


def activate(version: str, slot: str = B) -> Activate:
    return Activate(slot, LABELS[slot], version, "now")


def prove(system: OperatingSystem, slot: str = B) -> Prove:
    return Prove(slot, LABELS[slot], system.version, "now", system.health, system.deadline)


def test_a_look_tells_the_slots(kit: SlotsKit) -> None:
    async def work() -> None:
        seen = await look(kit)
        assert seen.subjects == ("os",)
        assert (seen.booted, seen.primary) == (A, A)
        assert [(each.name, each.bootname, each.state) for each in seen.bootable] == [
            (A, "A", "booted"),
            (B, "B", "inactive"),
        ]
        booted = seen.slot(A)
        assert booted is not None
        assert (booted.version, booted.boot_status) == ("1.0.0", "good")
        assert seen.boot
        assert seen.compatible
        assert seen.can.keeps_primary == kit.keeps_primary
        assert (seen.operation, seen.bundles) == ("", ())

    kit.run(work())


def test_an_update_from_its_download_to_its_good_mark(kit: SlotsKit) -> None:
    async def work() -> None:
        system = kit.bundle("2.0.0")
        await done(kit, *install(kit, system))
        seen = await look(kit)
        new = seen.slot(B)
        assert new is not None
        assert (new.version, new.content) == ("2.0.0", "ok")
        assert kit.boots_next() == seen.primary == A
        assert [(each.key, each.is_complete) for each in seen.bundles] == [(system.key, True)]
        await done(kit, activate("2.0.0"))
        assert kit.boots_next() == B
        kit.reboot()
        after = await look(kit)
        assert after.booted == B
        assert after.boot != seen.boot
        await done(kit, prove(system), MarkGood(B, "B"), Discard((system.key,)))
        assert kit.marks()[B]
        assert (await look(kit)).bundles == ()

    kit.run(work())


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ("missing", "404"),
        ("denied", "401"),
        ("untrusted", "not trusted"),
        ("other digest", "another SHA-256"),
    ],
)
def test_a_bundle_that_cannot_be_had(kit: SlotsKit, flaw: Flaw, words: str) -> None:
    async def work() -> None:
        outcome = await do(kit, Fetch(changed(kit.bundle("2.0.0", flaw), sha256="0" * 64)))
        assert isinstance(outcome, Failed)
        assert words in outcome.message

    kit.run(work())


@pytest.mark.parametrize("flaw", ["unreachable", "stalls"])
def test_a_server_that_may_come_back(kit: SlotsKit, flaw: Flaw) -> None:
    async def work() -> None:
        outcome = await do(kit, Fetch(kit.bundle("2.0.0", flaw)))
        assert isinstance(outcome, Retry)
        assert outcome.outside
        assert not any(each.is_complete for each in (await look(kit)).bundles)

    kit.run(work())


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ("wrong CA", "signature verification failed: Verify error: self"),
        ("expired", "certificate has expired"),
        ("truncated", "signature"),
        ("no bundle", "nvalid bundle"),
    ],
)
def test_a_bundle_that_is_refused_disturbs_nothing(kit: SlotsKit, flaw: Flaw, words: str) -> None:
    async def work() -> None:
        system = kit.bundle("2.0.0", flaw)
        before = (await look(kit)).slots
        await done(kit, Fetch(system))
        for action in install(kit, system)[1:]:
            outcome = await do(kit, action)
            assert isinstance(outcome, Failed)
            assert words in outcome.message
        assert (await look(kit)).slots == before
        assert kit.boots_next() == A

    kit.run(work())


def test_a_bundle_with_another_version_or_for_another_device(kit: SlotsKit) -> None:
    async def work() -> None:
        other = kit.bundle("2.0.0", holds="1.9.0")
        foreign = kit.bundle("2.0.0", compatible="Other device")
        await done(kit, Fetch(other), Fetch(foreign))
        said = [await do(kit, Inspect(other)), await do(kit, Inspect(foreign))]
        assert said[0] == Failed("the bundle has version 1.9.0, and 2.0.0 is asked for")
        assert isinstance(said[1], Failed)
        assert said[1].message.startswith("the bundle is for Other device, and this device is ")
        assert isinstance(await do(kit, install(kit, foreign)[2]), Failed)
        assert kit.boots_next() == A

    kit.run(work())


def test_what_is_torn_is_never_activated(kit: SlotsKit) -> None:
    async def work() -> None:
        system = kit.bundle("2.0.0")
        *before, into = install(kit, system)
        await done(kit, *before)
        writing = asyncio.ensure_future(do(kit, into))
        await asyncio.sleep(0.5)
        kit.reboot()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        seen = await look(kit)
        assert (seen.booted, seen.primary == B) == (A, False)
        slot = seen.slot(B)
        assert slot is not None
        assert slot.content == "pending"
        outcome = await do(kit, activate("2.0.0"))
        assert isinstance(outcome, Failed)
        await done(kit, MarkGood(A, "A"), into, activate("2.0.0"))

    kit.run(work())


def test_an_install_that_was_left_alone_is_waited_for(kit: SlotsKit) -> None:
    async def work() -> None:
        system = kit.bundle("2.0.0")
        *before, into = install(kit, system)
        await done(kit, *before)
        left = asyncio.ensure_future(do(kit, into))
        await asyncio.sleep(0.5)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        assert (await look(kit)).operation == "installing"
        installs = (await look(kit)).slot(B)
        await done(kit, into)
        seen = await look(kit)
        slot = seen.slot(B)
        assert slot is not None
        assert installs is not None
        assert (slot.version, slot.content, slot.installs) == ("2.0.0", "ok", installs.installs)
        assert kit.boots_next() == A

    kit.run(work())


def test_the_booted_slot_is_never_written_nor_marked_bad(kit: SlotsKit) -> None:
    """INV-09"""

    async def work() -> None:
        system = kit.bundle("2.0.0")
        *before, into = install(kit, system, A)
        await done(kit, *before)
        assert await do(kit, into) == Failed("slot A is in use, and is never written")
        assert await do(kit, MarkBad(A, "A")) == Failed("slot A is booted, and is never marked bad")
        assert kit.marks()[A]

    kit.run(work())


def test_the_last_slot_that_can_be_booted_is_never_marked_bad(kit: SlotsKit) -> None:
    async def work() -> None:
        kit.somebody_marks("bad", A)
        outcome = await do(kit, MarkBad(B, "B"))
        assert outcome == Failed("slot B is the last one that can be booted, and is never marked bad")
        assert kit.marks()[B]
        kit.somebody_marks("good", A)
        await done(kit, MarkBad(B, "B"))
        assert not kit.marks()[B]

    kit.run(work())


def test_marks_of_a_slot_that_is_not_booted(kit: SlotsKit) -> None:
    async def work() -> None:
        assert await do(kit, MarkGood(B, "B")) == Failed("slot B is not booted")
        assert await do(kit, Restore(B, "B")) == Failed("slot B is not booted")
        assert await do(kit, Activate("rootfs.9", "X", "1", "now")) == Failed("there is no slot rootfs.9")
        kit.somebody_marks("active", B)
        await done(kit, Restore(A, "A"))
        assert kit.boots_next() == A

    kit.run(work())


def test_a_fallback_is_no_proof(kit: SlotsKit) -> None:
    async def work() -> None:
        system = kit.bundle("2.0.0", boots=False)
        await done(kit, *install(kit, system), activate("2.0.0"))
        kit.reboot()
        assert (await look(kit)).booted == A
        outcome = await do(kit, prove(system))
        what = "slot B (2.0.0) did not boot, or went down before it was good"
        assert outcome == Failed(f"the bootloader fell back to slot A (1.0.0): {what}")

    kit.run(work())


def test_a_gate_that_does_not_hold(kit: SlotsKit) -> None:
    async def work() -> None:
        system = kit.bundle("2.0.0", is_well=False)
        await done(kit, *install(kit, system), activate("2.0.0"))
        kit.reboot()
        outcome = await do(kit, prove(system))
        assert outcome == Failed("slot B (2.0.0) is not well 10s after its boot: app.service is failed")

    kit.run(work())


def test_a_container_that_nobody_can_be_asked_about_holds_up_the_proof(kit: SlotsKit) -> None:
    async def work() -> None:
        health = changed(kit.bundle("2.0.0").health, units=(), containers=("web",))
        outcome = await do(kit, Prove(A, "A", "1.0.0", "now", health, timedelta(seconds=5)))
        assert outcome == Failed("slot A (1.0.0) is not well 5s after its boot: web cannot be asked here")

    kit.run(work())


def test_a_reboot_into_a_slot_that_does_not_boot_next(kit: SlotsKit) -> None:
    async def work() -> None:
        outcome = await do(kit, Reboot(B, "B", "1.0.0"))
        assert outcome == Retry("slot B does not boot next any more")
        assert (await look(kit)).booted == A

    kit.run(work())


def test_without_an_updater(kit: SlotsKit) -> None:
    async def work() -> None:
        system = kit.bundle("2.0.0")
        *before, into = install(kit, system)
        await done(kit, *before)
        kit.take_updater("RAUC is not on the bus")
        with pytest.raises(Unavailable, match="RAUC is not on the bus"):
            await look(kit)
        for action in (before[1], into, activate("2.0.0"), MarkGood(A, "A"), prove(system)):
            assert await do(kit, action) == Retry("RAUC is not on the bus", outside=True)
        kit.take_updater("")
        await done(kit, into)

    kit.run(work())


def test_every_action_can_be_done_again(kit: SlotsKit) -> None:
    async def work() -> None:
        system = kit.bundle("2.0.0")
        for action in (*install(kit, system), activate("2.0.0")):
            await done(kit, action, action)
        kit.reboot()
        for again in (prove(system), MarkGood(B, "B"), MarkBad(A, "A"), Discard((system.key,))):
            await done(kit, again, again)
        assert kit.marks() == {A: False, B: True}

    kit.run(work())
