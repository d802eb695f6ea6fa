"""The contract of devices with slots: the driver over the device in memory, over a real RAUC, and over a newer one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from tests.engines.dbus import private_bus
from tests.engines.rauc import rauc_device
from tests.engines.rauc_double import RaucDouble
from tests.sampling import THOROUGH
from tests.until import soon

from evenkeel.controller.drivers.slots import engine as engines
from evenkeel.controller.drivers.slots import prove as proving
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
from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import Health, OperatingSystem

from .slots_kits import FACTORY, SLOTS, UNIT, MemorySlotsKit, RaucKit, SlotsKit

A, B = SLOTS.values()
HEALTH = Health((UNIT,), stable_for=timedelta(milliseconds=50))
PARAMETERS = [
    *("memory, grub, keeps", "memory, grub, activates", "memory, uboot, keeps", "memory, uboot, activates"),
    *(pytest.param(f"rauc, {each}", marks=pytest.mark.engine) for each in ("keeps", "activates")),
    *("newer rauc, keeps", *(["newer rauc, activates"] if THOROUGH else [])),
]
"""`keeps`: an install leaves the primary alone."""


@pytest.fixture(params=PARAMETERS)
async def kit(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SlotsKit]:
    monkeypatch.setattr(engines, "_AGAIN_S", 0.02)
    monkeypatch.setattr(proving, "CHECK_S", 0.02)
    keeps = request.param.endswith("keeps")
    with ExitStack() as stack:
        it = _kit(request, stack, tmp_path, keeps=keeps)
        yield it
        await it.close()


def _kit(request: pytest.FixtureRequest, stack: ExitStack, folder: Path, *, keeps: bool) -> SlotsKit:
    if request.param.startswith("memory"):
        return MemorySlotsKit(attempts=1 if "grub" in request.param else 3, keeps_primary=keeps)
    if request.param.startswith("newer"):
        address = stack.enter_context(private_bus()).address
        double = RaucDouble(address, folder, 15, activates=not keeps)
        double.start()
        stack.callback(double.kill)
        return RaucKit(double, address, folder, keeps_primary=keeps)
    system = {"bundle-formats": "plain"} | ({"activate-installed": "false"} if keeps else {})
    device = stack.enter_context(rauc_device(request.getfixturevalue("bundles"), FACTORY, system))
    return RaucKit(device, device.bus.address, folder, keeps_primary=keeps)


def silent(message: str, done: int, total: int) -> None:
    """Nobody looks at the progress."""


async def do(kit: SlotsKit, action: Action) -> Outcome:
    return await kit.engine.perform(action, silent)


async def done(kit: SlotsKit, *actions: Action) -> None:
    for action in actions:
        outcome = await do(kit, action)
        assert isinstance(outcome, Done), outcome


async def slot(kit: SlotsKit, name: str) -> SlotSeen:
    found = (await kit.engine.observe()).slot(name)
    assert found is not None
    return found


def install(kit: SlotsKit, system: OperatingSystem, into: str = B, keeps: str = A) -> Install:
    label = next(bootname for bootname, name in SLOTS.items() if name == into)
    return Install(into, label, system, keeps=keeps, keeps_primary=kit.keeps_primary)


def activate(version: str, seen: SlotsSeen) -> Activate:
    return Activate(B, "B", version, seen.boot, A)


def prove(version: str, name: str = B, label: str = "B", deadline_s: float = 60.0) -> Prove:
    return Prove(name, label, version, "", HEALTH, timedelta(seconds=deadline_s))


async def test_a_device_from_the_factory(kit: SlotsKit) -> None:
    seen = await kit.engine.observe()
    a, b = seen.bootable
    assert (a.name, a.label, a.state, a.boot_status, a.version) == (A, "A", "booted", "good", FACTORY)
    assert (b.name, b.label, b.state) == (B, "B", "inactive")
    assert [each.slot_class for each in seen.slots if each not in seen.bootable] == ["rescue"]
    assert (seen.booted, seen.primary, seen.operation, seen.bundles) == (A, A, "", ())
    assert seen.can.keeps_primary == kit.keeps_primary
    assert seen.compatible
    assert seen.boot
    assert seen.at > 0
    assert seen.free
    assert (await kit.engine.observe()).boot == seen.boot


async def test_an_update_from_the_download_to_the_proof(kit: SlotsKit) -> None:
    system, before = kit.system("1.5.0"), await kit.engine.observe()
    await done(kit, Fetch(system))
    (bundle,) = (await kit.engine.observe()).bundles
    assert (bundle.key, bundle.is_complete) == (system.key, True)
    await done(kit, Inspect(system))
    assert kit.content("B") != "1.5.0"
    await done(kit, install(kit, system))
    assert (kit.content("A"), kit.content("B"), kit.next_boot()) == (FACTORY, "1.5.0", "A")
    b = await slot(kit, B)
    assert (b.version, b.content, b.state) == ("1.5.0", "ok", "inactive")
    await done(kit, activate("1.5.0", before))
    assert kit.next_boot() == "B"
    assert (await slot(kit, B)).activations > (before.slot(B) or b).activations
    await done(kit, Reboot(B, "B", "1.5.0"))
    after = await kit.engine.observe()
    assert (after.booted, after.boot != before.boot) == (B, True)
    await done(kit, prove("1.5.0"), MarkGood(B, "B"), Discard((system.key,)))
    after = await kit.engine.observe()
    assert (after.primary, after.bundles, (await slot(kit, B)).boot_status) == (B, (), "good")
    await kit.cut_power()
    assert (await kit.engine.observe()).booted == B


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wrong-ca", "certificate"),
        ("expired", "expired"),
        ("truncated", ""),
        ("no-bundle", "bundle"),
        ("wrong-compatible", "for another device"),
    ],
)
async def test_a_bad_bundle_is_refused_before_anything_is_written(kit: SlotsKit, fault: str, words: str) -> None:
    system, before = kit.system("1.5.0", fault), kit.content("B")
    await done(kit, Fetch(system))
    for action in (Inspect(system), install(kit, system)):
        outcome = await do(kit, action)
        assert isinstance(outcome, Failed), outcome
        if isinstance(action, Inspect):
            assert words in outcome.message
    assert (kit.content("A"), kit.content("B"), kit.next_boot()) == (FACTORY, before, "A")


EARLY = "the signature does not hold yet: certificate is not yet valid; is the clock of this device right?"


@pytest.mark.parametrize(
    ("fault", "at", "kind", "words"),
    [
        ("not-yet-valid", Inspect, Retry, EARLY),
        ("expired", Inspect, Failed, "the signature does not hold: certificate has expired"),
        ("truncated", Inspect, Failed, "this is no bundle, or a part of one: Invalid bundle format"),
        ("format", Inspect, Failed, "Bundle format 'verity' not allowed"),
        ("manifest", Inspect, Failed, "Failed to load manifest: "),
        ("no-slot", Install, Failed, "No target slot for class nothing of image system.img found"),
        ("rejected", Install, Failed, "Bundle rejected: Hook returned: "),
    ],
)
async def test_all_updaters_refuse_for_the_same_reason_at_the_same_point(
    kit: SlotsKit, fault: str, at: type[Action], kind: type[Failed | Retry], words: str
) -> None:
    await refuses(kit, fault, at, kind, words)


@pytest.mark.parametrize("kit", ["memory, grub, keeps", "newer rauc, keeps"], indirect=True)
@pytest.mark.parametrize(
    ("fault", "at", "words"),
    [
        ("newer-rauc", Inspect, "Failed to check manifest: Minimum RAUC version in manifest (9.0) is newer than "),
        ("minimum-version", Install, "Version mismatch: Expected at least '9.0' but bundle manifest has '1.5.0'"),
    ],
)
async def test_so_do_those_that_know_more_than_debian_s(
    kit: SlotsKit, fault: str, at: type[Action], words: str
) -> None:
    """`min-bundle-version` is there since 1.12, `min-rauc-version` since 1.14."""
    await refuses(kit, fault, at, Failed, words)


async def refuses(kit: SlotsKit, fault: str, at: type[Action], kind: type[Failed | Retry], words: str) -> None:
    system, before = kit.system("1.5.0", fault), kit.content("B")
    await done(kit, Fetch(system))
    inspected, installed = await do(kit, Inspect(system)), await do(kit, install(kit, system))
    outcome = inspected if at is Inspect else installed
    assert isinstance(outcome, kind), outcome
    assert outcome.message.startswith(words)
    assert isinstance(inspected, Done) == (at is Install), inspected
    assert isinstance(installed, Failed | Retry), installed  # RAUC 1.8 crashes over a manifest that it cannot read
    assert (kit.content("A"), kit.content("B"), kit.next_boot()) == (FACTORY, before, "A")


async def test_a_bundle_with_another_version_is_told_as_that(kit: SlotsKit) -> None:
    system = kit.system("1.5.0", has="1.4.9")
    await done(kit, Fetch(system))
    outcome = await do(kit, Inspect(system))
    assert outcome == Failed("the bundle has version 1.4.9, and 1.5.0 is asked for")


async def test_the_sha256_of_a_bundle_on_the_device_is_compared(kit: SlotsKit) -> None:
    outcome = await do(kit, Inspect(kit.local("1.5.0", digest_fits=False)))
    assert isinstance(outcome, Failed)
    assert re.fullmatch("the SHA-256 of the bundle is [0-9a-f]{12}…, not 000000000000… as asked for", outcome.message)
    await done(kit, Inspect(kit.local("1.5.0", digest_fits=True)))


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("missing", Failed, "404"),
        ("denied", Failed, "401"),
        ("other-digest", Failed, "SHA-256"),
        ("unreachable", Retry, "the server"),
    ],
)
async def test_a_bundle_that_cannot_be_had(kit: SlotsKit, fault: str, kind: type[Outcome], words: str) -> None:
    outcome = await do(kit, Fetch(kit.system("1.5.0", fault)))
    assert isinstance(outcome, kind)
    assert isinstance(outcome, Failed | Retry)
    assert words in outcome.message
    assert not any(bundle.is_complete for bundle in (await kit.engine.observe()).bundles)


async def test_the_booted_slot_is_never_written(kit: SlotsKit) -> None:
    """INV-09"""
    system = kit.system("1.5.0")
    await done(kit, Fetch(system))
    outcome = await do(kit, install(kit, system, into=A, keeps=A))
    assert isinstance(outcome, Failed)
    assert (kit.content("A"), kit.next_boot()) == (FACTORY, "A")


async def test_nor_is_the_last_one_that_a_loss_of_power_would_boot(kit: SlotsKit) -> None:
    """INV-10: with a bootloader that tries a slot once, the booted one is bad until it is marked."""
    system, before = kit.system("1.5.0"), kit.content("B")
    await done(kit, Fetch(system))
    kit.somebody_marks("bad", "A")
    outcome = await do(kit, install(kit, system))
    assert outcome == Failed("slot B is the last one that can be booted, and is not written")
    assert (kit.content("B"), kit.next_boot()) == (before, "B")
    await done(kit, MarkGood(A, "A"), install(kit, system))
    assert kit.next_boot() == "A"


async def test_a_bundle_that_was_not_fetched_is_not_installed(kit: SlotsKit) -> None:
    system = kit.system("1.5.0")
    for action in (Inspect(system), install(kit, system)):
        assert isinstance(await do(kit, action), Failed | Retry)
    assert kit.next_boot() == "A"


async def test_the_power_goes_in_the_middle_of_an_install(kit: SlotsKit) -> None:
    one, two = kit.system("1.5.0"), kit.system("1.6.0")
    await done(kit, Fetch(one), install(kit, one), Fetch(two))
    half = asyncio.create_task(kit.until_half())
    installing = asyncio.create_task(do(kit, install(kit, two)))
    await half
    assert (await kit.engine.observe()).operation == "installing"
    await kit.cut_power()
    installing.cancel()
    await asyncio.gather(installing, return_exceptions=True)
    seen, b = await kit.engine.observe(), await slot(kit, B)
    assert (seen.booted, seen.operation, kit.content("B")) == (A, "", "")
    assert b.content != "ok"
    for version in ("1.5.0", "1.6.0"):
        assert isinstance(await do(kit, activate(version, seen)), Failed)
    await done(kit, MarkGood(A, "A"), install(kit, two))
    assert (kit.content("B"), (await slot(kit, B)).version) == ("1.6.0", "1.6.0")


async def test_an_install_that_is_cut_is_gone_on_with(kit: SlotsKit) -> None:
    """The one who waits is gone, as when evenkeel begins anew; the updater goes on by itself."""
    system, installs = kit.system("1.5.0"), (await slot(kit, B)).installs
    await done(kit, Fetch(system))
    half = asyncio.create_task(kit.until_half())
    cut = asyncio.create_task(do(kit, install(kit, system)))
    await half
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    again = asyncio.create_task(do(kit, install(kit, system)))
    await asyncio.sleep(0.1)
    assert not again.done()
    kit.go_on()
    assert isinstance(await again, Done)
    b = await slot(kit, B)
    assert (b.version, b.content, b.installs, kit.next_boot()) == ("1.5.0", "ok", installs + 1, "A")


async def test_a_system_that_does_not_boot_falls_back(kit: SlotsKit) -> None:
    system = kit.system("1.5.0", panics=True)
    before = await kit.engine.observe()
    await done(kit, Fetch(system), Inspect(system), install(kit, system), activate("1.5.0", before))
    await done(kit, Reboot(B, "B", "1.5.0"))
    after = await kit.engine.observe()
    assert (after.booted, after.boot != before.boot) == (A, True)
    outcome = await do(kit, prove("1.5.0"))
    assert isinstance(outcome, Failed)
    assert outcome.message.startswith(f"the bootloader fell back to slot A ({FACTORY}): slot B (1.5.0) did not boot")
    await done(kit, MarkGood(A, "A"), Restore(A, "A"))
    assert kit.next_boot() == "A"


async def test_a_system_that_boots_and_is_not_well(kit: SlotsKit) -> None:
    system, before = kit.system("1.5.0"), await kit.engine.observe()
    await done(kit, Fetch(system), install(kit, system), activate("1.5.0", before), Reboot(B, "B", "1.5.0"))
    kit.sicken()
    outcome = await do(kit, prove("1.5.0", deadline_s=0.2))
    assert isinstance(outcome, Failed)
    assert f"{UNIT} is failed" in outcome.message
    assert isinstance(await do(kit, prove(FACTORY)), Failed)


async def test_containers_that_nobody_can_be_asked_about_hold_up_the_proof(kit: SlotsKit) -> None:
    health = Health(containers=("web",), stable_for=timedelta(milliseconds=50))
    outcome = await do(kit, Prove(A, "A", FACTORY, "", health, timedelta(seconds=0.2)))
    assert isinstance(outcome, Failed)
    assert "web cannot be asked here" in outcome.message


async def test_the_booted_slot_is_never_marked_bad(kit: SlotsKit) -> None:
    assert await do(kit, MarkBad(A, "A")) == Failed("slot A is booted, and is never marked bad")
    assert kit.marks()["A"]


async def test_nor_is_the_last_one_that_can_be_booted(kit: SlotsKit) -> None:
    kit.somebody_marks("bad", "A")
    outcome = await do(kit, MarkBad(B, "B"))
    assert outcome == Failed("slot B is the last one that can be booted, and is never marked bad")
    assert kit.marks()["B"]
    kit.somebody_marks("good", "A")
    await done(kit, MarkBad(B, "B"))
    assert kit.marks() == {"A": True, "B": False}


async def test_marks_are_for_the_booted_slot(kit: SlotsKit) -> None:
    assert await do(kit, MarkGood(B, "B")) == Failed("slot B is not booted")
    assert await do(kit, Restore(B, "B")) == Failed("slot B is not booted")
    assert await do(kit, Activate("rootfs.9", "X", "1.0.0", "")) == Failed("there is no slot rootfs.9")
    kit.somebody_marks("active", "B")
    assert kit.next_boot() == "B"
    await done(kit, Restore(A, "A"))
    assert kit.next_boot() == "A"


async def test_no_reboot_into_a_slot_that_does_not_boot_next(kit: SlotsKit) -> None:
    before = (await kit.engine.observe()).boot
    assert await do(kit, Reboot(B, "B", "1.5.0")) == Retry("slot B does not boot next any more")
    assert (await kit.engine.observe()).boot == before


async def test_what_is_done_already_is_done(kit: SlotsKit) -> None:
    system, before = kit.system("1.5.0"), await kit.engine.observe()
    for action in (Fetch(system), Inspect(system), install(kit, system), activate("1.5.0", before), MarkGood(A, "A")):
        await done(kit, action, action)
    await done(kit, Restore(A, "A"), Restore(A, "A"), Discard((system.key,)), Discard((system.key,)))
    assert (kit.content("B"), kit.next_boot()) == ("1.5.0", "A")


async def test_a_device_that_evenkeel_may_not_reboot(kit: SlotsKit) -> None:
    assert (await kit.engine.observe()).no_reboot == ""
    kit.forbid_reboots()
    assert (await kit.engine.observe()).no_reboot == "logind does not let this user reboot the device"


async def test_an_updater_that_is_away_and_comes_back(kit: SlotsKit) -> None:
    system = kit.system("1.5.0")
    await done(kit, Fetch(system))
    kit.take_updater_away()
    with pytest.raises(Unavailable):
        await kit.engine.observe()
    for action in (Inspect(system), install(kit, system), MarkGood(A, "A"), prove(FACTORY, A, "A")):
        assert isinstance(await do(kit, action), Retry)
    kit.bring_updater_back()
    assert (await kit.engine.observe()).booted == A
    await done(kit, install(kit, system))


async def test_an_install_nudges(kit: SlotsKit) -> None:
    nudged = 0

    async def count() -> None:
        nonlocal nudged
        async for _ in kit.engine.nudges():
            nudged += 1

    await kit.engine.observe()
    counting = asyncio.create_task(count())
    await asyncio.sleep(0.1)
    system, before = kit.system("1.5.0"), nudged
    await done(kit, Fetch(system), install(kit, system))
    await soon(lambda: nudged > before)
    counting.cancel()
    await asyncio.gather(counting, return_exceptions=True)
