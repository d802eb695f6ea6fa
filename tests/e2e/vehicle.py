"""A device with a real RAUC, and the real command on it: its reboots are simulated, and end the process of evenkeel.

logind and systemd are doubles on the bus of the device.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.bundle_server import BundleServer
from tests.engines.rauc import Rauc
from tests.engines.systemd_double import FakeUnit, Logind, Systemd
from tests.until import until

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
engine: {engine}
backoff: {{first: 100ms, longest: 1s}}
slots: {{engine: rauc, bus: "{bus}"}}
state: {folder}/state
specs: [{folder}/specs]
"""


ON_THE_DEVICE = """\
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
    """A device with RAUC, and the command on it. `engine`: the setting of that name."""

    def __init__(self, rauc: Rauc, folder: Path, engine: str = "{kind: memory}") -> None:
        self.rauc, self.folder, self.engine = rauc, folder, engine
        self.logind = Logind(rauc.bus.address, goes_down=self._goes_down)
        self.systemd = Systemd(rauc.bus.address, {_UNIT: FakeUnit()})
        self.server = BundleServer(b"")
        self.kills = signal.SIGTERM
        """The signal that ends evenkeel when the device goes down."""
        self._process: subprocess.Popen[str] | None = None
        self._is_going_down, self._has_gone_down = False, False
        self._falling = threading.Lock()

    def ask(self, version: str = "1.5.0", *others: str, panics: bool = False) -> None:
        """Put a bundle on the server, and ask for it. `others`: further documents of the same revision."""
        self.server.files["/os.raucb"] = self.rauc.bundles.make(version, panics=panics).path.read_bytes()
        (self.folder / "specs").mkdir(exist_ok=True)
        spec = _SPEC.format(version=version, url=self.server.url, unit=_UNIT)
        (self.folder / "specs" / "os.yaml").write_text("---\n".join((spec, *others)))
        settings = _SETTINGS.format(engine=self.engine, bus=self.rauc.bus.address, folder=self.folder)
        (self.folder / "config.yaml").write_text(settings)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        evenkeel = [sys.executable, "-m", "evenkeel.controller", *words, "--config", str(self.folder / "config.yaml")]
        self._has_gone_down = False
        boot = self.folder / "boot"
        boot.write_text(self.rauc.boot)
        files = (str(boot), str(self.rauc.os_release), str(self.rauc.configuration))
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", ON_THE_DEVICE, *files, *evenkeel],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self._process

    def run(self, *words: str, hears: Callable[[str], object] = lambda line: None) -> tuple[int, str]:
        """The exit code, and everything that it said. `hears` is called with each line at once."""
        said = list[str]()
        with self.begin(*words) as process:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                hears(line)
        until(lambda: not self._is_going_down, what="the device is up again")
        return process.returncode, "".join(said)

    def kill(self) -> None:
        """SIGKILL to evenkeel."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)

    def cut_power(self) -> None:
        """The power goes, and comes back; unless the device has gone down by itself since evenkeel was begun."""
        with self._falling:
            if not self._has_gone_down:
                self.kill()
                self._has_gone_down = True
                self.rauc.reboot()

    def _goes_down(self) -> None:
        self._is_going_down = True
        with self._falling:
            if not self._has_gone_down:
                if self._process is not None:
                    self._process.send_signal(self.kills)
                    self._process.wait(240)
                self._has_gone_down = True
                self.rauc.reboot()
        self._is_going_down = False


@contextmanager
def serving(vehicle: Vehicle) -> Iterator[Vehicle]:
    vehicle.server.start()
    vehicle.logind.double.start()
    vehicle.systemd.double.start()
    try:
        yield vehicle
    finally:
        vehicle.logind.double.close()
        vehicle.systemd.double.close()
        vehicle.server.close()
