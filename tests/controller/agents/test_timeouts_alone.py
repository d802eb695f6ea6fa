"""An activity that nobody commands: ended after the operation's timeout, or driven by the agent itself where that is allowed.
Both also when the waiting happened while the controller was off."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.controller.agents.harness import Device, Said, asked, lines, statuses
from tests.virtual import run

from evenkeel.controller.agents.conduct import AgentSettings
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Start

HOUR = timedelta(hours=1)
ALONE = AgentSettings(alone_after=timedelta(seconds=30))


async def when_due(device: Device) -> list[Said]:
    """What happens when the agent is next due, as the controller's queue would have it."""
    due_s = device.agent.due_in_s()
    assert due_s is not None
    await asyncio.sleep(due_s)
    await device.agent.work()
    return device.said()


@pytest.mark.parametrize("commands", [(), ("DOWNLOAD",), ("DOWNLOAD", "UPDATE")])
def test_left_open_it_is_ended_and_undone(commands: tuple[str, ...]) -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        world = device.instances()
        await device.desired("a", asked("lamp", "2"), asked("fog"))
        await device.commands("a", *commands)
        due_s = device.agent.due_in_s()
        assert due_s is not None
        assert 3590 < due_s <= 3600
        said = await when_due(device)
        assert statuses(said) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        assert device.instances() == world
        assert device.journal.mailbox("containers").activity() is None
        assert device.agent.due_in_s() is None
        assert any("no command for 3600 s" in entry for entry in device.entries("activity"))

    run(story())


def test_every_command_starts_the_time_anew() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        for command in ("DOWNLOAD", "UPDATE", "ACTIVATE"):
            await asyncio.sleep(3000)
            said = await device.command("a", command)
            assert said[-1].status.endswith("_SUCCESS")
        await asyncio.sleep(3000)
        await device.agent.work()
        assert device.said() == []
        said = await when_due(device)
        assert statuses(said) == ["CLEANUP_SUCCESS", "COMPLETED"]
        assert device.running() == {"lamp": "reg.example/lamp:1"}

    run(story())


def test_the_time_runs_while_the_controller_is_off() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        await device.command("a", "DOWNLOAD")
        device.die()
        await asyncio.sleep(HOUR.total_seconds())
        device.boot()
        assert device.agent.due_in_s() == 0
        await device.agent.work()
        assert statuses(device.said()) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        assert device.instances() == []

    run(story())


def test_alone_it_goes_all_the_way() -> None:
    """Issue eclipse-leda/leda#74: a desired state published directly stops at IDENTIFIED, and nobody tells why."""

    async def story() -> None:
        device = Device(settings=ALONE)
        await device.desired("a", asked("lamp"))
        assert device.agent.due_in_s() == 30
        said = await when_due(device)
        assert lines(said) == [
            "DOWNLOADING lamp=DOWNLOADING",
            "DOWNLOAD_SUCCESS lamp=DOWNLOAD_SUCCESS",
            "UPDATE_SUCCESS lamp=DOWNLOAD_SUCCESS",
            "ACTIVATING lamp=ACTIVATING",
            "ACTIVATION_SUCCESS lamp=ACTIVATION_SUCCESS",
            "CLEANUP_SUCCESS lamp=ACTIVATION_SUCCESS",
            "COMPLETED lamp=ACTIVATION_SUCCESS",
        ]
        assert device.running() == {"lamp": "reg.example/lamp:1"}

    run(story())


@pytest.mark.parametrize("baselines", [None, {"front": ["containers:fog"]}])
def test_alone_it_goes_back_when_something_fails(baselines: dict[str, list[str]] | None) -> None:
    async def story() -> None:
        device = Device(settings=ALONE, catalogue={"reg.example/lamp:2": Image(exits_with=1)})
        await device.desired("before", asked("lamp"), asked("fog"))
        await when_due(device)
        await device.settle()
        world = device.instances()
        await device.desired("a", asked("fog", "2"), asked("lamp", "2"), baselines=baselines)
        said = await when_due(device)
        assert statuses(said)[-4:] == ["ROLLBACK", "ROLLBACK_SUCCESS", "CLEANUP_SUCCESS", "INCOMPLETE"]
        assert "ACTIVATION_FAILURE" in statuses(said)
        assert device.instances() == world

    run(story())


def test_alone_a_rollback_that_fails_ends_too() -> None:
    async def story() -> None:
        device = Device(settings=ALONE)
        await device.desired("before", asked("lamp"))
        await when_due(device)
        await device.desired("a", asked("lamp", "2"))
        heal = device.fail(Start)
        said = await when_due(device)
        assert statuses(said)[-3:] == ["ROLLBACK_FAILURE", "CLEANUP_FAILURE", "INCOMPLETE"]
        heal()
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:1"}

    run(story())


def test_one_who_commands_is_waited_for() -> None:
    async def story() -> None:
        device = Device(settings=ALONE)
        await device.desired("a", asked("lamp"))
        await device.command("a", "DOWNLOAD")
        await asyncio.sleep(120)
        await device.agent.work()
        assert device.said() == []
        said = await device.commands("a", "UPDATE", "ACTIVATE", "CLEANUP")
        assert said[-1].status == "COMPLETED"

    run(story())


def test_alone_survives_a_restart_in_the_middle() -> None:
    async def story() -> None:
        device = Device(settings=ALONE)
        await device.desired("a", asked("lamp"))
        await asyncio.sleep(30)
        device.cuts = [len(device.pulses) + 5]

        await device.working(device.agent.work)
        assert statuses(device.said())[-1] == "COMPLETED"

    run(story())


def test_never_alone_unless_allowed() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        await asyncio.sleep(3000)
        await device.agent.work()
        assert device.said() == []
        assert device.instances() == []

    run(story())


def test_a_clock_that_jumps_back_ends_nothing() -> None:
    """Devices without a clock of their own begin in the past; what was begun later than now is not overdue."""

    async def story() -> None:
        device = Device()
        await asyncio.sleep(100_000)
        await device.desired("a", asked("lamp"))
        activity = device.journal.mailbox("containers").activity()
        assert activity is not None
        device.journal.mailbox("containers").record(changed(activity, touched_at=activity.touched_at + 10**8))
        await device.agent.work()
        assert device.said() == []

    run(story())


@pytest.mark.parametrize("leap_s", [-(10**8), 10**8, 10**9])
def test_a_restart_after_the_clock_leapt_ends_nothing(leap_s: float) -> None:
    """A device without a battery for its clock asks at 1970, finds the time, and the controller is restarted (F-11)."""

    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        await asyncio.sleep(100)
        device.clock_is_ahead_s = leap_s
        device.reboot()
        await device.agent.work()
        assert device.said() == []
        assert device.agent.due_in_s() == 3500, "the time since boot tells how long nobody commanded it"

    run(story())


def test_after_another_boot_the_time_counts_anew() -> None:
    """Nobody knows for how long the machine was off."""

    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        await asyncio.sleep(3000)
        device.boots += 1
        device.clock_is_ahead_s = 10**8
        device.reboot()
        assert device.agent.due_in_s() == 3600
        await asyncio.sleep(3000)
        device.reboot()
        assert device.agent.due_in_s() == 3600, "what another process saw meanwhile is not known"
        await asyncio.sleep(3600)
        await device.agent.work()
        assert statuses(device.said()) == ["CLEANUP_SUCCESS", "INCOMPLETE"]

    run(story())


def test_a_clock_that_jumps_ahead_ends_nothing_early() -> None:
    """The device finds the time while an operation is open."""

    async def story() -> None:
        device = Device(settings=ALONE)
        await device.desired("a", asked("lamp"))
        assert device.agent.due_in_s() == 30
        device.clock_is_ahead_s = 10**8
        assert device.agent.due_in_s() == 30
        await device.agent.work()
        assert device.said() == []
        await device.commands("a", "DOWNLOAD")
        device.clock_is_ahead_s *= 2
        await device.agent.work()
        assert device.said() == []
        assert device.agent.due_in_s() == 3600, "who is commanded does not go on alone"
        assert statuses(await when_due(device)) == ["CLEANUP_SUCCESS", "INCOMPLETE"]

    run(story())


def test_who_is_commanded_is_not_looked_at_without_pause() -> None:
    """The worker is woken when something is due, and not before."""

    async def story() -> None:
        device = Device(settings=ALONE)
        await device.desired("a", asked("lamp"))
        await device.command("a", "DOWNLOAD")
        await asyncio.sleep(100)
        assert device.agent.due_in_s() == 3500

    run(story())
