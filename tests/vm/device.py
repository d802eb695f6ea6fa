"""A device of the tests as a person at its shell knows it: its document, and what evenkeel says of slots and of itself."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.vm.disk import OFFSETS, SLOT_MIB, Factory
from tests.vm.guest import BROKER, PATIENCE_S, SERVER, Guest
from tests.vm.system import CONFIG

Found = TypeVar("Found")
_DOCUMENT = """\
apiVersion: evenkeel/v1
kind: OperatingSystem
metadata: {{name: os}}
spec:
  version: '{version}'
  bundle: http://{server}/{version}.raucb
  insecure: true
  health: {{units: [dbus.service], command: [/usr/bin/test, -d, /data/specs], stableFor: 2s}}
  boot: {{deadline: 3m}}
"""
_MQTT = f"""\
mqtt: {{enabled: true, broker: "tcp://{BROKER}", clientId: vm}}
updateAgent: {{enable: true}}
selfUpdateAgent: {{enable: true, allow: [http]}}
updateManager: {{enable: true, agents: {{}}, reboot: {{after: 0s}}}}
"""


class Slot(NamedTuple):
    """`mark`: of the bootloader. `content`: as RAUC has recorded it."""

    state: str
    mark: str
    is_next: bool
    version: str | None
    content: str
    is_proven: bool
    failure: str | None


class Device:
    """`guest` is the machine, `disk` its disk."""

    def __init__(self, guest: Guest, disk: Path) -> None:
        self.guest, self.disk = guest, disk

    def boot(self) -> tuple[str, str]:
        """Switch it on: the slot that comes up, and its version."""
        self.guest.start()
        return self.up()

    def up(self) -> tuple[str, str]:
        """Wait until a system is up, as after a reboot; when none comes, the system that still runs says why."""
        try:
            return self.guest.up()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from error

    def ask_for(self, version: str) -> None:
        """Write the document, as a person would."""
        text = _DOCUMENT.format(version=version, server=SERVER)
        self._write("/data/specs/os.yaml", text)

    def connect(self) -> None:
        """Let it be commanded over MQTT, from now on and after each boot."""
        self._write("/data/config.yaml", CONFIG + _MQTT)
        self.guest.check("systemctl restart evenkeel")

    def containers(self) -> list[str]:
        """Names of the containers that run on the simulated engine."""
        found = self._said("evenkeel get containers -o json")
        return [each["name"] for each in found["items"] if each["state"] == "running"]

    def slots(self) -> dict[str, Slot]:
        """By their names in the bootloader; `rescue.0` has none."""
        found = self._said("evenkeel slots -o json")
        return {
            each["label"]: Slot(
                each["state"],
                each["bootStatus"],
                each["bootsNext"],
                each["version"],
                each["content"],
                each["proven"],
                each["failure"],
            )
            for each in found["slots"]
        }

    def status(self) -> dict[str, Any]:
        return self._said("evenkeel status -o json")

    def settled(self) -> dict[str, Any]:
        """Wait until evenkeel says that all is as desired."""
        return self.until(lambda: status if _holds(status := self.status(), "Settled") else None, "settled")

    def given_up(self) -> dict[str, Any]:
        """Wait until evenkeel has given the revision up."""

        def look() -> dict[str, Any] | None:
            status = self.status()
            return status if (status["failure"] or {}).get("givenUp") else None

        return self.until(look, "given up")

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.guest.check("evenkeel events --last 10000 -o json").splitlines()]

    def environment(self) -> dict[str, str]:
        """Of GRUB."""
        lines = self.guest.check("grub-editenv /grubenv/grubenv list").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def written(self) -> int:
        """The bytes that have reached slot B on the disk since the boot."""
        return int(self.guest.check("cat /sys/block/vda/vda5/stat").split()[6]) * 512

    def until(self, look: Callable[[], Found | None], what: str) -> Found:
        deadline = time.monotonic() + PATIENCE_S
        while (found := look()) is None:
            assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}\n{self.report()}"
            time.sleep(0.3)
        return found

    def _write(self, path: str, text: str) -> None:
        self.guest.check(f"cat >/data/.new <<'END'\n{text}END\nmv /data/.new {path}; sync")

    def report(self) -> str:
        """All that helps to find out what went wrong."""
        commands = (
            "evenkeel status",
            "evenkeel slots",
            "evenkeel events",
            "journalctl -b -u evenkeel -u rauc | tail -50",
        )
        return "\n".join(f"$ {each}\n{self.guest.run(each)[1]}" for each in commands)

    def _said(self, command: str) -> dict[str, Any]:
        """The answer of a command, which may have to wait for RAUC after a boot."""

        def look() -> dict[str, Any] | None:
            code, text = self.guest.run(command)
            return json.loads(text) if code == 0 else None

        return self.until(look, command)


class Flat:
    """A disk that is switched off, byte by byte."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk

    def slot(self, name: str) -> bytes:
        """The content of the partition `a` or `b`."""
        with tempfile.TemporaryDirectory(dir=self._disk.parent) as folder:
            part = Path(folder) / "part"
            unit = ("bs=1M", f"skip={OFFSETS[name] >> 20}", f"count={(OFFSETS[name] >> 20) + SLOT_MIB}")
            command = ("qemu-img", "dd", "-f", "qcow2", "-O", "raw", *unit, f"if={self._disk}", f"of={part}")
            subprocess.run(command, check=True)
            return part.read_bytes()


def new_disk(factory: Factory, disk: Path) -> None:
    """A disk as the factory has made it; the factory's own stays as it is."""
    base = ("-b", factory.disk, "-F", "raw")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *base, disk], check=True)


def fill(disk: Path, name: str) -> None:
    """Other bytes than any system has, in all of a partition, so that it can be seen how far it was written."""
    _write(disk, OFFSETS[name], SLOT_MIB << 20)


def break_kernel(disk: Path, name: str) -> None:
    """The file system of a slot cannot be read any more: GRUB does not find a kernel there."""
    _write(disk, OFFSETS[name], 1 << 20)


def _write(disk: Path, offset: int, size: int) -> None:
    command = f"write -q -P 0xee {offset} {size}"
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", command, disk], check=True, stdout=subprocess.DEVNULL)


def _holds(status: dict[str, Any], condition: str) -> bool:
    found = [each for each in status["conditions"] if each["name"] == condition]
    return bool(found) and status["controller"]["atWork"] and all(each["holds"] for each in found)
