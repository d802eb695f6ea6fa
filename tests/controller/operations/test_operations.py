"""One desired state over the operating system, containers and other control units, from message to message."""

from __future__ import annotations

from tests.controller.operations.conftest import Play
from tests.controller.operations.device import Device, demand
from tests.reconcilers.operations.agents import Agent

from evenkeel.controller.drivers.slots.memory import Bundle


def test_containers_alone(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("a", web="1"))
        await device.plays(60)
        assert device.statuses("a") == ["IDENTIFYING", "IDENTIFIED", "RUNNING", "COMPLETED"]
        assert device.web == "web:1"

    play(story)


def test_the_system_boots_before_containers_are_touched_and_all_end_well(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("a", web="1"))
        await device.plays(60)
        device.asks(demand("b", os="2", web="2", others={"safety-ecu": "2"}))
        await device.plays(600)
        assert (device.end(), device.os, device.web) == (("COMPLETED", ""), "2", "web:2")
        assert device.others["safety-ecu"].runs == "2"

    play(story, Agent("safety-ecu"))


async def begun(device: Device) -> None:
    """Version 1 of everything runs."""
    device.asks(demand("a", web="1"))
    await device.plays(60)
    assert (device.os, device.web) == ("1", "web:1")


def test_a_container_that_does_not_stay_up_on_the_new_system_takes_both_back(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.breaks("2")
        device.asks(demand("b", os="2", web="2"))
        await device.plays(900)
        assert device.end()[0] == "INCOMPLETE"
        assert "containers" in device.end()[1]
        assert (device.os, device.web) == ("1", "web:1")

    play(story)


def test_a_system_that_does_not_boot_leaves_containers_untouched(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.world.served["https://updates.example/v2.raucb"] = Bundle("2", boots=False)
        before = device.containers.running()
        device.asks(demand("b", os="2", web="2"))
        await device.plays(900)
        assert device.end()[0] == "INCOMPLETE"
        assert "self-update:os-image is 1" in device.end()[1]
        assert (device.os, device.containers.running()) == ("1", before)

    play(story)


def test_another_control_unit_that_refuses_takes_all_back(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.asks(demand("b", os="2", web="2", others={"safety-ecu": "2"}))
        await device.plays(900)
        assert device.end() == ("INCOMPLETE", "safety-ecu: ACTIVATE went wrong")
        assert (device.os, device.web, device.others["safety-ecu"].runs) == ("1", "web:1", "1")

    play(story, Agent("safety-ecu", fails="ACTIVATE"))
