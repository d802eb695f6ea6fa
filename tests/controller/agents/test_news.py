"""News of the current state: looks for them cost little, however often the engine nudges, and they are told all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from tests.controller.agents.harness import COMMANDS, Device, Hasty, asked
from tests.virtual import run

from evenkeel.controller.agents.role import AgentRole
from evenkeel.controller.loop.defects import Defects
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.look import Look

NAMES = ("a", "b", "c")


class Counting(Hasty):
    """An engine behind a driver that counts looks at everything."""

    looks = 0

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        self.looks += not look.subject
        return await super().observe(look)


def counted_device() -> tuple[Device, Counting]:
    device = Device()
    device._driver = driver = Counting(device.engine)
    device.reboot()
    return device, driver


@asynccontextmanager
async def nudged(device: Device, every_s: float = 0.1) -> AsyncIterator[None]:
    """The engine nudges again and again, and the role of the agent is at work."""
    journal = device.journal
    role = AgentRole(
        device.agent,
        journal.mailbox("containers"),
        lambda: None,
        Defects(journal, device._say),
        timedelta(seconds=1),
    )

    async def nudge() -> None:
        while True:
            role.look()
            await asyncio.sleep(every_s)

    tasks = [asyncio.create_task(role.serve()), asyncio.create_task(nudge())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def reports(device: Device) -> list[dict[str, str]]:
    """Of the reports that were not read yet: the status of each container."""
    device.said()
    states, device.states = device.states, []
    return [
        {
            node["id"].removeprefix("containers:"): each["value"]
            for node in state["payload"]["softwareNodes"][1:]
            for each in node["parameters"]
            if each["key"] == "status"
        }
        for state in states
    ]


def test_looks_for_news_take_at_most_a_twentieth_of_the_time() -> None:
    async def story() -> None:
        device, driver = counted_device()
        await device.bring("before", *map(asked, NAMES))
        reports(device)
        device.engine.script.observe_s = 0.5
        before = driver.looks
        async with nudged(device):
            await asyncio.sleep(200)
            looks = driver.looks - before
            assert 10 <= looks <= 200 / 20 / 0.5 + 1
            reports(device)
            device.engine.kill("b")
            await asyncio.sleep(20 * 0.5 + 1)
            assert [found["b"] for found in reports(device)] != []

    run(story())


def test_while_a_command_is_at_work_nobody_looks_for_news() -> None:
    """Its feedback tells; one report follows the activity, and none is told twice."""

    async def story() -> None:
        device, driver = counted_device()
        await device.bring("before", *map(asked, NAMES))
        reports(device)
        await device.desired("next", *[asked(name, "2") for name in NAMES])
        device.engine.script.perform_s = 2.0
        async with nudged(device):
            await asyncio.sleep(3)
            reports(device)
            before = driver.looks
            for command in COMMANDS[:-1]:
                assert await device.command("next", command)
            assert reports(device) == []
            assert driver.looks == before
            await device.command("next", COMMANDS[-1])
            assert reports(device) == [dict.fromkeys(NAMES, "Running")]
            await asyncio.sleep(10)
            assert reports(device) == []

    run(story())


def test_news_of_others_do_not_wait_for_the_end_of_a_long_download() -> None:
    async def story() -> None:
        device, _ = counted_device()
        await device.bring("before", *map(asked, NAMES))
        reports(device)
        await device.desired("next", *[asked(name, "2") for name in NAMES])
        device.engine.script.perform_s = 300.0
        async with nudged(device):
            downloading = asyncio.create_task(device.command("next", "DOWNLOAD"))
            await asyncio.sleep(10)
            device.engine.kill("b")
            await asyncio.sleep(2 * 60)
            assert not downloading.done()
            assert [found["b"] for found in reports(device)][-1] != "Running"
            await downloading

    run(story())
