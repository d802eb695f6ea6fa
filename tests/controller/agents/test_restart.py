"""The power is cut anywhere: after a stored feedback, after an entry of the journal, before or after something that is done
to the engine; once in every run, and everywhere in `make thorough`. Then the same commands lead to the same world, and what
was said is the same, in the same order, with at most one message of work in progress said twice.

Defect A6 of the original: it forgets the operation and ignores the commands that follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    Device,
    Said,
    asked,
    command_message,
    desired_state,
    lines,
    statuses,
)
from tests.sampling import sampled
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image

BEFORE = (
    asked("same"),
    asked("swap", "1", ("port", "8080:80")),
    asked("limit", "1", ("memory", "64M")),
    asked("gone"),
)
AFTER = (
    asked("same"),
    asked("new"),
    asked("swap", "2", ("port", "8080:80")),
    asked("limit", "1", ("memory", "96M")),
)
IN_PROGRESS = ("DOWNLOADING", "UPDATING", "ACTIVATING", "ROLLBACK")


async def all_goes_well(device: Device) -> list[Said]:
    return await device.desired("x", *AFTER) + await device.commands("x", *COMMANDS)


async def rolled_back(device: Device) -> list[Said]:
    said = await device.desired("x", *AFTER)
    return said + await device.commands("x", "DOWNLOAD", "UPDATE", "ACTIVATE", "ROLLBACK", "CLEANUP")


async def download_fails(device: Device) -> list[Said]:
    device.engine.catalogue["reg.example/missing:1"] = Image(pull="missing")
    said = await device.desired("x", *AFTER, asked("missing"))
    return said + await device.commands("x", "DOWNLOAD", "CLEANUP")


async def health_is_bad(device: Device) -> list[Said]:
    device.engine.catalogue["reg.example/swap:2"] = Image(exits_with=1)
    said = await device.desired("x", *AFTER)
    return said + await device.commands("x", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")


async def one_after_the_other(device: Device) -> list[Said]:
    said = await device.desired("x", *AFTER, baselines={"front": ["containers:swap", "containers:new"]})
    for baseline in ("front", "containers:same", "containers:limit", "containers:remove-components"):
        said += await device.commands("x", *COMMANDS, baseline=baseline)
    return said


async def superseded(device: Device) -> list[Said]:
    said = await device.desired("w", asked("same"), asked("swap", "3"), asked("other"))
    said += await device.commands("w", "DOWNLOAD", "UPDATE")
    return said + await device.desired("x", *AFTER[:2]) + await device.commands("x", *COMMANDS)


async def nothing_to_do(device: Device) -> list[Said]:
    said = await device.desired("v")
    said += await device.commands("v", *COMMANDS)
    return said + await device.desired("x")


async def wrong_and_refused(device: Device) -> list[Said]:
    said = await device.desired("v", asked("x", "1", ("memory", "1"))) + await device.desired("x", *AFTER)
    return said + await device.commands("x", "ACTIVATE", "DOWNLOAD", "CLEANUP")


Scenario = Callable[[Device], Awaitable[list[Said]]]
SCENARIOS: Sequence[Scenario] = (
    all_goes_well, rolled_back, download_fails, health_is_bad,
    one_after_the_other, superseded, nothing_to_do, wrong_and_refused,
)  # fmt: skip


class Ended(NamedTuple):
    """What was said, the world after it, what is in force, and where the power could have been cut."""

    said: list[Said]
    world: list[tuple[str, ...]]
    in_force: list[tuple[str, str]]
    pulses: list[str]


async def had(scenario: Scenario, device: Device, *cuts: int) -> Ended:
    device.cuts, device.pulses = list(cuts), []
    said = await scenario(device)
    pulses, world = list(device.pulses), device.instances()
    assert device.journal.mailbox("containers").activity() is None
    assert device.journal.mailbox("containers").incoming() is None
    device.cuts = []
    await device.settle()
    assert device.instances() == world
    state = device.journal.revision("desired")
    assert state is not None
    return Ended(said, world, [(each.name, getattr(each.wanted, "image", "")) for each in state.documents], pulses)


def without_repetition(said: Sequence[Said], at_most: int) -> list[str]:
    """Messages of work in progress may stand twice in a row, so often."""
    found: list[str] = []
    for each in said:
        if each.status in IN_PROGRESS and found and found[-1] == each.line:
            at_most -= 1
            continue
        found.append(each.line)
    assert at_most >= 0, lines(said)
    return found


def compare(ended: Ended, expected: Ended, where: str, cuts: int) -> None:
    assert ended.world == expected.world, where
    assert ended.in_force == expected.in_force, where
    assert without_repetition(ended.said, cuts) == lines(expected.said), where
    texts = {(each.line, each.actions) for each in expected.said}
    assert all((each.line, each.actions) in texts for each in ended.said), where


async def prepared() -> Device:
    device = Device()
    await device.bring("before", *BEFORE)
    return device


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_power_cut_anywhere(scenario: Scenario) -> None:
    async def story() -> None:
        device = await prepared()
        expected = await had(scenario, device.twin())
        assert len(expected.pulses) > 5
        for cut, pulse in sampled([*enumerate(expected.pulses, start=1)], 6, scenario.__name__):
            compare(await had(scenario, device.twin(), cut), expected, f"cut at {cut}, {pulse}", 1)

    run(story())


def test_power_cut_again_soon_after() -> None:
    async def story() -> None:
        device = await prepared()
        expected = await had(rolled_back, device.twin())
        for cut in sampled(range(1, len(expected.pulses)), 3, "again soon after"):
            cuts = [cut, cut + 1, cut + 4]
            compare(await had(rolled_back, device.twin(), *cuts), expected, f"cut at {cuts}", 3)

    run(story())


def test_told_to_stop_in_the_middle_of_a_pull() -> None:
    """An orderly end is no failure: nothing is said of it, and the command goes on after the start."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**9)})
        device.engine.script.pull_rate = 1e7
        await device.desired("x", asked("big"))
        device.agent.arrived(COMMAND, command_message("x", "DOWNLOAD"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(20)
        device.stopping.set()
        device.agent.interrupt()
        await work
        before = device.said()
        assert {each.status for each in before} == {"DOWNLOADING"}
        device.reboot()
        device.engine.script.pull_rate = 1e12
        await device.agent.work()
        after = device.said()
        assert lines(after) == ["DOWNLOADING big=DOWNLOADING", "DOWNLOAD_SUCCESS big=DOWNLOAD_SUCCESS"]

    run(story())


def test_told_to_stop_while_the_engine_is_away() -> None:
    """The desired state waits in the mailbox for the next start; it is not refused for being badly timed."""

    async def story() -> None:
        device = Device()
        device.engine.script.unreachable = True
        device.agent.arrived(DESIRED, desired_state("x", asked("lamp")))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(5)
        device.stopping.set()
        device.agent.interrupt()
        await work
        said = device.said()
        assert [(each.status, each.message) for each in said] == [
            ("IDENTIFYING", ""), ("IDENTIFYING", "is scripted to be unreachable"),
        ], "whoever waits hears at once that it is being looked into, and what for"  # fmt: skip
        device.reboot()
        device.engine.script.unreachable = False
        await device.agent.work()
        assert lines(device.said()) == ["IDENTIFIED lamp=IDENTIFIED"]

    run(story())


def test_a_message_that_the_broker_delivers_again_is_heard_once() -> None:
    """A crash between storing and acknowledging makes a broker repeat: a second DOWNLOAD would be refused as one in the wrong
    order, and a commander would take that for a failed download."""

    async def story() -> None:
        device = Device()
        state, command = desired_state("x", asked("lamp")), command_message("x", "DOWNLOAD")
        for topic, payload in ((DESIRED, state), (COMMAND, command)):
            device.agent.arrived(topic, payload)
            device.agent.arrived(topic, payload, duplicate=True)  # still in the mailbox
            await device.agent.work()
            device.agent.arrived(topic, payload, duplicate=True)  # dealt with
            await device.agent.work()
        assert lines(device.said()) == [
            "IDENTIFYING",
            "IDENTIFIED lamp=IDENTIFIED",
            "DOWNLOADING lamp=DOWNLOADING",
            "DOWNLOAD_SUCCESS lamp=DOWNLOAD_SUCCESS",
        ]
        said = await device.send(COMMAND, command)  # no duplicate, but a second command
        assert lines(said) == ["DOWNLOAD_FAILURE lamp=DOWNLOAD_SUCCESS"]

    run(story())


def test_the_like_of_an_old_message_that_the_broker_delivers_again_is_heard() -> None:
    """Scripts say the same, without a time, again and again. The controller was killed before it took the second one in: what
    the broker then delivers again is not the first."""

    async def story() -> None:
        device = Device()
        state, command = desired_state("x", asked("lamp")), command_message("x", "DOWNLOAD")
        for packet, (topic, payload) in enumerate([(DESIRED, state), (COMMAND, command)], 1):
            device.agent.arrived(topic, payload, packet=packet)
            await device.agent.work()
        await device.command("x", "CLEANUP")
        device.said()
        device.reboot()
        for packet, (topic, payload) in enumerate([(DESIRED, state), (COMMAND, command)], 4):
            device.agent.arrived(topic, payload, packet=packet, duplicate=True)
            device.agent.arrived(topic, payload, packet=packet, duplicate=True)
            await device.agent.work()
        assert statuses(device.said()) == ["IDENTIFYING", "IDENTIFIED", "DOWNLOADING", "DOWNLOAD_SUCCESS"]
        assert device.entries("message-ignored") == ["it was delivered before"] * 2

    run(story())


def test_no_message_that_was_dealt_with_is_heard_again() -> None:
    """Acknowledgements of several messages are lost together, and an activity ends; the broker repeats all of them."""

    async def story() -> None:
        device = Device()
        messages = [(DESIRED, desired_state("x", asked("lamp")))]
        messages += [(COMMAND, command_message("x", command)) for command in COMMANDS]
        for moment, (topic, payload) in enumerate(messages):
            await device.send(topic, payload)
            for packet, earlier in enumerate(messages[: moment + 1], 1):
                device.agent.arrived(*earlier, packet=packet, duplicate=True)
            device.reboot()
            await device.agent.work()
            assert [each for each in device.said() if each.status.endswith("FAILURE")] == []
        assert device.journal.mailbox("containers").activity() is None
        device.states.clear()
        for packet, (topic, payload) in enumerate(messages, 1):
            device.agent.arrived(topic, payload, packet=packet, duplicate=True)
        await device.agent.work()
        assert device.said() == []
        assert device.journal.mailbox("containers").activity() is None
        assert device.entries("message-ignored")[-1] == "it was delivered before"
        assert statuses(await device.send(*messages[0])) == ["IDENTIFYING", "IDENTIFIED"]  # said anew

    run(story())


def test_a_retained_desired_state_is_obeyed_once() -> None:
    """A broker gives what it keeps to everybody who begins to listen: at each start of the process."""

    async def story() -> None:
        device = Device()
        kept = desired_state("old", asked("lamp", "1"))

        async def starts() -> list[str]:
            device.reboot()
            device.agent.arrived(DESIRED, kept, retained=True)
            await device.agent.work()
            return statuses(device.said())

        assert await starts() == ["IDENTIFYING", "IDENTIFIED"]
        assert await starts() == []
        await device.commands("old", *COMMANDS)
        assert await starts() == []
        await device.desired("new", asked("lamp", "2"))
        assert await starts() == []
        await device.commands("new", *COMMANDS)
        await device.settle()
        device.said()
        assert await starts() == []
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:2"}
        kept = desired_state("other", asked("lamp", "3"))
        assert await starts() == ["IDENTIFYING", "IDENTIFIED"]
        await device.commands("other", *COMMANDS)
        again = desired_state("old", asked("lamp", "1"))
        assert statuses(await device.send(DESIRED, again)) == ["IDENTIFYING", "IDENTIFIED"]  # somebody says it now

    run(story())


def test_a_retained_desired_state_that_was_heard_when_it_was_said_is_not_obeyed_again() -> None:
    """Who listens when it is published gets it as any other message; only after the next start it comes as a kept one."""

    async def story() -> None:
        device = Device()
        kept = desired_state("old", asked("lamp", "1"))
        await device.send(DESIRED, kept)
        await device.commands("old", *COMMANDS)
        await device.bring("new", asked("lamp", "2"))
        for _ in range(2):
            device.reboot()
            device.agent.arrived(DESIRED, kept, retained=True)
            await device.agent.work()
            assert device.said() == []
            (why,) = device.entries("message-ignored")
            assert why.endswith("to have it obeyed again, publish it with QoS 1, or as another activity")
        for number in range(70):  # so many that it would be forgotten, had it not been given as kept
            await device.desired(f"n{number}", asked("lamp", "2"))
        device.agent.arrived(DESIRED, kept, retained=True)
        await device.agent.work()
        assert device.said() == []
        assert device.running() == {"lamp": "reg.example/lamp:2"}

    run(story())


def test_a_retained_command_is_not_obeyed_and_said_so_once() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("x", asked("lamp"))
        for _ in range(3):
            device.reboot()
            device.agent.arrived(COMMAND, command_message("x", "DOWNLOAD"), retained=True)
            await device.agent.work()
        assert device.said() == []
        assert len(device.entries("message-ignored")) == 1
        assert "retained" in device.entries("message-ignored")[0]
        assert statuses(await device.command("x", "DOWNLOAD")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]

    run(story())
