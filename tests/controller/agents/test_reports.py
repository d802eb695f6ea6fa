"""Reports of the current state while the engine is away, or does not answer, or many ask at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.controller.agents.harness import COMMANDS, GET, Device, Hasty, asked
from tests.virtual import run

from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.look import Look

Story = Callable[[Device], Awaitable[None]]


def reported(device: Device) -> list[tuple[str, list[str]]]:
    """Of the reports that were not read yet: the name without its time, and the containers."""
    device.states.clear()
    device.said()
    return [
        (
            state["activityId"].rstrip("0123456789"),
            [node["id"].removeprefix("containers:") for node in state["payload"]["softwareNodes"][1:]],
        )
        for state in device.states
    ]


async def connect(device: Device) -> None:
    await device.agent.reports.introduce()


async def change(device: Device) -> None:
    await device.agent.reports.report_news()


async def end(device: Device) -> None:
    await device.agent.reports.report("ended")


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ([], []),
        ([change], []),
        ([connect], ["initial-current-state-"]),
        ([connect, change, connect], ["initial-current-state-"]),
        ([end], ["ended"]),
        ([connect, end, change], ["ended", "initial-current-state-"]),
    ],
)
def test_what_nobody_asked_for_waits_for_the_engine(what: list[Story], expected: list[str]) -> None:
    """The broker keeps the last report: without containers it would say that they are gone."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        reported(device)
        device.engine.script.unreachable = True
        for each in what:
            await each(device)
        assert reported(device) == []
        assert device.agent.reports.report_due.is_set() == bool(what)
        device.engine.script.unreachable = False
        await device.agent.reports.report_news()
        assert reported(device) == [(name, ["lamp"]) for name in expected]
        assert not device.agent.reports.report_due.is_set()
        device.engine.kill("lamp")
        await device.agent.reports.report_news()
        assert reported(device) == [("current-state-", ["lamp"])]

    run(story())


def test_who_asks_is_answered_without_an_engine_and_corrected_when_it_is_back() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        reported(device)
        device.engine.script.unreachable = True
        await ask(device, "q")
        await device.agent.reports.answer()
        assert reported(device) == [("q", [])]
        (agent,) = device.states[0]["payload"]["softwareNodes"]
        unknown = {"key": "containersUnknown", "value": "is scripted to be unreachable"}
        assert agent["parameters"] == [{"key": "domain", "value": "containers"}, unknown], "not: there are none"
        assert device.agent.reports.report_due.is_set()
        device.engine.script.unreachable = False
        await device.agent.reports.report_news()
        assert reported(device) == [("current-state-", ["lamp"])]

    run(story())


async def ask(device: Device, *names: str) -> None:
    for name in names:
        device.agent.arrived(GET, json.dumps({"activityId": name}).encode())


@asynccontextmanager
async def hung(device: Device) -> AsyncIterator[None]:
    """An engine that answers after a minute."""
    device.engine.script.observe_s = 60.0
    yield
    device.engine.script.observe_s = 0.0


def test_an_engine_that_hangs_holds_up_no_question_for_long() -> None:
    """Not even while what nobody asked for waits for it."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        reported(device)
        clock = asyncio.get_running_loop()
        async with hung(device):
            begun = clock.time()
            looking = asyncio.create_task(device.agent.reports.report_news())
            await asyncio.sleep(0)
            await ask(device, "one", "two")
            assert clock.time() == begun
            await device.agent.reports.answer()
            assert clock.time() - begun <= 10
            assert reported(device) == [("one", []), ("two", [])]
        await looking
        assert reported(device) == [("current-state-", ["lamp"])]

    run(story())


def test_many_questions_are_answered_with_one_look_and_in_order() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        reported(device)
        names = [f"{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(60)]
        device.engine.script.observe_s = 1.0
        begun = asyncio.get_running_loop().time()
        await ask(device, "first", *names, names[-3], names[-3])
        await device.agent.reports.answer()
        assert asyncio.get_running_loop().time() - begun == 1.0
        assert reported(device) == [(name, ["lamp"]) for name in names[-50:]]
        await device.agent.reports.answer()
        assert reported(device) == []
        await ask(device, names[-3])
        await device.agent.reports.answer()
        assert reported(device) == [(names[-3], ["lamp"])]

    run(story())


def test_an_activity_that_ends_without_an_engine_is_reported_later() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        await device.commands("a", *COMMANDS[:3])
        reported(device)
        device.engine.script.unreachable = True
        await device.command("a", "CLEANUP")
        assert device.journal.mailbox("containers").activity() is None
        assert reported(device) == []
        device.engine.script.unreachable = False
        await device.agent.reports.report_news()
        assert [name for name, _ in reported(device)] == ["a"]

    run(story())


class Breaks(Hasty):
    """An engine at which the driver breaks, as often as `left` says."""

    left = 0

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        if self.left:
            self.left -= 1
            raise KeyError("hunter")
        return await super().observe(look)


def test_what_broke_is_told_later() -> None:
    """Questions in their order, with those that came meanwhile; and what nobody asked for."""

    async def story() -> None:
        device = Device()
        device._driver = driver = Breaks(device.engine)
        device.reboot()
        await device.bring("before", asked("lamp"))
        reported(device)
        await ask(device, "one", "two")
        driver.left = 1
        with pytest.raises(KeyError):
            await device.agent.reports.answer()
        assert device.agent.reports.question_waits.is_set()
        await ask(device, "three")
        await device.agent.reports.answer()
        assert reported(device) == [("one", ["lamp"]), ("two", ["lamp"]), ("three", ["lamp"])]
        driver.left = 2
        for tell in (connect, end):
            with pytest.raises(KeyError):
                await tell(device)
        assert device.agent.reports.report_due.is_set()
        await device.agent.reports.report_news()
        assert reported(device) == [("ended", ["lamp"]), ("initial-current-state-", ["lamp"])]
        assert not device.agent.reports.report_due.is_set()

    run(story())


@pytest.mark.parametrize("others_wait", [False, True])
def test_the_worker_does_not_wait_for_long_to_report_an_end(others_wait: bool) -> None:
    """What is asked of it next would wait, too. The report comes when the engine answers."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        reported(device)
        clock = asyncio.get_running_loop()
        looking = None
        async with hung(device):
            if others_wait:
                looking = asyncio.create_task(device.agent.reports.introduce())
                await asyncio.sleep(1)
            begun = clock.time()
            await device.agent.reports.report("ended")
            assert clock.time() - begun <= 10
        if looking is not None:
            await looking
            assert reported(device) == [("initial-current-state-", ["lamp"])]
        assert device.agent.reports.report_due.is_set()
        await device.agent.reports.report_news()
        assert reported(device) == [("ended", ["lamp"])]
        assert not device.agent.reports.report_due.is_set()

    run(story())
