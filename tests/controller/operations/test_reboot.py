"""The reboot of an operation: in its window, announced, and one for all domains that need one."""

from __future__ import annotations

from tests.controller.operations.conftest import Play
from tests.controller.operations.device import DECISIONS, Device, demand
from tests.reconcilers.operations.agents import Agent

from evenkeel.specs.window import Window
from evenkeel.templates.operation_text import operation_lines, operation_value

HOUR_S = 3600
WINDOW = Window(10 * 60, 11 * 60)
"""It is eight o'clock."""


def texts(device: Device) -> list[str]:
    """What was told of the operation in words."""
    return [text for each in device.said() if (text := each.content["payload"].get("message", ""))]


def test_the_reboot_waits_for_its_window_and_says_so(play: Play) -> None:
    async def story(device: Device) -> None:
        boot = device.world.boot
        device.asks(demand("b", os="2", web="2"))
        await device.plays(2 * HOUR_S - 60)
        assert (device.statuses("b")[-1], device.world.boot) == ("RUNNING", boot), device.end()
        assert texts(device) == ["the reboot waits for 10:00-11:00"]
        open_one = device.journal.operations.newest()
        assert open_one is not None
        assert "    waits for the reboot, which is done between 10:00 and 11:00" in operation_lines(
            open_one, window="10:00-11:00"
        )
        assert (operation_value(open_one, "10:00-11:00") or {})["rebootWindow"] == "10:00-11:00"
        await device.plays(600)
        assert texts(device) == ["the reboot waits for 10:00-11:00", "the device is rebooted in 30 s"]
        assert (device.end(), device.os, device.web) == (("COMPLETED", ""), "2", "web:2")

    play(story, reboot_window=WINDOW)


def test_a_pause_that_outlasts_the_window_waits_for_the_next_one(play: Play) -> None:
    async def story(device: Device) -> None:
        boot = device.world.boot
        device.asks(demand("b", os="2"))
        await device.plays(HOUR_S)
        assert device.world.boot == boot
        assert texts(device) == [
            "the device is rebooted in 300 s", "the reboot waits for 07:59-08:01",
        ]  # fmt: skip

    play(story, reboot_window=Window(7 * 60 + 59, 8 * 60 + 1), reboots_after_s=300.0)


def test_an_operation_that_is_cancelled_while_it_waits_for_the_window_reboots_nothing(play: Play) -> None:
    async def story(device: Device) -> None:
        boot = device.world.boot
        device.asks(demand("b", os="2"))
        await device.plays(600)
        device.sends("vehicleupdate/desiredstate/command", "b", command="ROLLBACK")
        await device.plays(4 * HOUR_S)
        assert (device.end(), device.world.boot) == (("INCOMPLETE", "it was cancelled by ROLLBACK"), boot)

    play(story, reboot_window=WINDOW)


def test_after_a_restart_it_waits_for_the_window_again(play: Play) -> None:
    async def story(device: Device) -> None:
        boot = device.world.boot
        device.asks(demand("b", os="2"))
        await device.plays(600)
        await device.restarts()
        await device.plays(HOUR_S)
        assert device.world.boot == boot
        await device.plays(HOUR_S)
        assert (device.end()[0], device.os) == ("COMPLETED", "2")

    play(story, reboot_window=WINDOW)


def test_two_domains_that_need_a_reboot_get_one(play: Play) -> None:
    both = DECISIONS._replace(reboots=("self-update", "hypervisor"), rank={"self-update": 1, "hypervisor": 1})

    async def story(device: Device) -> None:
        device.asks(demand("b", os="2", web="2", others={"hypervisor": "2"}))
        await device.plays(600)
        assert (device.end(), device.os, device.others["hypervisor"].runs) == (("COMPLETED", ""), "2", "2")
        assert device.reboots == 1

    play(story, Agent("hypervisor", reboots=True), decisions=both)
