"""An update of the operating system, with a real bootloader, a real RAUC and real reboots.

evenkeel is installed from its wheel and runs as the unit of `examples/systemd/`. Nothing is told to it but a document; what
became of the device is read from RAUC, from GRUB's environment and from the disk, and compared with what evenkeel says.
"""

from __future__ import annotations

import pytest
from tests.vm.device import Device, Flat, break_kernel, fill
from tests.vm.disk import Factory

# The first test waits for the image, too, and the machine may have other work.
pytestmark = pytest.mark.timeout(1200)


def test_update(device: Device) -> None:
    """Update, reboot, verify, mark good; and the new system stays, after a loss of power, too."""
    assert device.boot() == ("A", "1.0.0")
    device.ask_for("2.0.0")
    assert device.up() == ("B", "2.0.0")
    device.settled()
    slots = device.slots()
    assert (slots["B"].state, slots["B"].mark, slots["B"].is_next) == ("booted", "good", True)
    assert (slots["B"].version, slots["B"].content, slots["B"].is_proven) == ("2.0.0", "ok", True)
    assert device.environment() == {"ORDER": "B A", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "0"}
    assert device.guest.check("ls /var/lib/evenkeel/bundles").strip() == "", "the bundle is discarded"
    for _ in range(2):  # GRUB gives a slot one try, so each boot has to be marked good
        device.guest.cut()
        assert device.boot() == ("B", "2.0.0")
        device.until(lambda: device.environment()["B_TRY"] == "0" or None, "marked good")
    device.settled()
    assert [each["kind"] for each in device.events() if each["kind"] in ("step-failed", "revision-failed")] == []


def test_fallback(device: Device) -> None:
    """A system whose kernel panics is reported as the failure that it is, and is not tried again."""
    assert device.boot() == ("A", "1.0.0")
    device.ask_for("3.0.0")
    device.guest.wait("GRUB boots B")
    device.guest.wait("BAD-INIT")
    device.guest.wait("Kernel panic")
    assert device.up() == ("A", "1.0.0")
    failure = device.given_up()["failure"]
    assert "fell back to slot A" in failure["why"]
    slots = device.slots()
    assert (slots["A"].state, slots["A"].mark, slots["A"].is_next) == ("booted", "good", True)
    assert (slots["B"].state, slots["B"].version, slots["B"].mark) == ("inactive", "3.0.0", "bad")
    assert slots["B"].failure is not None
    boots = device.guest.console.count("GRUB boots")
    device.guest.cut()
    assert device.boot() == ("A", "1.0.0")
    assert device.given_up()["failure"]["why"] == failure["why"]
    device.until(lambda: device.environment()["A_TRY"] == "0" or None, "marked good")
    assert device.guest.console.count("GRUB boots") == boots + 1
    device.ask_for("2.0.0")  # what comes next is tried
    assert device.up() == ("B", "2.0.0")
    device.settled()


def test_rescue(device: Device) -> None:
    """With two slots that do not boot the rescue system comes up, says so, and leads back."""
    for name in ("a", "b"):
        break_kernel(device.disk, name)
    device.guest.start()
    device.guest.wait("GRUB cannot boot A")
    device.guest.wait("GRUB cannot boot B")
    assert device.up() == ("rescue.0", "rescue")
    code, text = device.guest.run("evenkeel slots check")
    assert code == 1
    assert "the rescue system runs" in text
    device.ask_for("2.0.0")
    slot, version = device.up()
    assert (slot, version) in (("A", "2.0.0"), ("B", "2.0.0"))
    device.settled()
    slots = device.slots()
    assert (slots[slot].mark, slots[slot].is_next, slots[slot].is_proven) == ("good", True, True)
    device.guest.cut()
    assert device.boot() == (slot, "2.0.0")


def test_power_cut(device: Device, factory: Factory) -> None:
    """A loss of power while a slot is written: the old system boots, says that it does, and the second run is a success."""
    fill(device.disk, "b")
    assert device.boot() == ("A", "1.0.0")
    device.guest.check("echo 4194304 >/proc/sys/vm/dirty_background_bytes")  # what is written reaches the disk soon
    device.ask_for("2.0.0")
    device.until(lambda: device.written() > 48 << 20 or None, "slot B is being written")
    device.guest.cut()
    torn, wanted = Flat(device.disk).slot("b"), factory.images["2.0.0"].read_bytes()
    assert torn[: 1 << 20] == wanted[: 1 << 20]
    assert torn[-1 << 20 :] != wanted[-1 << 20 :]
    assert device.boot() == ("A", "1.0.0")
    assert device.up() == ("B", "2.0.0")
    device.settled()
    slots = device.slots()
    assert (slots["A"].mark, slots["B"].mark, slots["B"].content) == ("good", "good", "ok")
    assert device.status()["failure"] is None
    device.guest.check("sync")
    device.guest.cut()
    assert Flat(device.disk).slot("b") == wanted
