"""logind and systemd, as doubles on a real bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.engines.dbus import PrivateBus, private_bus
from tests.engines.systemd_double import FakeUnit, Logind, Systemd
from tests.until import soon

from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.dbus.logind import objections, reboot
from evenkeel.controller.dbus.systemd import Unit, again, unit
from evenkeel.specs.errors import DriverError, Refused, TimedOut, Unavailable


@pytest.fixture
async def bus(bus_daemon: PrivateBus) -> AsyncIterator[SystemBus]:
    it = SystemBus(bus_daemon.address)
    yield it
    await it.close()


@pytest.fixture
def logind(bus_daemon: PrivateBus) -> Iterator[Logind]:
    it = Logind(bus_daemon.address)
    it.double.start()
    yield it
    it.double.close()


@pytest.fixture
def systemd(bus_daemon: PrivateBus) -> Iterator[Systemd]:
    it = Systemd(bus_daemon.address, {"web.service": FakeUnit()})
    it.double.start()
    yield it
    it.double.close()


async def test_who_objects_to_a_reboot(bus: SystemBus, logind: Logind) -> None:
    assert await objections(bus) == ()
    logind.inhibitors = [
        ("shutdown:sleep", "apt", "installing packages", "block", 0, 77),
        ("shutdown", "editor", "unsaved files", "block-weak", 1000, 78),
        ("sleep", "player", "a film", "block", 1000, 79),
        ("shutdown", "ModemManager", "it resets devices", "delay", 0, 80),
    ]
    assert [str(each) for each in await objections(bus)] == [
        "apt (process 77): installing packages",
        "editor (process 78): unsaved files",
    ]


async def test_a_reboot(bus: SystemBus, logind: Logind) -> None:
    await reboot(bus)
    assert logind.reboots == 1
    logind.refuses = "Interactive authentication required."
    with pytest.raises(DriverError, match="Interactive authentication required"):
        await reboot(bus)
    assert logind.reboots == 1


async def test_no_logind(bus: SystemBus) -> None:
    with pytest.raises(Unavailable, match=r"no org\.freedesktop\.login1 on D-Bus"):
        await reboot(bus)


async def test_units_and_how_they_are(bus: SystemBus, systemd: Systemd) -> None:
    systemd.units["sick.service"] = FakeUnit("failed", "failed")
    systemd.units["slow.service"] = FakeUnit("activating", "start")
    web, sick, slow = [await unit(bus, f"{name}.service") for name in ("web", "sick", "slow")]
    assert web == Unit("web.service", "loaded", "active", "running")
    assert [each.is_active for each in (web, sick, slow)] == [True, False, False]
    assert (sick.words, slow.words) == ("failed (failed)", "activating (start)")
    systemd.units["masked.service"] = FakeUnit("inactive", "dead", "masked")
    nothing, masked = await unit(bus, "nothing.service"), await unit(bus, "masked.service")
    assert (nothing.words, masked.words) == ("not there", "masked and cannot be started")


@pytest.mark.parametrize("how", ["restart", "reload"])
async def test_a_unit_begins_anew(bus: SystemBus, systemd: Systemd, how: str) -> None:
    await again(bus, "web.service", "restart" if how == "restart" else "reload")
    assert systemd.units["web.service"].jobs == [how]


async def test_many_units_begin_anew_at_once(bus: SystemBus, systemd: Systemd) -> None:
    systemd.units |= {f"{number}.service": FakeUnit(result="failed" if number == 3 else "done") for number in range(6)}
    ends = await asyncio.gather(
        *(again(bus, f"{number}.service", "restart") for number in range(6)), return_exceptions=True
    )
    assert [isinstance(end, Refused) for end in ends] == [False, False, False, True, False, False]


async def test_a_unit_that_fails(bus: SystemBus, systemd: Systemd) -> None:
    systemd.units["web.service"] = FakeUnit(becomes="failed", result="failed")
    with pytest.raises(Refused, match=r"its restart ended with `failed`; `systemctl status web\.service` tells more"):
        await again(bus, "web.service", "restart")
    with pytest.raises(Refused, match=r"systemd does not reload it: Unit nothing\.service not found\."):
        await again(bus, "nothing.service", "reload")


async def test_a_unit_that_does_not_come_to_an_end(bus: SystemBus, systemd: Systemd) -> None:
    systemd.units["web.service"] = FakeUnit(hangs=True)
    with pytest.raises(TimedOut, match=r"systemd did not restart it within 0\.1 s"):
        await again(bus, "web.service", "restart", 0.1)


async def test_systemd_goes_away_meanwhile() -> None:
    with private_bus() as bus_daemon:
        bus, systemd = SystemBus(bus_daemon.address), Systemd(bus_daemon.address, {"web.service": FakeUnit(hangs=True)})
        systemd.double.start()
        waiting = asyncio.create_task(again(bus, "web.service", "restart"))
        await soon(lambda: systemd.units["web.service"].jobs)
        bus_daemon.kill()
        with pytest.raises(Unavailable, match="ended before"):
            await waiting
        await asyncio.to_thread(systemd.double.close)
        await bus.close()
