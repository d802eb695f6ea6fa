"""A desired state that is sent again under the id of the open activity: the activity begins with DOWNLOAD again.

An update manager that was restarted remembers nothing, and a cloud repeats what it heard no answer to. Both send the
desired state again and wait for IDENTIFIED; whatever they find, they must get through. What is done stays done, a rollback
leads to where the activity began, and whoever follows the id reads no end before the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    Asked,
    Device,
    Said,
    asked,
    command_message,
    desired_state,
    statuses,
)
from tests.sampling import sampled
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.actions import End, Pull, Start
from evenkeel.specs.containers.container import Container
from evenkeel.specs.reading.wire import MOST_BYTES

PHASES = ("DOWNLOAD", "UPDATE", "ACTIVATE")
STATES: Sequence[tuple[str, ...]] = (
    (),
    ("DOWNLOAD",),
    ("DOWNLOAD", "UPDATE"),
    ("DOWNLOAD", "UPDATE", "ACTIVATE"),
    ("DOWNLOAD", "ROLLBACK"),
    ("DOWNLOAD", "UPDATE", "ROLLBACK"),
    ("DOWNLOAD", "UPDATE", "ACTIVATE", "ROLLBACK"),
)
BEFORE = (asked("same"), asked("swap"), asked("limit", "1", ("memory", "64M")), asked("gone"))
AFTER = (asked("same"), asked("swap", "2"), asked("limit", "1", ("memory", "96M")), asked("new"))
RUNNING = {
    name: f"reg.example/{name}:{version}" for name, version in (("same", 1), ("swap", 2), ("limit", 1), ("new", 1))
}
IDENTIFIED = {
    "same": "No changes detected, existing container will be check only if it is running.",
    "swap": "Existing container will be destroyed and replaced by a new one.",
    "limit": "Existing container will be updated with new configuration.",
    "new": "New container will be created and started.",
    "gone": "Existing container will be destroyed, no longer needed.",
}


async def prepared(*before: Asked, **engine: Image) -> Device:
    catalogue = {f"reg.example/{name.replace('_', ':')}": image for name, image in engine.items()}
    device = Device(catalogue=catalogue)
    await device.bring("before", *before)
    return device


def world(device: Device) -> list[tuple[str, str, str, str, str]]:
    device.running()
    return sorted(
        (each.id, each.engine_name, each.state, each.image_id, repr(each.container.resources))
        for each in device.kept().values()
    )


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("commands", STATES)
def test_it_begins_again_and_completes(commands: tuple[str, ...], restarts: bool) -> None:
    """From every state, and whether the controller was restarted meanwhile; what is done stays done."""

    async def story() -> None:
        device = await prepared(*BEFORE)
        await device.desired("a", *AFTER)
        await device.commands("a", *commands)
        found = world(device)
        if restarts:
            device.reboot()
            await device.agent.work()
        said = await device.desired("a", *AFTER, timestamp=2)
        assert [(each.activity, each.status) for each in said] == [("a", "IDENTIFYING"), ("a", "IDENTIFIED")]
        assert {name: (status, text) for name, status, text in said[-1].actions} == {
            name: ("IDENTIFIED", text) for name, text in IDENTIFIED.items()
        }
        assert world(device) == found, "to be asked again changes nothing"
        created = len([pulse for pulse in device.pulses if pulse == "after Create"])
        said = await device.commands("a", *COMMANDS)
        assert statuses(said) == [
            *["DOWNLOADING"] * 2, "DOWNLOAD_SUCCESS", *["UPDATING"] * 3, "UPDATE_SUCCESS",
            *["ACTIVATING"] * 4, "ACTIVATION_SUCCESS", "CLEANUP_SUCCESS", "COMPLETED",
        ]  # fmt: skip
        again = len([pulse for pulse in device.pulses if pulse == "after Create"]) - created
        assert again == (0 if commands and "ROLLBACK" not in commands else 2)
        await device.settle()
        assert device.running() == RUNNING

    run(story())


@pytest.mark.parametrize("last", ["ROLLBACK", "CLEANUP"])
@pytest.mark.parametrize("commands", STATES[1:3])
def test_the_way_back_still_leads_to_where_the_activity_began(commands: tuple[str, ...], last: str) -> None:
    async def story() -> None:
        device = await prepared(*BEFORE)
        origin = world(device)
        await device.desired("a", *AFTER)
        await device.commands("a", *commands)
        await device.desired("a", *AFTER)
        if last == "ROLLBACK":
            await device.commands("a", "DOWNLOAD", "UPDATE")
            await device.desired("a", *AFTER)
            await device.command("a", "DOWNLOAD")
            assert (await device.command("a", "ROLLBACK"))[-1].status == "ROLLBACK_SUCCESS"
            assert world(device) == origin
        assert statuses(await device.command("a", "CLEANUP"))[-1] == "INCOMPLETE"
        assert world(device) == origin
        await device.settle()
        assert world(device) == origin

    run(story())


@pytest.mark.parametrize("ends", ["CLEANUP", "timeout", "another"])
def test_what_was_activated_is_not_taken_back_because_nobody_goes_on(ends: str) -> None:
    """The update manager dies again before its first command; what was proven to work stays."""

    async def story() -> None:
        device = await prepared(*BEFORE)
        await device.desired("a", *AFTER)
        await device.commands("a", *PHASES)
        await device.desired("a", *AFTER)
        if ends == "CLEANUP":
            said = await device.command("a", "CLEANUP")
        elif ends == "timeout":
            await asyncio.sleep(3700)
            await device.agent.work()
            said = device.said()
        else:
            said = await device.desired("b", *AFTER)
        ended = [each.status for each in said if each.activity == "a"][-1]
        assert ended == ("SUPERSEDED" if ends == "another" else "COMPLETED")
        await device.settle()
        assert device.running() == RUNNING
        assert sorted(kept.engine_name for kept in device.kept().values()) == sorted(RUNNING)

    run(story())


def test_a_failure_after_it_was_asked_again_takes_back_what_was_activated_before() -> None:
    async def story() -> None:
        device = await prepared(*BEFORE)
        origin = [name for _, name, *_ in world(device)]
        await device.desired("a", *AFTER)
        await device.commands("a", *PHASES)
        await device.desired("a", *AFTER)
        device.engine.remove("swap")
        device.fail(Start, "swap", "no", times=1)
        said = await device.commands("a", *PHASES)
        assert said[-1].status == "ACTIVATION_FAILURE"
        assert statuses(await device.command("a", "CLEANUP")) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        assert sorted(origin) == sorted(name for _, name, *_ in world(device))
        assert device.running()["swap"] == "reg.example/swap:1"

    run(story())


@pytest.mark.parametrize(
    ("fails", "commands"),
    [((Pull, "reg.example/new:1"), PHASES[:1]), ((End, "swap"), PHASES[:2]), ((Start, "new"), PHASES)],
)
def test_after_a_failure(fails: tuple[type, str], commands: tuple[str, ...]) -> None:
    """The update manager dies before its CLEANUP."""

    async def story() -> None:
        device = await prepared(*BEFORE)
        await device.desired("a", *AFTER)
        heal = device.fail(*fails)
        assert (await device.commands("a", *commands))[-1].status.endswith("_FAILURE")
        heal()
        assert statuses(await device.desired("a", *AFTER)) == ["IDENTIFYING", "IDENTIFIED"]
        assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"
        await device.settle()
        assert device.running() == RUNNING

    run(story())


def test_baselines_that_were_ahead_begin_again_with_the_others() -> None:
    async def story() -> None:
        device = await prepared(*BEFORE)
        baselines = {"front": ["containers:swap", "containers:new"], "back": ["containers:limit", "containers:same"]}
        await device.desired("a", *AFTER, baselines=baselines)
        await device.commands("a", *COMMANDS, baseline="front")
        await device.commands("a", "DOWNLOAD", baseline="back")
        said = await device.desired("a", *AFTER, baselines=baselines)
        assert statuses(said) == ["IDENTIFYING", "IDENTIFIED"]
        assert {status for _, status, _ in said[-1].actions} == {"IDENTIFIED"}
        said = await device.commands("a", *COMMANDS)
        assert said[-1].status == "COMPLETED"
        await device.settle()
        assert device.running() == RUNNING

    run(story())


def test_a_download_at_work_goes_on() -> None:
    """An update manager waits for a phase no longer than it likes and sends the desired state again; a download that were
    begun anew each time would never come to its end. It hears at once what its answer waits for."""

    async def story() -> None:
        device = await prepared(asked("lamp"), lamp_2=Image(size=15 * 60 * 10**7))
        device.engine.script.pull_rate = 1e7
        await device.desired("a", asked("lamp", "2"))
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        work = asyncio.create_task(device.agent.work())
        begun = asyncio.get_running_loop().time()
        await asyncio.sleep(600)
        device.said()
        device.agent.arrived(DESIRED, desired_state("a", asked("lamp", "2"), timestamp=2))
        (said,) = device.said()
        assert (said.status, said.message) == ("IDENTIFYING", "waits for the DOWNLOAD that is at work")
        await work
        assert asyncio.get_running_loop().time() - begun < 16 * 60
        assert [each for each in statuses(device.said()) if each != "DOWNLOADING"] == ["DOWNLOAD_SUCCESS", "IDENTIFIED"]
        assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"
        assert len([pulse for pulse in device.pulses if pulse == "before Pull"]) == 2  # one brought version 1

    run(story())


def test_a_look_that_is_repeated_meanwhile_is_answered_once() -> None:
    """The update manager was restarted while the engine was away: an answer to its first message would be taken for one to
    its second."""

    async def story() -> None:
        device = await prepared(asked("lamp"))
        device.engine.script.unreachable = True
        device.agent.arrived(DESIRED, desired_state("a", asked("lamp", "2")))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(10)
        device.agent.arrived(DESIRED, desired_state("a", asked("lamp", "2"), timestamp=2))
        await asyncio.sleep(10)
        device.engine.script.unreachable = False
        await work
        assert set(statuses(device.said())[:-1]) == {"IDENTIFYING"}
        assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"

    run(story())


@pytest.mark.parametrize("command", ["UPDATE", "ACTIVATE", "ROLLBACK"])
def test_a_command_at_work_is_cut_short(command: str) -> None:
    """Whoever sends the desired state again waits for IDENTIFIED, not for the answer to a command of the life before."""

    async def story() -> None:
        device = await prepared(asked("lamp"))
        await device.desired("a", asked("lamp", "2"))
        before = {"UPDATE": PHASES[:1], "ACTIVATE": PHASES[:2], "ROLLBACK": PHASES}[command]
        await device.commands("a", *before)
        device.engine.script.unreachable = True
        device.agent.arrived(COMMAND, command_message("a", command))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(5)
        device.said()
        device.agent.arrived(DESIRED, desired_state("a", asked("lamp", "2")))
        begun = asyncio.get_running_loop().time()
        await work
        assert asyncio.get_running_loop().time() - begun < 5
        assert statuses(device.said()) == ["IDENTIFYING", "IDENTIFIED"]
        device.engine.script.unreachable = False
        assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"
        assert device.running() == {"lamp": "reg.example/lamp:2"}

    run(story())


def test_an_engine_that_is_away_keeps_nobody_from_beginning_again() -> None:
    async def story() -> None:
        device = await prepared(asked("lamp"))
        await device.desired("a", asked("lamp", "2"))
        await device.commands("a", "DOWNLOAD", "UPDATE")
        device.engine.script.unreachable = True
        assert statuses(await device.desired("a", asked("lamp", "2"))) == ["IDENTIFYING", "IDENTIFIED"]
        device.engine.script.unreachable = False
        assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"

    run(story())


@pytest.mark.parametrize("taken_back", [False, True])
def test_content_that_was_settled_stays_settled(taken_back: bool) -> None:
    """Also when the tag is pushed again; unless it was taken back, for then the desired state means the tag as it is now."""

    async def story() -> None:
        device = await prepared(asked("lamp"))
        await device.desired("a", asked("lamp", "2"))
        await device.command("a", "DOWNLOAD")
        first = next(each.image_id for each in device.kept().values() if each.image == "reg.example/lamp:2")
        if taken_back:
            await device.command("a", "ROLLBACK")
        device.engine.catalogue["reg.example/lamp:2"] = Image(version=2)
        await device.desired("a", asked("lamp", "2"))
        assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"
        (lamp,) = device.kept().values()
        assert lamp.image == "reg.example/lamp:2"
        assert (lamp.image_id != first) == taken_back

    run(story())


def test_a_repetition_by_the_broker_begins_nothing() -> None:
    """It is known by its packet id, and it says that it is one."""

    async def story() -> None:
        device = await prepared(asked("lamp"))
        message = desired_state("a", asked("lamp", "2"))
        device.agent.arrived(DESIRED, message, packet=7)
        await device.agent.work()
        await device.command("a", "DOWNLOAD")
        device.agent.arrived(DESIRED, message, packet=7, duplicate=True)
        await device.agent.work()
        assert device.said() == []
        assert statuses(await device.command("a", "UPDATE"))[-1] == "UPDATE_SUCCESS"

    run(story())


@pytest.mark.parametrize("commands", STATES)
def test_the_power_is_cut_while_it_begins_again(commands: tuple[str, ...]) -> None:
    """At a moment from the second desired state to the end, and at every one in `make thorough`; what is said is the same."""

    async def rest(device: Device) -> list[Said]:
        return await device.desired("a", *AFTER) + await device.commands("a", *COMMANDS)

    async def story() -> None:
        device = await prepared(*BEFORE)
        await device.desired("a", *AFTER)
        await device.commands("a", *commands)
        whole = device.twin()
        expected = await rest(whole)
        for cut in sampled(range(1, len(whole.pulses) + 1), 4, f"begins again after {commands}"):
            twin = device.twin()
            twin.cuts = [cut]
            said = await rest(twin)
            kept = [each for n, each in enumerate(said) if n == 0 or each.line != said[n - 1].line]
            assert [each.line for each in kept] == [each.line for each in expected], f"cut at {cut}"
            assert twin.instances() == whole.instances()

    run(story())


def test_no_end_is_said_of_an_id_that_goes_on() -> None:
    """Other content under the id of the open activity: what that began is taken back, and nothing calls it ended."""

    async def story() -> None:
        device = await prepared(asked("lamp"))
        await device.desired("a", asked("lamp", "2"), asked("fog"))
        await device.commands("a", "DOWNLOAD", "UPDATE")
        said = await device.desired("a", asked("lamp"), asked("mist"))
        assert [(each.activity, each.status) for each in said] == [("a", "IDENTIFYING"), ("a", "IDENTIFIED")]
        assert device.running() == {"lamp": "reg.example/lamp:1"}
        assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:1", "mist": "reg.example/mist:1"}

    run(story())


def test_an_activity_that_is_superseded_and_asked_for_again_is_not_said_to_be_superseded() -> None:
    """Its end would come behind the desired state that begins it again."""

    async def story() -> None:
        device = await prepared(asked("lamp"))
        await device.desired("a", asked("lamp", "2"))
        device.agent.arrived(DESIRED, desired_state("b", asked("lamp", "3")))
        device.agent.arrived(DESIRED, desired_state("a", asked("lamp", "2")))
        await device.agent.work()
        assert [(each.activity, each.status) for each in device.said()] == [
            ("b", "IDENTIFYING"), ("b", "IDENTIFIED"), ("a", "IDENTIFYING"), ("b", "SUPERSEDED"), ("a", "IDENTIFIED"),
        ]  # fmt: skip

    run(story())


@pytest.mark.parametrize("bad", ["invalid", "blocked", "too large", "unreachable"])
@pytest.mark.parametrize("at_work", [False, True])
def test_a_refusal_under_the_id_of_the_open_activity_is_its_end(bad: str, at_work: bool) -> None:
    """Whoever follows the id reads IDENTIFICATION_FAILED as the end, so it is one: what was begun is taken back."""

    async def story() -> None:
        device = await prepared(asked("lamp"), big_1=Image(size=10**12))
        origin = world(device)
        await device.desired("a", asked("lamp", "2"), asked("big"))
        device.engine.put_foreign(Container(name="horn", image="docker.io/library/other:1"))
        if at_work:
            device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(5)
        device.said()
        device.engine.script.unreachable = bad == "unreachable"
        if bad == "too large":
            device.agent.arrived_cut(DESIRED, b'{"activityId": "a", "payload": {', MOST_BYTES + 1)
        else:
            wanted = {"blocked": asked("horn"), "invalid": asked("lamp", "1", ("memory", "1"))}.get(bad, asked("other"))
            device.agent.arrived(DESIRED, desired_state("a", wanted))
        await work
        await device.agent.work()
        said = device.said()
        device.engine.script.unreachable = False
        assert [(each.activity, each.status) for each in said if each.status != "IDENTIFYING"] == [
            ("a", "IDENTIFICATION_FAILED")
        ]
        assert said[-1].message
        assert await device.command("a", "DOWNLOAD") == []
        await device.settle()
        assert [each for each in world(device) if each[1] != "horn"] == origin

    run(story())


def test_a_refusal_of_what_has_no_id_ends_nothing() -> None:
    async def story() -> None:
        device = await prepared(asked("lamp"))
        await device.desired("", asked("lamp", "2"))
        said = await device.send(DESIRED, b"no JSON")
        assert statuses(said) == ["IDENTIFICATION_FAILED"]
        assert (await device.commands("", *COMMANDS))[-1].status == "COMPLETED"

    run(story())
