"""Two thousand activities over the agent: completed, failed, rolled back, abandoned and refused, with restarts between.

The process is started anew in the first half only, now and then out of the middle of an activity. What the second half keeps,
it keeps in one life.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.controller.agents.harness import DESIRED, Asked, Device, asked
from tests.soak.meter import KEEP, SOAK, Meter, unrecorded
from tests.virtual import run

from evenkeel.controller.loop.defects import Defects
from evenkeel.controller.loop.telling import Telling
from evenkeel.specs.containers.actions import Create

COUNT = 2_000 if SOAK else 20


class Owner:
    """Who commands the device, and what runs on it by their last success."""

    def __init__(self) -> None:
        self.device = Device()
        self.state = Path(self.device._folder.name)
        self.running: dict[str, str] = {}
        self.start()

    def start(self) -> None:
        device = self.device
        self.telling = Telling(device.journal, (), KEEP, Defects(device.journal, device._say))

    def restart(self) -> None:
        self.device.reboot()
        self.start()

    async def drive(self, number: int) -> None:
        """One activity of another content than the ones before."""
        device, id_ = self.device, f"a{number}"
        components = (
            asked("lamp", str(number % 5), ("env", f"NUMBER={number}")),
            asked("horn", str(number % 3), ("env", f"NUMBER={number // 2}")),
        )
        match number % 10:
            case 3:
                await self._fail(id_, components)
            case 5:
                await device.desired(id_, *components)
                said = await device.commands(id_, "DOWNLOAD", "UPDATE", "ROLLBACK", "CLEANUP")
                assert said[-1].status == "INCOMPLETE", said[-1]
            case 6:
                await device.desired(id_, *components)
                await device.commands(id_, "DOWNLOAD", "UPDATE")
            case 7:
                await device.desired(id_, *components)
            case 8:
                (*_, said) = await device.desired(id_, asked("lamp", "1", ("image", "two")), asked("lamp"))
                assert said.status == "IDENTIFICATION_FAILED"
            case 9:
                await device.send(DESIRED, b"{" * 100)
                await device.inventory(id_)
                await self._complete(id_, components)
            case _:
                await self._complete(id_, components)
        await self.telling.tell_once()
        for read in (device.raw, device.states, device.pulses):
            read.clear()

    async def _complete(self, id_: str, components: tuple[Asked, ...]) -> None:
        await self.device.bring(id_, *components)
        self.running = self.device.running()
        wanted = {each.id: dict(each.config)["image"] for each in components}
        assert self.running == wanted

    async def _fail(self, id_: str, components: tuple[Asked, ...]) -> None:
        stop: Callable[[], None] = self.device.fail(Create, "horn", times=1)
        await self.device.desired(id_, *components)
        said = await self.device.commands(id_, "DOWNLOAD", "UPDATE")
        stop()
        assert said[-1].status == "UPDATE_FAILURE", said[-1]
        said = await self.device.commands(id_, "ROLLBACK", "CLEANUP")
        assert said[-1].status == "INCOMPLETE", said[-1]
        await self.device.settle()
        assert self.device.running() == self.running


@pytest.mark.timeout(3600)
def test_two_thousand_activities_leave_nothing_behind() -> None:
    async def story() -> None:
        owner = Owner()
        meter = Meter("activities", COUNT, owner.state)
        for number in range(1, COUNT + 1):
            await owner.drive(number)
            meter.look(number, owner.device.journal)
            if number <= COUNT // 2 and number % 9 == 7:
                owner.restart()
        meter.show()
        meter.check()

    with unrecorded():
        run(story())
