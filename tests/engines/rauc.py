"""A device with a real RAUC: two slots on files, GRUB's environment in a file, and a bus of its own.

The bootloader is simulated as RAUC's manual has it for GRUB: of the slots in ORDER the first with OK=1 and TRY=0 gets TRY=1
and is booted; a system that panics resets the machine; with none left the rescue system is booted. The service is told the
booted slot, and knows no better. It has a mount namespace of its own: what it mounts ends with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.until import until

from .bundles import COMPATIBLE, Bundles, image
from .dbus import PrivateBus, private_bus

NAME = "de.pengutronix.rauc"
SLOTS = {"A": "rootfs.0", "B": "rootfs.1"}
RESCUE = "rescue"
_HANDLER = """\
#!/bin/sh
touch {folder}/at-{point}
while [ -e {folder}/hold-{point} ]; do sleep 0.02; done
"""
_CONFIGURATION = """\
[system]
compatible={compatible}
bootloader=grub
grubenv={folder}/grubenv
statusfile={folder}/status.raucs
mountprefix={folder}/mnt
{more}

[keyring]
path={keyring}

[handlers]
pre-install={folder}/pre-install
post-install={folder}/post-install
"""
_SLOT = """
[slot.{name}]
device={folder}/{file}
type=raw
bootname={bootname}
"""
_RESCUE = """
[slot.rescue.0]
device={folder}/rescue.img
type=raw
readonly=true
"""


class Rauc:
    """`booted`: the bootname of the slot at work, or `RESCUE`. `boot`: an id for each boot. `os_release`: the file of the
    system at work. The factory's system is in slot A, which the status file does not know. `system`: more of the
    section `[system]`."""

    def __init__(
        self,
        folder: Path,
        bus: PrivateBus,
        bundles: Bundles,
        version: str = "1.4.2",
        system: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.bus, self.bundles = folder, bus, bundles
        self.booted, self.boot = "A", uuid.uuid4().hex
        self.log = folder / "rauc.log"
        self.configuration, self._grubenv = folder / "system.conf", folder / "grubenv"
        self.os_release = folder / "os-release"
        self._process: subprocess.Popen[bytes] | None = None
        self._switching = threading.RLock()
        """The device may be told to reboot while a test restarts the service."""
        (folder / "mnt").mkdir()
        for bootname in SLOTS:
            self.device(bootname).write_bytes(image(version if bootname == "A" else "0.0.0"))
        for point in ("pre-install", "post-install"):
            script = folder / point
            script.write_text(_HANDLER.format(folder=folder, point=point))
            script.chmod(0o755)
        more = "\n".join(f"{key}={value}" for key, value in (system or {}).items())
        text = _CONFIGURATION.format(compatible=COMPATIBLE, folder=folder, keyring=bundles.keyring, more=more)
        slots = (_SLOT.format(name=SLOTS[each], folder=folder, file=f"{each}.img", bootname=each) for each in SLOTS)
        self.configuration.write_text(text + "".join(slots) + _RESCUE.format(folder=folder))
        self.device(RESCUE).write_bytes(image("rescue"))
        subprocess.run(["grub-editenv", self._grubenv, "create"], check=True, timeout=60)
        self.set_variables({"ORDER": "A B", "A_OK": "1", "A_TRY": "1", "B_OK": "1", "B_TRY": "0"})

    # -- the service ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns when its name is on the bus."""
        self.os_release.write_text(f'NAME="evenkeel tests"\nVERSION_ID="{self.content(self.booted)}"\n')
        booted = str(self.device(RESCUE)) if self.booted == RESCUE else self.booted
        told = ("service", f"--override-boot-slot={booted}")
        command = ["unshare", "--mount", "rauc", "-c", str(self.configuration), *told]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, env=self.bus.environment()
            )
        deadline = time.monotonic() + 60
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"rauc did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.005)

    def _is_up(self) -> bool:
        """It has its name a moment after it has begun."""
        ask = ("--system", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus")
        command = ["dbus-send", *ask, "org.freedesktop.DBus.NameHasOwner", f"string:{NAME}"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=self.bus.environment())
        return "true" in answer.stdout

    def kill(self) -> None:
        """SIGKILL to it and its children, as when the power is cut."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
            self._process = None

    def freeze(self) -> None:
        """From now on it answers nothing, until `thaw`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def somebody_installs(self, bundle: str) -> subprocess.Popen[bytes]:
        """Somebody begins an installation by hand."""
        nothing = subprocess.DEVNULL
        return subprocess.Popen(["rauc", "install", bundle], stdout=nothing, stderr=nothing, env=self.bus.environment())

    def restart(self) -> None:
        with self._switching:
            self.kill()
            self.start()

    # -- the device -------------------------------------------------------------------------------------------------------

    def device(self, bootname: str) -> Path:
        return self.folder / f"{bootname}.img"

    def content(self, bootname: str) -> str:
        """The version of the system in a slot; "" when it is torn."""
        content = self.device(bootname).read_bytes()
        version = _words(content)[1]
        return version if content in (image(version), image(version, panics=True)) else ""

    def variables(self) -> dict[str, str]:
        """GRUB's environment."""
        listed = subprocess.run(
            ["grub-editenv", self._grubenv, "list"], capture_output=True, text=True, check=True, timeout=60
        )
        pairs = (line.partition("=") for line in listed.stdout.splitlines())
        return {name: value for name, _, value in pairs}

    def set_variables(self, variables: Mapping[str, str]) -> None:
        pairs = [f"{name}={value}" for name, value in variables.items()]
        subprocess.run(["grub-editenv", self._grubenv, "set", *pairs], check=True, timeout=60)

    def reboot(self) -> str:
        """The power is cut and comes back. The bootname of what is at work then."""
        with self._switching:
            self.kill()
            self.booted = self._bootloader()
            self.start()
            self.boot = uuid.uuid4().hex
            return self.booted

    def next_boot(self) -> str:
        """What a reboot would bring up, without one."""
        before = self.variables()
        try:
            return self._bootloader()
        finally:
            self.set_variables(before)

    def _bootloader(self) -> str:
        while True:
            found = self.variables()
            able = (
                name for name in found["ORDER"].split() if (found[f"{name}_OK"], found[f"{name}_TRY"]) == ("1", "0")
            )
            name = next(able, RESCUE)
            if name == RESCUE:
                return RESCUE
            self.set_variables({f"{name}_TRY": "1"})
            if self.content(name) and _words(self.device(name).read_bytes())[2] == "boots":
                return name

    # -- moments of an installation ---------------------------------------------------------------------------------------

    def hold(self, point: str) -> None:
        """An installation that comes to `pre-install` (the target is bad), `half` (half of it is written) or `post-install`
        (it is complete, and as RAUC left it) waits there."""
        (self.folder / f"hold-{point}").touch()
        (self.folder / f"at-{point}").unlink(missing_ok=True)

    def is_at(self, point: str) -> bool:
        return (self.folder / f"at-{point}").exists()

    def wait_at(self, point: str) -> None:
        until(lambda: self.is_at(point), what=f"an installation comes to {point}")

    def go_on(self, point: str) -> None:
        (self.folder / f"hold-{point}").unlink(missing_ok=True)


def _words(content: bytes) -> list[str]:
    return content.partition(b"\n")[0].decode().split()


@contextlib.contextmanager
def rauc_device(bundles: Bundles, version: str = "1.4.2", system: Mapping[str, str] | None = None) -> Iterator[Rauc]:
    """A device at work, with slot A booted and marked good as by its own service."""
    folder = Path(tempfile.mkdtemp(prefix="ek-rauc-"))
    with private_bus() as bus:
        rauc = Rauc(folder, bus, bundles, version, system)
        try:
            rauc.set_variables({"A_TRY": "0"})
            rauc.start()
            yield rauc
        finally:
            rauc.kill()
            shutil.rmtree(folder, ignore_errors=True)
