"""The combined message over MQTT, with a real bootloader, a real RAUC and real reboots: no end is told before the boot."""

from __future__ import annotations

import pytest
from tests.e2e_mqtt.commanding import ENDS, Manager, Said, combined
from tests.vm.device import Device
from tests.vm.guest import PATIENCE_S, SERVER

pytestmark = pytest.mark.timeout(1200)


def _asked(device: Device, backend: Manager, version: str) -> None:
    """The message is accepted, and the device reboots into the new system."""
    assert device.boot() == ("A", "1.0.0")
    device.connect()
    backend.until(backend.states, "the first report", PATIENCE_S)
    backend.ask("os", combined("hello-world:latest", version, f"http://{SERVER}/{version}.raucb"))
    device.guest.wait("GRUB boots B")
    assert not _ends(backend), "before the new system is up"


def _ends(backend: Manager) -> list[Said]:
    return [each for each in backend.said("os") if each.status in ENDS]


def _end(device: Device, backend: Manager) -> Said:
    try:
        return backend.until(lambda: _ends(backend), "the end", PATIENCE_S)[0]
    except AssertionError as error:
        raise AssertionError(f"{error}\n{device.report()}") from error


def test_completed_after_the_reboot(vehicle: Device, backend: Manager) -> None:
    _asked(vehicle, backend, "2.0.0")
    assert vehicle.up() == ("B", "2.0.0")
    assert _end(vehicle, backend).status == "COMPLETED"
    slots = vehicle.slots()
    assert (slots["B"].state, slots["B"].mark, slots["B"].is_next) == ("booted", "good", True)
    assert slots["B"].is_proven
    assert vehicle.containers() == ["hello-world"]
    vehicle.guest.cut()
    assert vehicle.boot() == ("B", "2.0.0")
    assert len(_ends(backend)) == 1


def test_a_kernel_that_panics_takes_all_back(vehicle: Device, backend: Manager) -> None:
    _asked(vehicle, backend, "3.0.0")
    vehicle.guest.wait("Kernel panic")
    assert vehicle.up() == ("A", "1.0.0")
    end = _end(vehicle, backend)
    assert end.status == "INCOMPLETE"
    assert "self-update:os-image is 1.0.0" in end.message
    slots = vehicle.slots()
    assert (slots["A"].state, slots["A"].is_next, slots["B"].mark) == ("booted", True, "bad")
    assert vehicle.containers() == [], "it was never activated"
