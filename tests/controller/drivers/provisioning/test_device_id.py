"""The id of a device, with the files of a device in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from evenkeel.controller.drivers.provisioning.device_id import DeviceIds
from evenkeel.specs.provisioning.observed import IdSeen
from evenkeel.specs.provisioning.provisioning import DeviceId

MACHINE = "9c4a0b1e2d3f4a5b6c7d8e9f0a1b2c3d\n"
DASHED = DeviceId()


class Device:
    """A device with a root of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "data/var/certificates"
        self.ids = DeviceIds(root)

    def put(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content)

    def interface(self, name: str, address: str, at: str = "pci0000:00/0000:00:03.0", kind: int = 1) -> None:
        """As the kernel shows one in /sys."""
        real = f"sys/devices/{at}/net/{name}"
        self.put(f"{real}/address", f"{address}\n")
        self.put(f"{real}/type", f"{kind}\n")
        link = self.root / "sys/class/net" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../devices/{at}/net/{name}")

    def look(self, wanted: DeviceId = DASHED) -> IdSeen:
        return self.ids.look(self.folder, wanted)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_the_kept_id_comes_first_then_that_of_others_then_one_that_is_made(device: Device) -> None:
    device.interface("eth0", "52:54:00:12:34:02")
    assert device.look() == IdSeen("52-54-00-12-34-02")
    assert device.look(DeviceId(spelling="undashed")) == IdSeen("525400123402")
    device.put("etc/deviceid", "525400abcdef\n")
    assert device.look() == IdSeen("525400abcdef", announced="525400abcdef")
    device.put("data/var/certificates/deviceid", "52-54-00-AB-CD-EF\n")
    assert device.look() == IdSeen("52-54-00-AB-CD-EF", "52-54-00-AB-CD-EF", "525400abcdef")
    assert device.look(DeviceId("car-7")).id == "car-7"


def test_an_id_that_is_kept_outlives_the_slot(device: Device) -> None:
    device.interface("eth0", "52:54:00:12:34:02")
    device.ids.keep(device.folder, "52-54-00-12-34-02")
    device.put("etc/deviceid", "525400123402\n")  # the other slot makes its own, in another spelling
    assert device.look() == IdSeen("52-54-00-12-34-02", "52-54-00-12-34-02", "525400123402")
    device.ids.keep(device.folder, "52-54-00-12-34-02")
    assert (device.root / "etc/deviceid").read_text() == "52-54-00-12-34-02\n"


def test_files_that_have_the_id_are_not_written_again(device: Device) -> None:
    device.ids.keep(device.folder, "car-7")
    paths = [device.folder / "deviceid", device.root / "etc/deviceid"]
    before = [path.stat() for path in paths]
    device.ids.keep(device.folder, "car-7")
    assert [path.stat() for path in paths] == before
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o644, 0o644]


def test_the_first_interface_that_is_a_device_counts(device: Device) -> None:
    device.interface("a-docker0", "02:42:00:00:00:01", at="virtual")
    device.interface("b-can0", "00:00:00:00:00:00", kind=280)
    device.interface("c-none", "00:00:00:00:00:00")
    device.interface("lo", "00:00:00:00:00:00", at="virtual", kind=772)
    device.put("sys/class/net/bonding_masters", "")
    device.put("etc/machine-id", MACHINE)
    assert device.look().id == hashlib.md5(MACHINE.encode()).hexdigest()
    device.interface("wlan0", "52:54:00:12:34:03")
    device.interface(
        "scanner0", "52:54:00:12:34:02", at="pci0000:00/virtualized/0000:00:03.0"
    )  # names that only sound so
    assert device.look().id == "52-54-00-12-34-02"
    assert device.look(DeviceId(origin="machineId")).id == hashlib.md5(MACHINE.encode()).hexdigest()


def test_a_device_without_any_is_told_what_to_do(device: Device) -> None:
    device.put("etc/machine-id", "")
    seen = device.look()
    assert seen.id == ""
    assert seen.why == (
        "no network interface has an address of its own, and /etc/machine-id identifies no machine; give the id with "
        "`deviceId.value`"
    )


def test_an_id_of_others_that_cannot_be_one_is_told_with_its_file(device: Device) -> None:
    device.put("etc/deviceid", "my car\n")
    why = "/etc/deviceid has `my car`: expected at most 128 letters, digits and `-._:`, with a letter or digit, and no "
    why += "dash at the beginning; write `my-car`"
    assert device.look() == IdSeen("", announced="my car", why=why)


def test_an_empty_file_is_none(device: Device) -> None:
    device.put("etc/deviceid", "\n")
    device.interface("eth0", "52:54:00:12:34:02")
    assert device.look() == IdSeen("52-54-00-12-34-02")
