"""The updater over doubles of newer versions of RAUC, on a real bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engines.certificates import make_certificates
from tests.engines.dbus import PrivateBus
from tests.engines.rauc_double import RaucDouble

from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
from evenkeel.specs.errors import DriverError, Refused, Unavailable
from evenkeel.specs.slots.observed import Abilities
from evenkeel.specs.slots.system import OperatingSystem

ADDRESS = "https://bundles.example/os.raucb"
SYSTEM = OperatingSystem("os", "1.5.0", ADDRESS)

Make = Callable[..., RaucDouble]


def silent(message: str, done: int, total: int) -> None:
    """Nobody looks at the progress."""


@pytest.fixture
def make(bus_daemon: PrivateBus, tmp_path: Path) -> Iterator[Make]:
    made: list[RaucDouble] = []

    def one(minor: int = 15, **more: Any) -> RaucDouble:
        made.append(RaucDouble(bus_daemon.address, tmp_path, minor, **more))
        made[-1].start()
        return made[-1]

    yield one
    for each in made:
        each.kill()


@pytest.fixture
async def updater(bus_daemon: PrivateBus, tmp_path: Path) -> AsyncIterator[RaucUpdater]:
    it = RaucUpdater(SystemBus(bus_daemon.address), [tmp_path / "system.conf"], tmp_path / "os-release", tmp_path)
    yield it
    await it.close()


@pytest.mark.parametrize(
    ("minor", "engine", "inspects", "transaction"),
    [
        (8, "RAUC older than 1.9", False, ""),
        (9, "RAUC 1.9 or newer", True, ""),
        (10, "RAUC 1.9 or newer", True, "there"),
        (13, "RAUC 1.13 or newer", True, "there"),
        (16, "RAUC 1.16 or newer", True, "there"),
    ],
)
async def test_what_each_version_can(
    make: Make, updater: RaucUpdater, minor: int, engine: str, inspects: bool, transaction: str
) -> None:
    rauc = make(minor)
    seen = await updater.look()
    assert (seen.engine, seen.can) == (engine, Abilities(streams=inspects, inspects=inspects))
    path = str(rauc.bundle("1.5.0").path)
    manifest = await updater.inspect(path, SYSTEM)
    assert (manifest.version, manifest.size) == ("1.5.0", 262144 if minor >= 10 else 0)
    await updater.install(path, SYSTEM, "rootfs.1", silent)
    slot = (await updater.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.version, slot.content, slot.transaction.replace("-", "")) == (
        "1.5.0",
        "ok",
        SYSTEM.key if transaction else "",
    )


async def test_an_upgrade_of_rauc(make: Make, updater: RaucUpdater) -> None:
    old = make(8)
    assert (await updater.look()).engine == "RAUC older than 1.9"
    await asyncio.to_thread(old.kill)
    make(16)
    assert (await updater.look()).engine == "RAUC 1.16 or newer"


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("wrong-ca", Refused, "the signature does not hold: unable to get local issuer certificate"),
        ("expired", Refused, "the signature does not hold: certificate has expired"),
        (
            "not-yet-valid",
            Unavailable,
            "does not hold yet: certificate is not yet valid; is the clock of this device right",
        ),
        ("truncated", Refused, "this is no bundle, or a part of one"),
        ("no-bundle", Refused, "this is no bundle, or a part of one"),
    ],
)
async def test_why_a_bundle_is_refused(
    make: Make, updater: RaucUpdater, fault: str, kind: type[DriverError], words: str
) -> None:
    rauc = make()
    path = str(rauc.bundle("1.5.0", fault).path)
    with pytest.raises(kind, match=words):
        await updater.inspect(path, SYSTEM)
    with pytest.raises(kind, match=words):
        await updater.install(path, SYSTEM, "rootfs.1", silent)
    assert (rauc.content("B"), rauc.next_boot()) == ("0.0.0", "A")


async def test_trouble_that_may_pass(make: Make, updater: RaucUpdater) -> None:
    rauc = make()
    rauc.full = True
    with pytest.raises(Unavailable, match=r"Failed updating slot rootfs\.1: No space left on device"):
        await updater.install(str(rauc.bundle("1.5.0").path), SYSTEM, "rootfs.1", silent)
    slot = (await updater.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.content, slot.boot_status, rauc.next_boot()) == ("pending", "bad", "A")


async def test_streaming_with_credentials(make: Make, updater: RaucUpdater, tmp_path: Path) -> None:
    rauc = make()
    rauc.served, rauc.asks_for = {ADDRESS: rauc.bundle("1.5.0").path}, ["Authorization: Bearer abc"]
    with pytest.raises(Unavailable, match="HTTP response code 401"):
        await updater.inspect(ADDRESS, SYSTEM)
    (tmp_path / "credentials").write_text("Bearer abc\n")
    system = OperatingSystem("os", "1.5.0", ADDRESS, credentials=str(tmp_path / "credentials"), streams=True)
    assert (await updater.inspect(ADDRESS, system)).version == "1.5.0"
    await updater.install(ADDRESS, system, "rootfs.1", silent)
    assert rauc.content("B") == "1.5.0"


async def test_streaming_with_a_certificate_of_the_device(make: Make, updater: RaucUpdater, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    rauc, files = make(), [str(tmp_path / "client.crt"), str(tmp_path / "client.key")]
    rauc.served, rauc.asks_for = {ADDRESS: rauc.bundle("1.5.0").path}, files
    with pytest.raises(Unavailable, match="HTTP response code 401"):
        await updater.inspect(ADDRESS, SYSTEM)
    system = OperatingSystem("os", "1.5.0", ADDRESS, client_cert=files[0], client_key=files[1], streams=True)
    assert (await updater.inspect(ADDRESS, system)).version == "1.5.0"
    await updater.install(ADDRESS, system, "rootfs.1", silent)
    assert rauc.content("B") == "1.5.0"
    (tmp_path / "client.key").unlink()
    with pytest.raises(Unavailable, match=r"the key of the certificate of this device, .*: no such file or directory"):
        await updater.inspect(ADDRESS, system)


async def test_no_streaming_where_the_kernel_cannot(make: Make, bus_daemon: PrivateBus, tmp_path: Path) -> None:
    make(15)
    updater = RaucUpdater(SystemBus(bus_daemon.address), [tmp_path / "system.conf"], nbd=tmp_path / "nothing")
    assert not (await updater.look()).can.streams
    await updater.close()


async def test_credentials_of_a_stream_that_cannot_be_read(make: Make, updater: RaucUpdater, tmp_path: Path) -> None:
    make()
    system = OperatingSystem("os", "1.5.0", ADDRESS, credentials=str(tmp_path / "nothing"), streams=True)
    with pytest.raises(Unavailable, match=r"the credentials for the server, .*: no such file or directory"):
        await updater.inspect(ADDRESS, system)


@pytest.mark.parametrize("point", ["pre-install", "half", "post-install"])
async def test_it_crashes_in_the_middle(make: Make, updater: RaucUpdater, point: str) -> None:
    rauc = make()
    await updater.look()
    rauc.hold(point)
    path = str(rauc.bundle("1.5.0").path)
    installing = asyncio.create_task(updater.install(path, SYSTEM, "rootfs.1", silent))
    await asyncio.to_thread(rauc.wait_at, point)
    await asyncio.to_thread(rauc.kill)
    with pytest.raises(Unavailable, match="RAUC ended in the middle of it"):
        await installing
    rauc.go_on(point)
    rauc.start()
    await updater.install(path, SYSTEM, "rootfs.1", silent)
    assert rauc.content("B") == "1.5.0"


async def test_a_second_install_is_waited_with(make: Make, updater: RaucUpdater) -> None:
    rauc = make()
    await updater.look()
    rauc.hold("half")
    one, two = (OperatingSystem("os", version, ADDRESS) for version in ("1.5.0", "1.6.0"))
    paths = [str(rauc.bundle(system.version).path) for system in (one, two)]
    first = asyncio.create_task(updater.install(paths[0], one, "rootfs.1", silent))
    await asyncio.to_thread(rauc.wait_at, "half")
    second = asyncio.create_task(updater.install(paths[1], two, "rootfs.1", silent))
    await asyncio.sleep(0.1)
    assert not second.done()
    rauc.go_on("half")
    await asyncio.gather(first, second)
    slot = (await updater.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.version, slot.installs, rauc.content("B")) == ("1.6.0", 2, "1.6.0")


async def test_a_cut_install_goes_on_and_is_not_begun_again(make: Make, updater: RaucUpdater) -> None:
    rauc = make()
    await updater.look()
    rauc.hold("half")
    path = str(rauc.bundle("1.5.0").path)
    cut = asyncio.create_task(updater.install(path, SYSTEM, "rootfs.1", silent))
    await asyncio.to_thread(rauc.wait_at, "half")
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    again = asyncio.create_task(updater.install(path, SYSTEM, "rootfs.1", silent))
    await asyncio.sleep(0.1)
    rauc.go_on("half")
    await again
    slot = (await updater.look()).slot("rootfs.1")
    assert slot is not None
    assert (slot.version, slot.installs) == ("1.5.0", 1)


async def test_nobody_else_says_that_an_install_has_ended(
    make: Make, updater: RaucUpdater, bus_daemon: PrivateBus
) -> None:
    """Every user of the bus may send signals to everybody."""
    rauc = make()
    await updater.look()
    rauc.hold("half")
    installing = asyncio.create_task(updater.install(str(rauc.bundle("1.5.0").path), SYSTEM, "rootfs.1", silent))
    await asyncio.to_thread(rauc.wait_at, "half")
    assert updater._bus._bus is not None
    ours = updater._bus._bus.unique_name
    send = ("dbus-send", f"--bus={bus_daemon.address}", "--type=signal", f"--dest={ours}", "/")
    process = await asyncio.create_subprocess_exec(*send, "de.pengutronix.rauc.Installer.Completed", "int32:0")
    assert await process.wait() == 0
    await asyncio.sleep(0.2)
    assert not installing.done()
    rauc.go_on("half")
    await installing


async def test_it_keeps_the_primary_when_it_is_told_to(make: Make, updater: RaucUpdater) -> None:
    rauc = make(15, activates=False)
    assert (await updater.look()).can.keeps_primary
    await updater.install(str(rauc.bundle("1.5.0").path), SYSTEM, "rootfs.1", silent)
    assert ((await updater.look()).primary, rauc.next_boot()) == ("rootfs.0", "A")


async def test_two_booted_slots_are_none_that_anything_is_done_for(make: Make, updater: RaucUpdater) -> None:
    """Nobody knows then which slot must not be written (self-update-agent.md §6.1)."""
    rauc = make()
    rauc.also_booted = "B"
    with pytest.raises(Unavailable, match=r"two booted slots, A and B; does its system\.conf name a device twice"):
        await updater.look()
    rauc.also_booted = ""
    assert (await updater.look()).booted == "rootfs.0"
