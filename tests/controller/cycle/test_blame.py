"""A revision fails by what it changes: not by a container that was down before and that it does not touch (A1)."""

from __future__ import annotations

import pytest
from tests.controller.device import Device, OnDevice, container

from evenkeel.controller.cycle.endings import Retrying, Settled
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.container import Device as HostDevice

GPS = container("gps", devices=(HostDevice("/dev/ttyUSB0", "/dev/ttyUSB0"),))


async def unplugged(device: Device, *others: str) -> None:
    """Everything is good; then the stick is pulled, gps ends, and cannot be started."""
    await device.reach(GPS, *map(container, others))
    device.engine.script.absent.add("/dev/ttyUSB0")
    device.engine.kill("gps")
    for _ in range(3):
        assert isinstance(await device.cycle(), Retrying)


async def cycles(device: Device, count: int) -> None:
    for _ in range(count):
        await device.cycle()


def test_an_update_of_others_succeeds_while_one_is_down(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await unplugged(device, "web")
        device.ask(GPS, container("web", "web:2"))
        await cycles(device, 12)
        assert device.running() == {"web": "web:2"}
        assert device.said("revision-failed", "rolling-back") == []
        assert device.journal.digest("last-good") == device.journal.digest("desired"), "it is good without gps"
        assert not device.settled()[0], "and not all is there"
        assert "gps" in device.conditions()["Settled"].message
        assert not device.conditions()["Healthy"].holds
        device.engine.script.absent.clear()
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:2", "gps": "gps:1"}

    on_device(work)


def test_a_bad_update_of_others_fails_by_itself(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await unplugged(device, "web")
        device.ask(GPS, container("web", "bad:1"))
        await cycles(device, 12)
        assert [text for _, text in device.said("revision-failed")] == ["web: it ended with exit code 1"]
        assert device.running() == {"web": "web:1"}

    on_device(work, bad=Image(exits_with=1, exits_after_s=0.1))


def test_one_whose_image_is_gone_holds_up_no_update(on_device: OnDevice) -> None:
    """It was removed by hand, with its image, and its registry has it no more."""

    async def work(device: Device) -> None:
        await device.reach(container("old"), container("web"))
        device.engine.remove("old")
        device.engine.world.images.clear()
        device.engine.catalogue["docker.io/library/old:1"] = Image(pull="missing")
        for _ in range(3):
            await device.cycle()
        device.ask(container("old"), container("web", "web:2"))
        await cycles(device, 12)
        assert device.running() == {"web": "web:2"}
        assert device.said("revision-failed", "rolling-back") == []

    on_device(work)


@pytest.mark.parametrize("is_changed", [False, True])
def test_one_that_depends_on_what_is_down_is_waited_for(on_device: OnDevice, *, is_changed: bool) -> None:
    """A container that the revision changes, and that depends on the one that is down, cannot be had without it."""

    async def work(device: Device) -> None:
        await unplugged(device, "web")
        version = "map:2" if is_changed else "map:1"
        device.ask(GPS, container("web", "web:2"), container("map", version, depends_on=("gps",)))
        await cycles(device, 12)
        assert device.running().get("web") == "web:2"
        assert "map" not in device.running()
        assert device.journal.digest("last-good") != device.journal.digest("desired"), "it is not good without map"
        assert device.said("revision-failed") == []
        device.engine.script.absent.clear()
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:2", "gps": "gps:1", "map": version}

    on_device(work)


def test_one_that_the_update_takes_down_fails_it(on_device: OnDevice) -> None:
    """It was well before: what is new may be the cause."""

    async def work(device: Device) -> None:
        await device.reach(GPS, container("web"))
        device.ask(GPS, container("web", "web:2"))
        while device.running().get("web") != "web:2":
            await device.cycle()
        device.engine.script.absent.add("/dev/ttyUSB0")
        device.engine.kill("gps")
        for _ in range(8):
            await device.cycle()
        assert len(device.said("revision-failed")) == 1

    on_device(work)
