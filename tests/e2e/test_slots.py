"""The real command over a real RAUC: an update ends with the device, and is proven by the process after the boot.

logind and systemd are doubles on the bus of the device; a reboot ends the process of evenkeel as systemd would, with SIGTERM,
or as a loss of power, with SIGKILL.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.engines.bundle_server import BundleServer
from tests.engines.rauc import Rauc
from tests.engines.systemd_double import FakeUnit, Logind, Systemd
from tests.until import until

pytestmark = pytest.mark.e2e

_UNIT = "web.service"
_SPEC = """\
apiVersion: evenkeel/v1
kind: OperatingSystem
metadata: {{name: vehicle-os}}
spec:
  version: "{version}"
  bundle: {url}
  insecure: true
  health: {{units: [{unit}], stableFor: 500ms}}
"""
_SETTINGS = """\
engine: {{kind: memory}}
slots: {{engine: rauc, bus: "{bus}"}}
state: {folder}/state
specs: [{folder}/specs]
"""


_ON_THE_DEVICE = """\
set -e
mount --bind "$0" /proc/sys/kernel/random/boot_id
mount --bind "$1" /etc/os-release
mount -t tmpfs none /run
mkdir /run/rauc
cp "$2" /run/rauc/system.conf
shift 2
exec "$@"
"""
"""What a process of the device sees of its boot, its system, and RAUC's settings; in a mount namespace of its own."""


class Vehicle:
    """A device with RAUC, and the command on it."""

    def __init__(self, rauc: Rauc, folder: Path) -> None:
        self.rauc, self.folder = rauc, folder
        self.logind = Logind(rauc.bus.address, goes_down=self._goes_down)
        self.systemd = Systemd(rauc.bus.address, {_UNIT: FakeUnit()})
        self.server = BundleServer(b"")
        self.kills = signal.SIGTERM
        """The signal that ends evenkeel when the device goes down."""
        self._process: subprocess.Popen[str] | None = None
        self._is_going_down = False

    def ask(self, version: str = "1.5.0", *, panics: bool = False) -> None:
        self.server.files["/os.raucb"] = self.rauc.bundles.make(version, panics=panics).path.read_bytes()
        (self.folder / "specs").mkdir(exist_ok=True)
        spec = _SPEC.format(version=version, url=self.server.url, unit=_UNIT)
        (self.folder / "specs" / "os.yaml").write_text(spec)
        settings = _SETTINGS.format(bus=self.rauc.bus.address, folder=self.folder)
        (self.folder / "config.yaml").write_text(settings)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        evenkeel = [sys.executable, "-m", "evenkeel.controller", *words, "--config", str(self.folder / "config.yaml")]
        boot = self.folder / "boot"
        boot.write_text(self.rauc.boot)
        files = (str(boot), str(self.rauc.os_release), str(self.rauc.configuration))
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", _ON_THE_DEVICE, *files, *evenkeel],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self._process

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code, and everything that it said."""
        with self.begin(*words) as process:
            said = process.communicate(timeout=240)[0]
        until(lambda: not self._is_going_down, what="the device is up again")
        return process.returncode, said

    def _goes_down(self) -> None:
        self._is_going_down = True
        if self._process is not None:
            self._process.send_signal(self.kills)
            self._process.wait(240)
        self.rauc.reboot()
        self._is_going_down = False


@contextmanager
def _serving(vehicle: Vehicle) -> Iterator[Vehicle]:
    vehicle.server.start()
    vehicle.logind.double.start()
    vehicle.systemd.double.start()
    try:
        yield vehicle
    finally:
        vehicle.logind.double.close()
        vehicle.systemd.double.close()
        vehicle.server.close()


@pytest.fixture
def vehicle(rauc: Rauc, tmp_path: Path) -> Iterator[Vehicle]:
    with _serving(Vehicle(rauc, tmp_path)) as it:
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
