"""A step that the engine, or a registry, lets wait is told, and whatever is sent ends the waiting. What was asked of the
engine may still come to pass after that; nothing is left behind by it, and nothing is made twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    Device,
    Wrapped,
    asked,
    command_message,
    desired_state,
    statuses,
)
from tests.virtual import now, run

from evenkeel.reconcilers.capabilities import Logged
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.containers.actions import Connect, Create, End, Pull, Remove, Start, Update
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.plan import Action, Outcome, Retry

BEFORE = (asked("swap"), asked("limit", "1", ("memory", "64M")), asked("gone"))
AFTER = (asked("swap", "2"), asked("limit", "1", ("memory", "96M")), asked("new"))
CALL_S = 60.0


class Hanging(Wrapped):
    """An engine that lets its callers wait for some steps. It does what it was asked for, also when nobody waits any more."""

    def __init__(self, engine: Logged[ContainersSeen]) -> None:
        super().__init__(engine)
        self.hangs: tuple[type, float] | None = None
        """What is done how many seconds later."""
        self.begun = asyncio.Event()
        """Set when the first of them was asked for."""
        self.pulls: list[tuple[int, float, float]] = []
        """How the next pulls go: so many bytes of 1000, one after the other in so many seconds, and then nothing; `Retry`
        after so many seconds more."""

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        if isinstance(action, Pull) and self.pulls:
            return await self._pull(*self.pulls.pop(0), progress)
        if self.hangs is None or not isinstance(action, self.hangs[0]):
            return await super().perform(action, progress)
        self.begun.set()
        work = asyncio.ensure_future(self._later(self.hangs[1], action, progress))
        own_s = action.stop.timeout.total_seconds() if isinstance(action, End) else 0.0
        try:
            async with asyncio.timeout(own_s + CALL_S):
                return await asyncio.shield(work)
        except TimeoutError:
            return Retry("no answer")

    async def _later(self, seconds: float, action: Action, progress: Progress) -> Outcome:
        await asyncio.sleep(seconds)
        return await super().perform(action, progress)

    async def _pull(self, come: int, within_s: float, silent_s: float, progress: Progress) -> Outcome:
        for done in range(1, come + 1):
            await asyncio.sleep(within_s / come)
            progress("pulling", done, 1000)
        await asyncio.sleep(silent_s)
        return Retry("nothing has come")


class LateDevice(Device):
    def boot(self) -> None:
        self._driver = self.hanging = Hanging(self.engine)
        super().boot()


class Case(NamedTuple):
    """A command of which one step hangs, and when that is late."""

    kind: type
    command: str
    subject: str
    late_after_s: float = 5.0


CASES = (
    Case(Create, "DOWNLOAD", "swap"),
    Case(Update, "UPDATE", "limit"),
    Case(End, "UPDATE", "swap", 35.0),
    Case(Start, "ACTIVATE", "swap"),
    Case(Remove, "CLEANUP", "swap"),
    Case(Remove, "ROLLBACK", "swap"),
)
WORKING = {"DOWNLOAD": "DOWNLOADING", "UPDATE": "UPDATING", "ACTIVATE": "ACTIVATING"}


def of(case: Case) -> str:
    return f"{case.command}-{case.kind.__name__}"


async def hanging(case: Case, seconds: float) -> tuple[LateDevice, asyncio.Task[None]]:
    """A device that was given the command, and has just begun with the step that hangs."""
    device = LateDevice()
    await device.bring("before", *BEFORE)
    await device.desired("a", *AFTER)
    index = COMMANDS.index(case.command) if case.command in COMMANDS else 2
    await device.commands("a", *COMMANDS[:index])
    device.hanging.hangs = (case.kind, seconds)
    device.agent.arrived(COMMAND, command_message("a", case.command))
    work = asyncio.create_task(device.agent.work())
    await device.hanging.begun.wait()
    device.said()
    return device, work


@pytest.mark.parametrize("case", CASES, ids=of)
def test_a_phase_says_which_step_the_engine_lets_wait(case: Case) -> None:
    """Once, and not before the step's own time is over; and no more when it goes on."""

    async def story() -> None:
        device, work = await hanging(case, case.late_after_s + 20)
        await asyncio.sleep(case.late_after_s - 1)
        late = f"the engine has not ended within {case.late_after_s:g} s"
        assert not any(late in text for said in device.said() for _, _, text in said.actions)
        await asyncio.sleep(2)
        (said,) = device.said()
        assert said.status == WORKING.get(case.command, case.command)
        assert said.of(case.subject)[1].startswith(late)
        await asyncio.sleep(17)
        assert device.said() == []
        device.hanging.hangs = None
        await work
        ended = device.said()[-1]
        assert ended.status == "COMPLETED" or ended.status.endswith("_SUCCESS")
        assert late not in ended.of(case.subject)[1]

    run(story())


async def _another(device: Device) -> None:
    device.agent.arrived(DESIRED, desired_state("b", asked("swap", "3"), asked("limit")))


def _command(name: str) -> Callable[[Device], Awaitable[None]]:
    async def send(device: Device) -> None:
        device.agent.arrived(COMMAND, command_message("a", name))

    send.__name__ = name
    return send


@pytest.mark.parametrize("send", [_command("ROLLBACK"), _command("CLEANUP"), _another], ids=lambda each: each.__name__)
@pytest.mark.parametrize("case", [case for case in CASES if case.command in WORKING], ids=of)
def test_whatever_is_sent_ends_the_wait_for_a_step_that_is_late(
    case: Case, send: Callable[[Device], Awaitable[None]]
) -> None:
    """And what the engine does after that leaves nothing behind."""

    async def story() -> None:
        device, work = await hanging(case, case.late_after_s + 20)
        await asyncio.sleep(case.late_after_s + 5)
        device.said()
        device.hanging.hangs = None  # what follows is done at once, and may overtake what hangs
        await send(device)
        await asyncio.sleep(1)
        said = device.said()
        if send is _another:
            assert (said[0].activity, said[0].status) == ("b", "IDENTIFYING")
        else:
            assert said[0].status.endswith("_FAILURE")
            assert said[0].of(case.subject)[1].startswith("the engine has not ended within")
        await work
        if send is _another:
            said = await device.commands("b", *COMMANDS)
            assert said[-1].status == "COMPLETED"
            expected = {"swap": "reg.example/swap:3", "limit": "reg.example/limit:1"}
        else:
            if send.__name__ == "ROLLBACK":
                await device.command("a", "CLEANUP")
            expected = {name: f"reg.example/{name}:1" for name in ("swap", "limit", "gone")}
        await asyncio.sleep(30)
        await device.settle()
        assert device.running() == expected
        assert sorted(name for name, *_ in device.instances()) == sorted(expected)

    run(story())


def test_a_step_that_is_not_late_is_left_to_end() -> None:
    async def story() -> None:
        case = CASES[0]
        device, work = await hanging(case, 4.0)
        await asyncio.sleep(1)
        begun = now()
        await _command("CLEANUP")(device)
        await work
        assert 2.9 < now() - begun < 4
        (failed,) = [said for said in device.said() if said.status == "DOWNLOAD_FAILURE"]
        assert "cut short by CLEANUP" in [text for _, _, text in failed.actions]

    run(story())


@pytest.mark.parametrize(
    ("hand", "kind"), [("remove", Create), ("disconnect", Connect), ("kill", Start)], ids=["Create", "Connect", "Start"]
)
def test_a_cycle_waits_for_no_late_step_either(hand: str, kind: type) -> None:
    """A newer revision, a message and a stop wait for the same worker."""

    async def story() -> None:
        device = LateDevice()
        await device.bring("before", asked("lamp"))
        getattr(device.engine, hand)("lamp")
        device.hanging.hangs = (kind, 50.0)
        begun, cut = now(), asyncio.Event()
        asyncio.get_running_loop().call_later(10, cut.set)
        await device.cycles.run(cut)
        assert now() - begun == 10
        device.hanging.hangs = None
        for _ in range(2):
            await device.settle()
            assert device.running() == {"lamp": "reg.example/lamp:1"}
            assert [name for name, *_ in device.instances()] == ["lamp"]
            await asyncio.sleep(60)

    run(story())


# ── pulls ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def pulling(*pulls: tuple[int, float, float]) -> tuple[LateDevice, asyncio.Task[None]]:
    device = LateDevice()
    await device.desired("a", asked("big"))
    device.said()
    device.hanging.pulls = list(pulls)
    device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
    return device, asyncio.create_task(device.agent.work())


STILL = "nothing of reg.example/big:1 has come from the engine, or its registry, for 5 s"


def test_a_pull_that_stands_still_says_so_and_is_tried_again() -> None:
    """How far it has come stays known. The time in which its bytes came takes none of the patience."""

    async def story() -> None:
        device, work = await pulling((400, 600.0, 30.0))
        await asyncio.sleep(604)
        assert all(text != STILL for said in device.said() for _, _, text in said.actions)
        await asyncio.sleep(2)
        assert [said.of("big") for said in device.said()] == [("DOWNLOADING", STILL)]
        assert device.raw[-1][1]["payload"]["actions"][0]["progress"] == 40
        await work
        assert statuses(device.said())[-1] == "DOWNLOAD_SUCCESS"

    run(story())


def test_a_pull_that_goes_on_is_told_as_going_on() -> None:
    async def story() -> None:
        device, work = await pulling((2, 20.0, 0.0))
        await asyncio.sleep(11)
        assert [said.of("big")[1] == STILL for said in device.said()] == [False, True, False]
        await work
        assert statuses(device.said())[-1] == "DOWNLOAD_SUCCESS"

    run(story())


def test_a_pull_that_gets_no_further_ends_with_what_happened() -> None:
    """After two minutes in vain, however long it took to come as far again."""

    async def story() -> None:
        device, work = await pulling(*[(400, 300.0, 30.0)] * 20)
        await work
        assert device.said()[-1].of("big") == ("DOWNLOAD_FAILURE", "nothing has come")
        assert 2 < 20 - len(device.hanging.pulls) < 6

    run(story())


@pytest.mark.parametrize("command", ["UPDATE", "ROLLBACK", "CLEANUP"])
def test_a_pull_that_stands_still_is_ended_by_whatever_is_sent(command: str) -> None:
    async def story() -> None:
        device, work = await pulling((400, 10.0, 1000.0))
        await asyncio.sleep(20)
        device.said()
        begun = now()
        await _command(command)(device)
        await work
        assert now() - begun < 1
        assert device.said()[0].of("big") == ("DOWNLOAD_FAILURE", STILL)

    run(story())
