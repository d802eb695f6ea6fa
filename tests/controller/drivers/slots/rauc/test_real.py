"""The updater over a real RAUC 1.8."""

from __future__ import annotations

import asyncio

import pytest
from tests.engines.bundles import COMPATIBLE, Bundles
from tests.engines.rauc import RESCUE, Rauc, rauc_device

from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.drivers.slots.rauc.installer import Slots
from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.slots.observed import Abilities
from evenkeel.specs.slots.system import OperatingSystem

from .over_rauc import SYSTEM, silent, updater_of


async def test_a_look_at_a_new_device(updater: RaucUpdater) -> None:
    seen = await updater.look()
    assert (seen.booted, seen.primary, seen.compatible, seen.bootloader) == ("rootfs.0", "rootfs.0", COMPATIBLE, "grub")
    assert (seen.engine, seen.operation, seen.can) == ("RAUC older than 1.9", "", Abilities())
    rescue, a, b = seen.slots
    assert (rescue.name, rescue.label, rescue.is_readonly, rescue.version) == ("rescue.0", "rescue.0", True, "")
    assert (a.name, a.label, a.slot_class, a.state, a.boot_status) == ("rootfs.0", "A", "rootfs", "booted", "good")
    assert (a.version, a.content, a.installs) == ("1.4.2", "unknown", 0)  # by os-release
    assert (b.name, b.label, b.state, b.version, b.content) == ("rootfs.1", "B", "inactive", "", "unknown")


async def test_an_install_and_what_is_seen_of_it(rauc: Rauc, updater: RaucUpdater) -> None:
    await updater.look()
    heard = list[tuple[str, int, int]]()
    bundle = rauc.bundles.make("1.5.0")
    await updater.install(str(bundle.path), SYSTEM, "rootfs.1", lambda *told: heard.append(told))
    assert rauc.content("B") == "1.5.0"
    assert heard[-1] == ("Installing done.", 100, 100)
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)
    seen = await updater.look()
    slot = seen.slot("rootfs.1")
    assert slot is not None
    assert (slot.version, slot.content, slot.installs, slot.activations) == ("1.5.0", "ok", 1, 1)
    assert (slot.compatible, len(slot.sha256), slot.installed_at[-1]) == (COMPATIBLE, 64, "Z")
    assert (seen.primary, rauc.next_boot()) == ("rootfs.0", "A")  # RAUC has activated it, and that was taken back


async def test_marks(rauc: Rauc, updater: RaucUpdater) -> None:
    await updater.mark("active", "rootfs.1")
    assert (rauc.next_boot(), (await updater.look()).primary) == ("B", "rootfs.1")
    await updater.mark("active", "rootfs.0")
    assert rauc.next_boot() == "A"
    await updater.mark("bad", "rootfs.1")
    assert rauc.variables()["B_OK"] == "0"
    seen = await updater.look()
    assert [slot.boot_status for slot in seen.slots] == ["unknown", "good", "bad"]
    rauc.set_variables({"A_TRY": "1"})
    await updater.mark("good", "rootfs.0")
    assert rauc.variables()["A_TRY"] == "0"


async def test_marks_of_slots_that_are_not_there(updater: RaucUpdater) -> None:
    for slot in ("rootfs.7", "nonsense"):
        with pytest.raises(Refused):
            await updater.mark("good", slot)
        with pytest.raises(Refused, match=f"slot {slot} has no name in the bootloader"):
            await updater.mark("active", slot)


async def test_a_slot_without_a_name_in_the_bootloader_is_never_made_active(bundles: Bundles) -> None:
    """RAUC before 1.11.1 writes `(null)_OK=1` and an empty ORDER then (self-update-agent.md §12.4)."""
    with rauc_device(bundles) as rauc:
        more = f"\n[slot.appfs.0]\ndevice={rauc.folder}/app.img\ntype=raw\nparent=rootfs.0\n"
        rauc.device("app").write_bytes(bytes(1000))
        rauc.configuration.write_text(rauc.configuration.read_text() + more)
        rauc.restart()
        updater, before = updater_of(rauc), rauc.variables()
        seen = (await updater.look()).slot("appfs.0")
        assert seen is not None
        assert (seen.parent, seen.bootname, seen.state) == ("rootfs.0", "", "active")
        with pytest.raises(Refused, match=r"slot appfs\.0 has no name in the bootloader"):
            await updater.mark("active", "appfs.0")
        assert rauc.variables() == before
        await updater.close()


async def test_no_slot_that_boots_is_a_state(rauc: Rauc, updater: RaucUpdater) -> None:
    rauc.set_variables({"A_OK": "0", "B_OK": "0"})
    assert (await updater.look()).primary == ""
    assert rauc.reboot() == RESCUE
    seen = await updater.look()
    assert (seen.booted, seen.primary) == ("rescue.0", "")


async def test_an_environment_that_cannot_be_read_is_not_taken_for_one(rauc: Rauc, updater: RaucUpdater) -> None:
    (rauc.folder / "grubenv").write_bytes(b"")
    with pytest.raises(Unavailable, match="Failed getting primary slot: grub backend: grub-editenv failed"):
        await updater.look()
    with pytest.raises(Unavailable, match="Failed marking slot"):
        await updater.mark("good", "rootfs.0")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wrong-ca", "the signature does not hold: unable to get local issuer certificate"),
        ("expired", "the signature does not hold: certificate has expired"),
        ("truncated", "this is no bundle, or a part of one: Invalid bundle format"),
        ("no-bundle", "this is no bundle, or a part of one: Invalid bundle format"),
    ],
)
async def test_why_a_bundle_is_refused(rauc: Rauc, updater: RaucUpdater, fault: str, words: str) -> None:
    """SUA takes all of these for another version."""
    path = str(rauc.bundles.make("1.5.0", fault).path)
    with pytest.raises(Refused, match=words):
        await updater.inspect(path, SYSTEM)
    with pytest.raises(Refused, match=words):
        await updater.install(path, SYSTEM, "rootfs.1", silent)
    seen = await updater.look()
    assert words.rpartition(": ")[2][:20] in seen.last_error
    assert (rauc.content("B"), rauc.next_boot(), seen.operation) == ("0.0.0", "A", "")


async def test_without_the_tool_the_reason_is_what_can_be_seen(
    rauc: Rauc, updater: RaucUpdater, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_bundle, expired = (str(rauc.bundles.make("1.5.0", fault).path) for fault in ("no-bundle", "expired"))
    monkeypatch.setenv("PATH", "/nothing")  # RAUC has made them with it
    with pytest.raises(Refused, match="it does not begin as one"):
        await updater.inspect(no_bundle, SYSTEM)
    with pytest.raises(Unavailable, match=r"RAUC does not say why .*; `rauc info /.*` does"):
        await updater.inspect(expired, SYSTEM)
    with pytest.raises(Unavailable, match="/nothing: no such file or directory"):
        await updater.inspect("/nothing", SYSTEM)


async def test_a_bundle_of_another_device_or_for_another_slot(rauc: Rauc, updater: RaucUpdater) -> None:
    other = str(rauc.bundles.make("1.5.0", "wrong-compatible").path)
    assert (await updater.inspect(other, SYSTEM))[:2] == ("another device", "1.5.0")
    with pytest.raises(Refused, match="Compatible mismatch"):
        await updater.install(other, SYSTEM, "rootfs.1", silent)
    with pytest.raises(Refused, match="No target slot for class nothing"):
        await updater.install(str(rauc.bundles.make("1.5.0", "no-slot").path), SYSTEM, "rootfs.1", silent)
    assert rauc.next_boot() == "A"


async def test_addresses_are_not_given_to_a_rauc_that_downloads_them_whole(updater: RaucUpdater) -> None:
    with pytest.raises(Refused, match=r"RAUC older than 1\.9 does not install from an address"):
        await updater.inspect(SYSTEM.bundle, SYSTEM)


async def test_a_look_during_an_install_has_the_last_known_slots(rauc: Rauc, updater: RaucUpdater) -> None:
    before = await updater.look()
    rauc.hold("half")
    bundle = str(rauc.bundles.make("1.5.0").path)
    installing = asyncio.create_task(updater.install(bundle, SYSTEM, "rootfs.1", silent))
    await asyncio.to_thread(rauc.wait_at, "half")
    seen = await updater.look()
    target = before.slot("rootfs.1")
    assert target is not None
    assert (seen.operation, seen.primary) == ("installing", "rootfs.0")
    assert seen.slots == (*before.slots[:2], changed(target, content="pending"))
    with pytest.raises(Unavailable, match="busy"):
        await updater.inspect(bundle, SYSTEM)
    with pytest.raises(Unavailable, match="busy"):
        await updater.mark("good", "rootfs.0")
    newcomer = updater_of(rauc)
    with pytest.raises(Unavailable, match="RAUC is at work and does not tell its slots meanwhile"):
        await newcomer.look()
    await newcomer.close()
    rauc.go_on("half")
    await installing
    assert (await updater.look()).operation == ""


async def test_an_install_of_somebody_is_waited_for(rauc: Rauc, updater: RaucUpdater) -> None:
    """And one of ours, from before a crash: RAUC goes on by itself. It is not begun again when it was this one."""
    rauc.hold("half")
    bundle = str(rauc.bundles.make("1.5.0").path)
    with rauc.somebody_installs(bundle) as somebody:
        await asyncio.to_thread(rauc.wait_at, "half")
        installing = asyncio.create_task(updater.install(bundle, SYSTEM, "rootfs.1", silent))
        await asyncio.sleep(0.2)
        rauc.go_on("half")
        await installing
        assert somebody.wait(60) == 0
    slot = (await updater.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.version, slot.installs) == ("1.5.0", 1)


async def test_a_second_install_makes_rauc_lie_and_nobody_believes_it(rauc: Rauc, updater: RaucUpdater) -> None:
    """RAUC says `idle` after it has refused a second install (self-update-agent.md §12.4)."""
    await updater.look()
    rauc.hold("half")
    bundle = str(rauc.bundles.make("1.5.0").path)
    installing = asyncio.create_task(updater.install(bundle, SYSTEM, "rootfs.1", silent))
    await asyncio.to_thread(rauc.wait_at, "half")
    with rauc.somebody_installs(bundle) as somebody:
        assert await asyncio.to_thread(somebody.wait, 60) != 0
    assert (await updater._installer.properties())["Operation"] == "idle"
    assert (await updater.look()).operation == "installing"
    assert not installing.done()
    later = asyncio.create_task(updater.install(bundle, SYSTEM, "rootfs.1", silent))
    await asyncio.sleep(0.2)
    rauc.go_on("half")
    await asyncio.gather(installing, later)
    slot = (await updater.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.content, slot.installs) == ("ok", 1)


async def test_a_record_of_the_former_content_is_not_believed(rauc: Rauc, updater: RaucUpdater) -> None:
    """RAUC before 1.10 goes on to say `1.5.0 ok` when an install of 1.6.0 was cut by a loss of power, or has failed."""
    newer = OperatingSystem("os", "1.6.0", "https://bundles.example/newer.raucb")
    await updater.install(str(rauc.bundles.make("1.5.0").path), SYSTEM, "rootfs.1", silent)
    await updater.mark("active", "rootfs.0")
    rauc.hold("half")
    installing = asyncio.create_task(updater.install(str(rauc.bundles.make("1.6.0").path), newer, "rootfs.1", silent))
    await asyncio.to_thread(rauc.wait_at, "half")
    await asyncio.to_thread(rauc.reboot)
    rauc.go_on("half")
    await asyncio.gather(installing, return_exceptions=True)
    assert rauc.content("B") == ""
    after_boot = updater_of(rauc)
    told = (await after_boot._installer.slots() or Slots({}, "")).told["rootfs.1"]
    assert (told["status"], told["bundle.version"]) == ("ok", "1.5.0")
    slot = (await after_boot.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.content, slot.boot_status) == ("pending", "bad")
    await after_boot.install(str(rauc.bundles.make("1.5.0").path), SYSTEM, "rootfs.1", silent)
    slot = (await after_boot.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.content, slot.version, slot.installs) == ("ok", "1.5.0", 2)
    await after_boot.close()


async def test_nor_after_a_failure_but_after_one_that_has_written_nothing(rauc: Rauc, updater: RaucUpdater) -> None:
    await updater.install(str(rauc.bundles.make("1.5.0").path), SYSTEM, "rootfs.1", silent)
    with pytest.raises(Refused):
        await updater.install(str(rauc.bundles.make("1.6.0", "expired").path), SYSTEM, "rootfs.1", silent)
    slot = (await updater.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.content, rauc.content("B")) == ("ok", "1.5.0")
    with pytest.raises(Unavailable, match=r"Failed updating slot|hook"):
        await updater.install(str(rauc.bundles.make("1.6.0", "breaks").path), SYSTEM, "rootfs.1", silent)
    slot = (await updater.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.content, rauc.content("B")) == ("pending", "")


async def test_nothing_is_begun_that_cannot_be_noted(rauc: Rauc) -> None:
    (rauc.folder / "file").touch()
    it = RaucUpdater(SystemBus(rauc.bus.address), [rauc.configuration], unfinished=rauc.folder / "file" / "begun.json")
    with pytest.raises(Unavailable, match=r"file exists|not a directory"):
        await it.install(str(rauc.bundles.make("1.5.0").path), SYSTEM, "rootfs.1", silent)
    assert rauc.content("B") == "0.0.0"
    await it.close()


async def test_what_the_configuration_says(bundles: Bundles) -> None:
    with rauc_device(bundles, system={"activate-installed": "false"}) as rauc:
        updater = updater_of(rauc)
        assert (await updater.look()).can.keeps_primary
        await updater.install(str(bundles.make("1.5.0").path), SYSTEM, "rootfs.1", silent)
        seen = await updater.look()
        assert (rauc.content("B"), seen.primary, rauc.next_boot()) == ("1.5.0", "rootfs.0", "A")
        await updater.close()
