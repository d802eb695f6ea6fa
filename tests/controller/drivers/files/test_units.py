"""Units that hear of a changed file: simulated ones, and those of a systemd on a real bus, alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from tests.engines.dbus import PrivateBus
from tests.engines.systemd_double import FakeUnit, Systemd

from evenkeel.controller import units as module
from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.units import HostUnits, SimulatedUnits, Units, own_unit, renew
from evenkeel.specs.plan import Done, Failed, Retry
from evenkeel.specs.renewing import Renew
from evenkeel.specs.unit import Unit

TIME = Unit("chronyd.service")


class Kit(Protocol):
    @property
    def units(self) -> Units: ...

    def refuse(self, name: str) -> None: ...
    def heard(self, name: str) -> Sequence[str]: ...


class Simulated:
    def __init__(self) -> None:
        self.units = SimulatedUnits()

    def refuse(self, name: str) -> None:
        self.units.refuses[name] = "its restart ended with `failed`"

    def heard(self, name: str) -> Sequence[str]:
        return self.units.heard.get(name, [])


class OnBus:
    def __init__(self, bus: SystemBus, systemd: Systemd) -> None:
        self.units, self._systemd = HostUnits(lambda: bus), systemd

    def refuse(self, name: str) -> None:
        self._systemd.units[name] = FakeUnit(becomes="failed", result="failed")

    def heard(self, name: str) -> Sequence[str]:
        return self._systemd.units[name].jobs


@pytest.fixture(params=["simulated", "systemd"])
async def kit(request: pytest.FixtureRequest, bus_daemon: PrivateBus) -> AsyncIterator[Kit]:
    if request.param == "simulated":
        yield Simulated()
        return
    systemd, bus = Systemd(bus_daemon.address, {TIME.name: FakeUnit()}), SystemBus(bus_daemon.address)
    systemd.double.start()
    on_bus = OnBus(bus, systemd)
    yield on_bus
    await on_bus.units.close()
    systemd.double.close()


@pytest.mark.parametrize("reload", [False, True])
async def test_a_unit_hears_of_a_change(kit: Kit, reload: bool) -> None:
    done = await renew(kit.units, Renew(Unit(TIME.name, reload)))
    assert done == Done(f"chronyd.service {'reloaded' if reload else 'restarted'}")
    assert kit.heard(TIME.name) == ["reload" if reload else "restart"]


async def test_a_unit_that_fails_is_a_failure_of_the_revision(kit: Kit) -> None:
    kit.refuse(TIME.name)
    failed = await renew(kit.units, Renew(TIME))
    assert isinstance(failed, Failed)
    assert failed.message.startswith("chronyd.service cannot be restarted: its restart ended with `failed`")


async def test_a_unit_that_no_file_names_any_more_holds_nothing_up(kit: Kit) -> None:
    kit.refuse(TIME.name)
    done = await renew(kit.units, Renew(TIME, is_asked=False))
    assert isinstance(done, Done)
    assert done.message.startswith("chronyd.service is not restarted, and no file names it any more: its restart")


async def test_without_a_bus_it_is_tried_again(tmp_path: Path) -> None:
    units = HostUnits(lambda: SystemBus(f"unix:path={tmp_path}/none"))
    retry = await renew(units, Renew(TIME))
    assert isinstance(retry, Retry)
    assert retry.outside
    assert "there is no such socket" in retry.message
    assert isinstance(await renew(units, Renew(TIME, is_asked=False)), Done)


async def test_evenkeel_does_not_restart_itself(
    bus_daemon: PrivateBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "own_unit", lambda: "evenkeel.service")
    own = FakeUnit()
    systemd, bus = Systemd(bus_daemon.address, {"evenkeel.service": own}), SystemBus(bus_daemon.address)
    systemd.double.start()
    failed = await renew(HostUnits(lambda: bus), Renew(Unit("evenkeel.service")))
    await bus.close()
    systemd.double.close()
    assert failed == Failed("evenkeel.service cannot be restarted: it is that of evenkeel itself")
    assert own.jobs == []


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/evenkeel.service\n", "evenkeel.service"),
        ("12:pids:/user.slice/user-0.slice\n1:name=systemd:/system.slice/ek.service/inner\n0::/\n", "ek.service"),
        ("0::/\n", ""),
    ],
)
def test_the_unit_of_evenkeel(tmp_path: Path, text: str, unit: str) -> None:
    (tmp_path / "cgroup").write_text(text)
    assert own_unit(tmp_path / "cgroup") == unit
    assert own_unit(tmp_path / "none") == ""
