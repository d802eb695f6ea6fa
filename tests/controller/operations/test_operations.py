"""One desired state over the operating system, containers and other control units, from message to message."""

from __future__ import annotations

from tests.controller.operations.conftest import Play
from tests.controller.operations.device import Device, demand
from tests.reconcilers.operations.agents import Agent


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
