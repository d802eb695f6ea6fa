"""The preconditions of an operation follow the values of the device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from evenkeel.controller.operations.judgement import REASON_EVERY_S, Judgement
from evenkeel.controller.operations.values import Values
from evenkeel.controller.process.clock import Uptime
from evenkeel.reconcilers.operations.grouping import NOT_EVALUATED
from evenkeel.specs.codec import changed
from evenkeel.specs.operations.events import Judged
from evenkeel.specs.operations.operation import Group, Operation, Share
from evenkeel.specs.preconditions.source import FileSource, TopicSource

pytestmark = pytest.mark.virtual

SPEED = {"speed": TopicSource("vehicle/speed", None, timedelta(seconds=10))}


class World:
    """A device, and an operation that takes the verdicts in."""

    def __init__(self, *groups: Group) -> None:
        loop = asyncio.get_running_loop()
        self.values = Values(SPEED, lambda: Uptime("boot", loop.time()))
        self.operation: Operation | None = Operation("a", "content", (), (), groups) if groups else None
        self.judged: list[Judged] = []
        self.judgement = Judgement(self.values, lambda: self.operation, self.meet)
        self.values.connect()

    def meet(self, event: Judged) -> None:
        self.judged.append(event)
        assert self.operation is not None
        groups = (
            changed(each, unmet=event.unmet) if each.title == event.title else each for each in self.operation.groups
        )
        self.operation = changed(self.operation, groups=tuple(groups))

    @property
    def unmet(self) -> list[str]:
        assert self.operation is not None
        return [each.unmet for each in self.operation.groups]

    def drive(self, speed: int) -> None:
        self.values.receive("vehicle/speed", str(speed).encode(), asyncio.get_running_loop().time())

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.judgement.serve())
        await asyncio.sleep(0.2)
        try:
            yield
        finally:
            assert not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def group(title: str, preconditions: str) -> Group:
    return Group(title, (Share("containers"),), preconditions=preconditions, unmet=NOT_EVALUATED)


async def test_a_verdict_is_there_at_once_and_follows_the_values() -> None:
    world = World(group("slow", "speed < 5"), group("stopped", "speed=0"), Group("free", ()))
    async with world.at_work():
        nothing = "speed is unknown: nothing was received on vehicle/speed"
        assert world.unmet == [nothing, nothing, ""]
        world.drive(0)
        await asyncio.sleep(0.2)
        assert world.unmet == ["", "", ""]
        world.drive(3)
        await asyncio.sleep(0.2)
        assert world.unmet == ["", "`speed == 0` does not hold: speed is 3", ""]
        await asyncio.sleep(11)
        assert world.unmet[0].startswith("speed is 10")
        world.values.disconnect()
        await asyncio.sleep(REASON_EVERY_S + 1)
        assert world.unmet == ["speed is unknown: not connected to the broker"] * 2 + [""]


async def test_another_reason_is_told_seldom_and_a_turn_at_once() -> None:
    world = World(group("slow", "speed < 5"))
    async with world.at_work():
        for second in range(600):
            world.drive(10 + second)
            await asyncio.sleep(1)
        assert 15 <= len(world.judged) <= 600 / REASON_EVERY_S + 2
        world.drive(1)
        await asyncio.sleep(0.2)
        assert world.unmet == [""]
        world.drive(10)
        await asyncio.sleep(0.2)
        assert world.unmet == ["`speed < 5` does not hold: speed is 10"]


async def test_an_operation_that_comes_later_is_judged_and_one_that_is_over_is_not() -> None:
    world = World()
    async with world.at_work():
        world.drive(0)
        await asyncio.sleep(1)
        world.operation = Operation("b", "content", (), (), (group("slow", "speed < 5"),))
        world.judgement.wake()
        await asyncio.sleep(0.2)
        assert world.unmet == [""]
        world.operation = changed(world.operation, groups=(changed(world.operation.groups[0], opened="CLEANUP"),))
        world.judgement.wake()
        await asyncio.sleep(60)
        assert world.unmet == [""]
        world.operation = Operation("c", "content", (), (), (group("slow", "speed < 5"),))
        world.judgement.wake()
        await asyncio.sleep(0.2)
        assert world.unmet == ["speed is 61 s old, at most 10 s are allowed"]


async def test_a_text_that_cannot_be_read_is_a_reason() -> None:
    world = World(group("slow", "sped < 5"))
    async with world.at_work():
        assert world.unmet == [
            "the preconditions cannot be read: column 1: no value has the name `sped`; did you mean `speed`?"
        ]


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


async def test_nothing_is_watched_without_preconditions() -> None:
    """No folder of a file, and no time."""
    world = World(Group("free", ()))
    world.values = Values({"mode": FileSource("/run/mode")})
    world.judgement = Judgement(world.values, lambda: world.operation, world.meet)
    before = open_files()
    async with world.at_work():
        await asyncio.sleep(3600)
        assert open_files() == before
        assert len(asyncio.all_tasks()) == 2
