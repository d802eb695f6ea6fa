"""A phase that waits for trouble to pass says for what, and whatever is sent meanwhile is dealt with at once.

Waiting is better than failing at the first sign of trouble, silence is not: whoever commands has limits of their own, and
has to report why nothing comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    Device,
    asked,
    command_message,
    desired_state,
    statuses,
)
from tests.virtual import now, run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.actions import End, Remove, Start, Update
from evenkeel.specs.plan import Retry
from evenkeel.templates.activity_text import activity_lines

BEFORE = (asked("swap"), asked("limit", "1", ("memory", "64M")), asked("gone"))
AFTER = (asked("swap", "2"), asked("limit", "1", ("memory", "96M")), asked("new"))
AWAY = "is scripted to be unreachable"
NO_REGISTRY = "the registry cannot be reached"


class Trouble(NamedTuple):
    """A command that waits: what came before it, how long it may wait, and what is told of whom."""

    command: str
    before: tuple[str, ...]
    kind: type | None
    subject: str
    why: str


TROUBLES = (
    Trouble("DOWNLOAD", (), None, "new", NO_REGISTRY),
    Trouble("UPDATE", ("DOWNLOAD",), End, "swap", "not now"),
    Trouble("UPDATE", ("DOWNLOAD",), Update, "limit", "not now"),
    Trouble("ACTIVATE", ("DOWNLOAD", "UPDATE"), Start, "swap", "not now"),
    Trouble("ROLLBACK", ("DOWNLOAD", "UPDATE"), Remove, "new", "not now"),
    Trouble("CLEANUP", ("DOWNLOAD", "UPDATE", "ACTIVATE"), Remove, "gone", "not now"),
)
WORKING = {"DOWNLOAD": "DOWNLOADING", "UPDATE": "UPDATING", "ACTIVATE": "ACTIVATING"}


async def in_trouble(trouble: Trouble) -> tuple[Device, asyncio.Task[None], Callable[[], None]]:
    """A device that has worked on a command for 10 s, and what ends the trouble."""
    device = Device()
    await device.bring("before", *BEFORE)
    await device.desired("a", *AFTER)
    await device.commands("a", *trouble.before)
    if trouble.kind is None:
        device.engine.catalogue["reg.example/new:1"] = Image(pull="unreachable")
        stop: Callable[[], None] = partial(device.engine.catalogue.__setitem__, "reg.example/new:1", Image())
    else:
        stop = device.fail(trouble.kind, trouble.subject, trouble.why, outcome=Retry)
    device.agent.arrived(COMMAND, command_message("a", trouble.command))
    work = asyncio.create_task(device.agent.work())
    await asyncio.sleep(10)

    return device, work, stop


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda each: f"{each.command}-{each.subject}")
def test_a_phase_that_waits_says_for_what(trouble: Trouble) -> None:
    """In the message of the action, once; and when the trouble has passed, nothing of it is left."""

    async def story() -> None:
        device, work, heal = await in_trouble(trouble)
        said = device.said()
        assert said[-1].status == WORKING.get(trouble.command, trouble.command)
        assert said[-1].of(trouble.subject)[1] == trouble.why
        assert [each.of(trouble.subject)[1] for each in said].count(trouble.why) == 1
        activity = device.journal.mailbox("containers").activity()
        assert activity is not None
        assert f"waits: {trouble.why}" in "\n".join(activity_lines(activity, now(), width=200)), "`status` says so, too"
        heal()
        await work
        said = device.said()
        assert not said[-1].status.endswith("_FAILURE")
        assert all(trouble.why not in text for each in said for _, _, text in each.actions)

    run(story())


async def _another(device: Device) -> None:
    device.agent.arrived(DESIRED, desired_state("b", asked("swap")))


async def _the_same(device: Device) -> None:
    device.agent.arrived(DESIRED, desired_state("a", *AFTER))


def _command(name: str) -> Callable[[Device], Awaitable[None]]:
    async def send(device: Device) -> None:
        device.agent.arrived(COMMAND, command_message("a", name))

    send.__name__ = name
    return send


SENT = (*(_command(name) for name in ("DOWNLOAD", "UPDATE", "ACTIVATE", "ROLLBACK", "CLEANUP")), _another, _the_same)


@pytest.mark.parametrize("send", SENT, ids=lambda each: each.__name__)
@pytest.mark.parametrize("trouble", TROUBLES[:-1], ids=lambda each: f"{each.command}-{each.subject}")
def test_whatever_is_sent_cuts_the_waiting_short(trouble: Trouble, send: Callable[[Device], Awaitable[None]]) -> None:
    """The phase fails with the reason for which it waited, unless the activity is asked for anew; then the message is
    answered."""

    async def story() -> None:
        device, work, heal = await in_trouble(trouble)
        device.said()
        begun = asyncio.get_running_loop().time()
        await send(device)
        heal()  # what follows is not about this trouble
        await work
        assert asyncio.get_running_loop().time() - begun < 10
        said = device.said()
        if send in (_another, _the_same):
            assert said[0].status == "IDENTIFYING"
            assert said[-1].status == "IDENTIFIED"
            return
        assert said[0].status.endswith("_FAILURE")
        assert said[0].of(trouble.subject)[1] == trouble.why

    run(story())


@pytest.mark.parametrize("send", SENT, ids=lambda each: each.__name__)
def test_a_clean_up_that_waits_comes_to_its_end(send: Callable[[Device], Awaitable[None]]) -> None:
    """Or what it began to take back would be left as it is. Only the same desired state takes its place, for that begins the
    same activity again."""

    async def story() -> None:
        device, work, heal = await in_trouble(TROUBLES[-1])
        device.said()
        await send(device)
        await asyncio.sleep(1)
        if send is _the_same:
            assert statuses(device.said()) == ["IDENTIFYING", "IDENTIFIED"]
            heal()
            await work
            assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"
            return
        assert device.said() == []
        heal()
        await work
        after = ["IDENTIFYING", "IDENTIFIED"] if send is _another else []
        assert statuses(device.said()) == ["CLEANUP", "CLEANUP_SUCCESS", "COMPLETED", *after]

    run(story())


def test_no_end_is_said_while_the_same_id_is_asked_for_again() -> None:
    """Kanto's update manager takes whatever end comes after its desired state for the answer to that."""

    async def story() -> None:
        device = Device()
        await device.bring("before", *BEFORE)
        await device.desired("a", *AFTER)
        await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE")
        device.agent.arrived(COMMAND, command_message("a", "CLEANUP"))
        device.agent.arrived(DESIRED, desired_state("a", *AFTER))
        await device.agent.work()
        assert statuses(device.said()) == ["CLEANUP_SUCCESS", "IDENTIFYING", "IDENTIFIED"]
        assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"

    run(story())


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda each: f"{each.command}-{each.subject}")
def test_a_desired_state_that_is_refused_is_answered_at_once(trouble: Trouble) -> None:
    """And nothing is cut short for it."""

    async def story() -> None:
        device, work, heal = await in_trouble(trouble)
        device.said()
        device.agent.arrived(DESIRED, desired_state("c", asked("not a name")))
        said = device.said()
        assert [(each.activity, each.status) for each in said] == [("c", "IDENTIFICATION_FAILED")]
        heal()
        await work
        assert not device.said()[-1].status.endswith("_FAILURE")

    run(story())


def test_a_refusal_waits_for_the_desired_states_before_it() -> None:
    """Of one activity, the last answer is about the last message."""

    async def story() -> None:
        device = Device()
        device.engine.script.unreachable = True
        device.agent.arrived(DESIRED, desired_state("b", asked("lamp")))
        device.agent.arrived(DESIRED, desired_state("b", asked("not a name")))
        assert device.said() == []
        device.engine.script.unreachable = False
        await device.agent.work()
        assert [(each.activity, each.status) for each in device.said()] == [
            ("b", "IDENTIFYING"), ("b", "IDENTIFIED"), ("b", "IDENTIFICATION_FAILED"),
        ]  # fmt: skip
        assert device.journal.mailbox("containers").activity() is None

    run(story())


def test_a_refusal_is_not_said_while_the_same_id_is_asked_for_again() -> None:
    """It would be taken for the answer to the later one."""

    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        for wanted in (asked("not a name"), asked("lamp", "2")):
            device.agent.arrived(DESIRED, desired_state("a", wanted))
        await device.agent.work()
        assert statuses(device.said()) == ["IDENTIFYING", "IDENTIFIED"]
        assert "another desired state of a waits already" in device.entries("message-ignored")[-1]

    run(story())


@pytest.mark.parametrize("command", ["ROLLBACK", "CLEANUP"])
def test_a_download_that_goes_on_is_cut_short_by_what_gives_it_up(command: str) -> None:
    """Nobody commands that behind a download who still wants it."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**12)})
        device.engine.script.pull_rate = 1e7
        await device.desired("a", asked("big"))
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(10)
        device.said()
        device.agent.arrived(COMMAND, command_message("a", command))
        begun = asyncio.get_running_loop().time()
        await work
        assert asyncio.get_running_loop().time() - begun < 5
        said = device.said()
        assert said[0].status == "DOWNLOAD_FAILURE"
        assert said[0].of("big") == ("DOWNLOAD_FAILURE", f"cut short by {command}")
        assert statuses(said)[-1] == ("ROLLBACK_SUCCESS" if command == "ROLLBACK" else "INCOMPLETE")

    run(story())


def test_commands_that_are_sent_together_follow_each_other() -> None:
    """Nothing is cut short by the next phase (defect B17 of the original)."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**9)})
        device.engine.script.pull_rate = 1e7
        await device.desired("a", asked("big"))
        for command in COMMANDS:
            device.agent.arrived(COMMAND, command_message("a", command))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(10)
        device.agent.arrived(COMMAND, command_message("other", "CLEANUP"))
        await work
        assert device.said()[-1].status == "COMPLETED"

    run(story())


def test_one_baseline_is_not_cut_short_by_a_command_for_another() -> None:
    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**9)})
        device.engine.script.pull_rate = 1e7
        baselines = {"one": ["containers:big"], "two": ["containers:lamp"]}
        await device.desired("a", asked("big"), asked("lamp"), baselines=baselines)
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD", "one"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(10)
        device.agent.arrived(COMMAND, command_message("a", "CLEANUP", "two"))
        await work
        ended = [(each.baseline, each.status) for each in device.said() if each.status != "DOWNLOADING"]
        assert ended == [("one", "DOWNLOAD_SUCCESS"), ("two", "CLEANUP_SUCCESS")]

    run(story())


def test_one_baseline_that_waits_is_not_cut_short_by_a_command_for_another() -> None:
    """But by the next one for itself, also behind that."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/new:1": Image(pull="unreachable")})
        baselines = {"one": ["containers:new"], "two": ["containers:lamp"]}
        await device.desired("a", asked("new"), asked("lamp"), baselines=baselines)
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD", "one"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(10)
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD", "two"))
        await asyncio.sleep(10)
        assert {each.status for each in device.said() if each.baseline} == {"DOWNLOADING"}
        device.agent.arrived(COMMAND, command_message("a", "CLEANUP", "one"))
        await work
        ended = [(each.baseline, each.status) for each in device.said() if each.status != "DOWNLOADING"]
        assert ended == [("one", "DOWNLOAD_FAILURE"), ("two", "DOWNLOAD_SUCCESS"), ("one", "CLEANUP_SUCCESS")]

    run(story())


def test_an_end_that_waits_says_for_what_and_is_cut_short() -> None:
    """Between the clean-up and the last look: what cannot be looked at is not called complete, and stays in force."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("swap"))
        await device.desired("a", asked("swap", "2"))
        await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE")
        await device.command("a", "CLEANUP", "containers:swap")
        device.engine.script.unreachable = True
        device.agent.arrived(COMMAND, command_message("a", "CLEANUP", "containers:remove-components"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(10)
        said = device.said()
        assert [(each.status, each.of("swap")[1]) for each in said[1:]] == [("CLEANUP", AWAY)]
        device.agent.arrived(DESIRED, desired_state("b", asked("swap", "2")))
        await asyncio.sleep(1)
        assert [(each.activity, each.status) for each in device.said()][:2] == [
            ("a", "INCOMPLETE"),
            ("b", "IDENTIFYING"),
        ]
        device.engine.script.unreachable = False
        await work
        assert device.said()[-1].status == "IDENTIFIED"
        assert device.running() == {"swap": "reg.example/swap:2"}

    run(story())


def test_each_outage_is_waited_out_anew() -> None:
    """Also by the look of a desired state: an outage of an hour ago has used up nothing of its patience."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        device.engine.script.unreachable = True
        assert (await device.desired("a", asked("lamp", "2")))[-1].status == "IDENTIFICATION_FAILED"
        for back_s in (0.0, 3600.0):  # at once, and after an hour in which cycles looked
            device.engine.script.unreachable = False
            if back_s:
                await asyncio.sleep(back_s)
                await device.settle()
            device.engine.script.unreachable = True
            asyncio.get_running_loop().call_later(3, setattr, device.engine.script, "unreachable", False)
            said = await device.desired("b", asked("lamp", "2"))
            assert [(each.status, each.message) for each in said] == [
                ("IDENTIFYING", ""), ("IDENTIFYING", AWAY), ("IDENTIFIED", "")
            ]  # fmt: skip
            await device.commands("b", "CLEANUP")

    run(story())


LATE = "asked what is there, and has not answered within 5 s"


async def hanging(command: str) -> tuple[Device, asyncio.Task[None]]:
    """A device of which the engine takes four minutes for each look, since it was told this command 10 s ago."""
    device = Device()
    await device.bring("before", asked("lamp"))
    await device.desired("a", asked("lamp", "2"))
    await device.commands("a", *COMMANDS[: COMMANDS.index(command)])
    device.engine.script.observe_s = 240.0
    device.agent.arrived(COMMAND, command_message("a", command))
    return device, asyncio.create_task(device.agent.work())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_phase_says_that_the_engine_lets_it_wait(command: str) -> None:
    """Once, within seconds; and no more when it has answered."""

    async def story() -> None:
        device, work = await hanging(command)
        await asyncio.sleep(10)
        said = device.said()
        assert said[-1].status == WORKING.get(command, command)
        assert said[-1].of("lamp")[1].endswith(LATE)
        await asyncio.sleep(200)
        assert device.said() == []
        device.engine.script.observe_s = 0.0
        await work
        said = device.said()
        assert not said[-1].status.endswith("_FAILURE")
        assert LATE not in said[-1].of("lamp")[1]

    run(story())


GIVEN_UP = [("DOWNLOAD", "CLEANUP"), ("DOWNLOAD", "ROLLBACK"), ("UPDATE", "ROLLBACK"), ("ACTIVATE", "ROLLBACK")]


@pytest.mark.parametrize("after_s", [2, 10])
@pytest.mark.parametrize(("command", "behind"), GIVEN_UP)
def test_a_look_that_hangs_is_cut_short(command: str, behind: str, after_s: float) -> None:
    """At once, by what gives up the command at work; by then it may have been told that it waits for the engine, or not."""

    async def story() -> None:
        device, work = await hanging(command)
        await asyncio.sleep(after_s)
        device.said()
        device.engine.script.observe_s = 0.0  # of the looks that follow
        begun = now()
        device.agent.arrived(COMMAND, command_message("a", behind))
        await work
        assert now() - begun < 10
        said = device.said()
        assert said[0].status.endswith("_FAILURE")
        assert said[0].of("lamp")[1].endswith(f"cut short by {behind}" if after_s < 5 else LATE)
        assert statuses(said)[-1] == ("ROLLBACK_SUCCESS" if behind == "ROLLBACK" else "INCOMPLETE")

    run(story())


@pytest.mark.parametrize("command", COMMANDS[:-1])
@pytest.mark.parametrize("send", [_another, _command("DOWNLOAD"), _command("CLEANUP")], ids=lambda each: each.__name__)
def test_whatever_is_sent_cuts_a_look_short_of_which_was_told_that_it_waits(
    command: str, send: Callable[[Device], Awaitable[None]]
) -> None:
    async def story() -> None:
        device, work = await hanging(command)
        await asyncio.sleep(10)
        device.said()
        device.engine.script.observe_s = 0.0
        begun = now()
        await send(device)
        await work
        assert now() - begun < 10
        said = device.said()
        if send is _another:
            assert (said[0].activity, statuses(said)[-1]) == ("b", "IDENTIFIED")
        else:
            assert said[0].status.endswith("_FAILURE")

    run(story())


def test_a_desired_state_that_is_looked_at_in_time_is_not_refused_for_what_comes_behind_it() -> None:
    """Only a look that lets wait is given up for that."""

    async def story() -> None:
        device = Device()
        device.engine.script.observe_s = 3.0
        device.agent.arrived(DESIRED, desired_state("a", asked("lamp")))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(1)
        device.agent.arrived(DESIRED, desired_state("b", asked("lamp")))
        await work
        assert [(each.activity, each.status) for each in device.said()] == [
            ("a", "IDENTIFYING"), ("a", "IDENTIFIED"), ("b", "IDENTIFYING"), ("a", "SUPERSEDED"), ("b", "IDENTIFIED"),
        ]  # fmt: skip
        device.engine.script.observe_s = 240.0
        device.agent.arrived(DESIRED, desired_state("c", asked("lamp", "2")))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(10)
        assert [(each.status, each.message[-len(LATE) :]) for each in device.said()] == [
            ("IDENTIFYING", ""), ("IDENTIFYING", LATE)
        ]  # fmt: skip
        device.engine.script.observe_s = 0.0
        begun = now()
        device.agent.arrived(DESIRED, desired_state("d", asked("lamp", "2")))
        await work
        assert now() - begun < 10
        found = [(each.activity, each.status) for each in device.said()]
        assert found[0] == ("c", "IDENTIFICATION_FAILED")
        assert found[-1] == ("d", "IDENTIFIED")

    run(story())


def test_a_cycle_that_looks_at_an_engine_that_hangs_is_cut_short() -> None:
    """Commands wait for the same worker."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        device.engine.script.observe_s = 240.0
        begun, cut = now(), asyncio.Event()
        asyncio.get_running_loop().call_later(2, cut.set)
        await device.cycles.run(cut)
        assert now() - begun == 2

    run(story())
