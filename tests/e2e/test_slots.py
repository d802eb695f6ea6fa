"""The real command over a real RAUC: an update ends with the device, and is proven by the process after the boot.

A reboot ends the process of evenkeel as systemd would, with SIGTERM, or as a loss of power, with SIGKILL.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.rauc import Rauc

from .vehicle import Vehicle, serving

pytestmark = pytest.mark.e2e


@pytest.fixture
def vehicle(rauc: Rauc, tmp_path: Path) -> Iterator[Vehicle]:
    with serving(Vehicle(rauc, tmp_path)) as it:
        yield it


@pytest.mark.parametrize("kills", [signal.SIGTERM, signal.SIGKILL])
def test_an_update_with_its_reboot(vehicle: Vehicle, kills: signal.Signals) -> None:
    vehicle.kills = kills
    vehicle.ask()
    code, said = vehicle.run("plan")
    assert code == 2, said
    assert "1.4.2 → 1.5.0" in said
    assert vehicle.rauc.content("B") == "0.0.0"
    code, said = vehicle.run("apply", "--yes")
    assert "installed 1.5.0 into slot B" in said
    assert (vehicle.logind.reboots, vehicle.rauc.booted) == (1, "B")
    assert vehicle.rauc.variables()["B_TRY"] == "1"  # on trial
    code, said = vehicle.run("apply", "--yes")
    assert code == 0, said
    assert "slot B is marked good" in said
    assert vehicle.rauc.variables()["B_TRY"] == "0"
    assert vehicle.run("plan")[0] == 0
    assert vehicle.logind.reboots == 1


def test_a_system_that_does_not_boot_is_told_as_that(vehicle: Vehicle) -> None:
    vehicle.ask("1.4.2")
    assert vehicle.run("apply", "--yes")[0] == 0
    vehicle.ask(panics=True)
    vehicle.run("apply", "--yes")
    assert (vehicle.logind.reboots, vehicle.rauc.booted) == (1, "A")
    code, said = vehicle.run("apply", "--yes")
    assert code == 1, said
    assert "the bootloader fell back to slot A (1.4.2): slot B (1.5.0) did not boot" in " ".join(said.split())
    assert (vehicle.rauc.booted, vehicle.rauc.next_boot(), vehicle.logind.reboots) == ("A", "A", 1)


def test_evenkeel_is_killed_while_rauc_writes(vehicle: Vehicle) -> None:
    vehicle.ask()
    vehicle.rauc.hold("half")
    with vehicle.begin("apply", "--yes") as process:
        vehicle.rauc.wait_at("half")
        process.kill()
        process.communicate(timeout=240)
    vehicle.rauc.go_on("half")
    code, said = vehicle.run("apply", "--yes")
    assert (vehicle.logind.reboots, vehicle.rauc.booted) == (1, "B"), (code, said)
    assert vehicle.run("apply", "--yes")[0] == 0
    assert vehicle.rauc.content("A") == "1.4.2"


def test_without_rauc_the_reason_is_told(vehicle: Vehicle) -> None:
    vehicle.ask()
    vehicle.rauc.kill()
    code, said = vehicle.run("plan")
    assert code == 1
    assert "no de.pengutronix.rauc on D-Bus; is it installed and running?" in said


def test_without_logind_nothing_is_installed(vehicle: Vehicle) -> None:
    vehicle.ask()
    vehicle.logind.double.close()
    why = "evenkeel cannot reboot the device: no"
    code, said = vehicle.run("plan")
    assert why in said, said
    assert "org.freedesktop.login1 on D-Bus; is it installed" in said
    assert "to fetch" not in said
    code, said = vehicle.run("apply", "--yes")
    assert code == 1, said
    assert (vehicle.rauc.content("B"), vehicle.rauc.next_boot()) == ("0.0.0", "A")
    code, said = vehicle.run("slots", "check")
    assert code == 1, said
    assert why in " ".join(said.split()), said
    vehicle.logind.double.start()
    vehicle.run("apply", "--yes")
    assert (vehicle.logind.reboots, vehicle.rauc.booted) == (1, "B")


def test_without_the_partition_of_data_nothing_is_installed_again(vehicle: Vehicle) -> None:
    """It holds the journal, and what RAUC knows of slots. It is not mounted, and the device boots all the same
    (leda-image.md §5.3)."""
    vehicle.ask()
    vehicle.run("apply", "--yes")
    vehicle.run("apply", "--yes")
    data, status = vehicle.folder / "state", vehicle.rauc.folder / "status.raucs"
    for each in (data, status):
        each.rename(each.with_suffix(".away"))
    vehicle.rauc.reboot()
    code, said = vehicle.run("apply", "--yes")
    assert code == 0, said
    assert "slot B is booted and was well" in " ".join(said.split())
    assert (vehicle.rauc.booted, vehicle.rauc.next_boot(), vehicle.rauc.content("A")) == ("B", "B", "1.4.2")
    shutil.rmtree(data)
    for each in (data, status):
        each.with_suffix(".away").rename(each)
    vehicle.rauc.reboot()
    assert vehicle.run("apply", "--yes")[0] == 0
    assert vehicle.run("plan")[0] == 0
    assert (vehicle.rauc.booted, vehicle.rauc.next_boot(), vehicle.logind.reboots) == ("B", "B", 1)
