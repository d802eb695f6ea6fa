"""A new desired state takes the place of an open one: the old activity is told so, what it began is undone, what it activated
stays, and the new one begins from there. The same activity again is `test_again.py`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    Asked,
    Device,
    asked,
    command_message,
    desired_state,
    lines,
    statuses,
)
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs import desired as specs
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Pull, Remove
from evenkeel.specs.containers.container import Container
from evenkeel.specs.plan import Action, Outcome

PHASES = ("DOWNLOAD", "UPDATE", "ACTIVATE")


@pytest.mark.parametrize("commands", [PHASES[:0], PHASES[:1], PHASES[:2]])
def test_superseded_is_told_and_undone(commands: tuple[str, ...]) -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"), asked("horn"))
        old = device.id_of("lamp")
        await device.desired("a", asked("lamp", "2"), asked("fog"))
        await device.commands("a", *commands)
        said = await device.desired("b", asked("lamp"), asked("mist"))
        assert [(each.activity, each.status) for each in said] == [
            ("b", "IDENTIFYING"), ("a", "SUPERSEDED"), ("b", "IDENTIFIED"),
        ]  # fmt: skip
        assert said[-1].actions == (
            ("lamp", "IDENTIFIED", "No changes detected, existing container will be check only if it is running."),
            ("mist", "IDENTIFIED", "New container will be created and started."),
            ("horn", "IDENTIFIED", "Existing container will be destroyed, no longer needed."),
        )
        assert device.running() == {"lamp": "reg.example/lamp:1", "horn": "reg.example/horn:1"}
        assert device.id_of("lamp") == old
        assert len(device.kept()) == 2
        assert await device.command("a", "CLEANUP") == []
        await device.commands("b", *PHASES, "CLEANUP")
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:1", "mist": "reg.example/mist:1"}
        assert len(device.kept()) == 2

    run(story())


def test_what_was_activated_stays() -> None:
    """Also while the new activity is open and the controller keeps everything else as it is desired."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"), asked("horn"))
        await device.desired("a", asked("lamp", "2"), asked("horn"))
        await device.commands("a", *PHASES)
        new = device.id_of("lamp")
        said = await device.desired("b", asked("lamp", "2"), asked("horn"), asked("mist"))
        assert [each.activity for each in said if each.status == "SUPERSEDED"] == ["a"]
        assert lines(said)[-1] == "IDENTIFIED lamp=IDENTIFIED horn=IDENTIFIED mist=IDENTIFIED"
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:2", "horn": "reg.example/horn:1"}
        assert device.id_of("lamp") == new
        assert len(device.kept()) == 2  # the old lamp is gone, too
        await device.commands("b", *PHASES, "CLEANUP")
        await device.settle()
        assert device.id_of("lamp") == new
        assert len(device.kept()) == 3

    run(story())


def test_a_pull_is_cut_short() -> None:
    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**12)})
        await device.desired("a", asked("big"))
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(5)
        begun = asyncio.get_running_loop().time()
        device.agent.arrived(DESIRED, desired_state("b", asked("small")))
        await work
        assert asyncio.get_running_loop().time() - begun < 5
        said = device.said()
        assert [(each.activity, each.status) for each in said if each.status != "DOWNLOADING"] == [
            ("b", "IDENTIFYING"), ("a", "SUPERSEDED"), ("b", "IDENTIFIED"),
        ]  # fmt: skip

    run(story())


async def superseded_while_it_pulls(device: Device, *components: Asked) -> list[str]:
    """`big` is pulled, when another desired state comes and is identified, and a cycle follows. The images that are being
    pulled at any moment from then on."""
    pulled, perform = list[str](), device.engine.perform

    async def noted(action: Action, progress: Progress) -> Outcome:
        if not isinstance(action, Pull):
            return await perform(action, progress)
        pulled.append(action.image)
        try:
            return await perform(action, progress)
        finally:
            pulled.remove(action.image)

    device.engine.perform = noted  # type: ignore[method-assign]
    device.engine.script.pull_rate = 1e7
    await device.desired("a", asked("big"), asked("horn"))
    device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
    work = asyncio.create_task(device.agent.work())
    await asyncio.sleep(60)
    assert pulled == ["reg.example/big:1"]
    device.agent.arrived(DESIRED, desired_state("b", *components))
    await work
    await device.settle()
    return pulled


@pytest.mark.parametrize("is_first", [True, False], ids=["nothing was asked for before", "after another state"])
def test_a_pull_that_the_new_desired_state_wants_too_goes_on(is_first: bool) -> None:
    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**9)})
        if not is_first:
            await device.bring("before", asked("horn"))
        begun = asyncio.get_running_loop().time()
        pulled = await superseded_while_it_pulls(device, asked("big"), asked("fog"))
        assert pulled == ["reg.example/big:1"]
        await device.commands("b", *COMMANDS)
        assert asyncio.get_running_loop().time() - begun < 100 + 20, "of which 100 s are one pull"
        assert device.running().keys() >= {"big", "fog"}

    run(story())


@pytest.mark.parametrize("is_first", [True, False], ids=["nothing was asked for before", "after another state"])
@pytest.mark.parametrize("end", ["another component", "another version", "CLEANUP", "ROLLBACK", "close"])
def test_a_pull_that_nobody_wants_any_more_ends(is_first: bool, end: str) -> None:
    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**12)})
        if not is_first:
            await device.bring("before", asked("horn"))
        new = {"another component": asked("fog"), "another version": asked("big", "2")}
        pulled = await superseded_while_it_pulls(device, new.get(end, asked("big")))
        if end in ("CLEANUP", "ROLLBACK"):
            device.agent.arrived(COMMAND, command_message("b", "DOWNLOAD"))
            work = asyncio.create_task(device.agent.work())
            await asyncio.sleep(5)
            assert pulled == ["reg.example/big:1"]
            device.agent.arrived(COMMAND, command_message("b", end))
            await work
            await device.settle()
        elif end == "close":
            await device.cycles.close()
        else:
            await device.command("b", "DOWNLOAD")
        assert not pulled
        assert "reg.example/big:1" not in device.engine.world.images

    run(story())


def test_an_image_that_two_components_want_is_pulled_once() -> None:
    async def story() -> None:
        image = "reg.example/shared:1"
        device = Device(catalogue={image: Image(size=10**10)})
        device.engine.script.pull_rate = 1e7
        await device.desired("a", asked("one", image=image), asked("two", image=image))
        said = await device.commands("a", *COMMANDS)
        assert device.pulses.count("before Pull") == 1
        assert said[-1].status == "COMPLETED"
        assert device.running() == {"one": image, "two": image}

    run(story())


def test_a_pull_is_cut_short_by_one_that_came_behind_a_command() -> None:
    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**12)})
        await device.desired("a", asked("big"))
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(5)
        begun = asyncio.get_running_loop().time()
        device.agent.arrived(COMMAND, command_message("a", "UPDATE"))
        device.agent.arrived(DESIRED, desired_state("b", asked("small")))
        await work
        assert asyncio.get_running_loop().time() - begun < 5
        assert [(each.activity, each.status) for each in device.said() if each.status != "DOWNLOADING"] == [
            ("a", "UPDATE_FAILURE"), ("b", "IDENTIFYING"), ("a", "SUPERSEDED"), ("b", "IDENTIFIED"),
        ]  # fmt: skip

    run(story())


def test_a_command_that_waits_with_its_successor_behind_it_is_not_begun() -> None:
    """Both came while the controller was off, or at work on something else."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**12)})
        await device.desired("a", asked("big"))
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        device.agent.arrived(DESIRED, desired_state("b", asked("small")))
        begun = asyncio.get_running_loop().time()
        await device.agent.work()
        assert asyncio.get_running_loop().time() - begun < 5
        assert [(each.activity, each.status) for each in device.said()] == [
            ("b", "IDENTIFYING"), ("a", "SUPERSEDED"), ("b", "IDENTIFIED"),
        ]  # fmt: skip

    run(story())


def test_what_was_to_go_with_an_activation_is_gone_when_it_is_superseded() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"), asked("horn"))
        await device.desired("a", asked("lamp", "2"))
        await device.commands("a", *PHASES)
        said = await device.desired("b", asked("lamp", "2"), asked("mist"))
        assert [each.status for each in said] == ["IDENTIFYING", "SUPERSEDED", "IDENTIFIED"]
        assert [name for name, _, _ in said[-1].actions] == ["lamp", "mist"], "nothing is left to be removed"
        assert [kept.engine_name for kept in device.kept().values()] == ["lamp"], "nor of what it replaced"
        await device.command("b", "CLEANUP")
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:2"}
        assert "before Start" not in device.pulses[device.pulses.index("after Remove") :]

    run(story())


@pytest.mark.parametrize(
    "message", [b"no JSON", desired_state("c", asked("not a name")), b'{"activityId": "c", "payload": {"domains": 1}}']
)
def test_what_supersedes_nothing_cuts_nothing_short(message: bytes) -> None:
    """Else a sender that repeats itself over a bad link would starve every pull."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**10)})
        await device.desired("a", asked("big"))
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        work = asyncio.create_task(device.agent.work())
        for _ in range(3):
            await asyncio.sleep(2)
            device.agent.arrived(DESIRED, message)
        await work
        assert device.pulses.count("before Pull") == 1
        assert "DOWNLOAD_SUCCESS" in statuses(device.said())

    run(story())


def test_a_clean_up_before_another_desired_state_is_carried_out() -> None:
    """Messages are dealt with in their order; the end of an activity is its own."""

    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        await device.commands("a", *PHASES)
        device.agent.arrived(COMMAND, command_message("a", "CLEANUP"))
        device.agent.arrived(DESIRED, desired_state("b", asked("lamp"), asked("horn")))
        await device.agent.work()
        assert [(each.activity, each.status) for each in device.said()] == [
            ("a", "CLEANUP_SUCCESS"), ("a", "COMPLETED"), ("b", "IDENTIFYING"), ("b", "IDENTIFIED"),
        ]  # fmt: skip

    run(story())


def test_many_in_a_row_leave_nothing_behind() -> None:
    """Also when the next one comes while the last is being undone."""

    async def story() -> None:
        device = Device()
        device.engine.script.perform_s = 0.5
        await device.bring("before", asked("lamp"), asked("horn"))
        world = device.instances()
        await device.desired("a0", asked("lamp", "2"), asked("horn", "2"))
        await device.commands("a0", "DOWNLOAD", "UPDATE")
        work = None
        for number in range(1, 20):
            device.agent.arrived(DESIRED, desired_state(f"a{number}", asked("lamp", str(number + 2)), asked("horn")))
            work = work or asyncio.create_task(device.agent.work())
            await asyncio.sleep(0.2)
        assert work
        await work
        said = device.said()
        assert [each.activity for each in said if each.status == "SUPERSEDED"] == [f"a{n}" for n in range(19)]
        assert device.journal.mailbox("containers").activity() is not None
        assert said[-1].activity == "a19"
        assert device.instances() == world
        await device.command("a19", "CLEANUP")
        await device.settle()
        assert device.instances() == world

    run(story())


@pytest.mark.parametrize("commands", [PHASES[:0], PHASES[:2]])
@pytest.mark.parametrize("bad", ["invalid", "blocked", "unreachable"])
def test_a_rejected_one_supersedes_nothing(commands: tuple[str, ...], bad: str) -> None:
    """As with Kanto, the open operation stays in place and can be commanded on (container-management.md §1.7)."""

    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        before = await device.commands("a", *commands)
        if bad == "blocked":
            device.engine.put_foreign(Container(name="horn", image="docker.io/library/other:1"))
        device.engine.script.unreachable = bad == "unreachable"
        said = await device.desired("b", asked("horn", "1", *([("memory", "1")] if bad == "invalid" else [])))
        device.engine.script.unreachable = False
        assert said[-1].activity == "b"
        assert said[-1].status == "IDENTIFICATION_FAILED"
        assert said[-1].message
        assert all(each.activity == "b" for each in said)
        after = await device.commands("a", *PHASES[len(commands) :], "CLEANUP")
        assert after[-1].status == "COMPLETED"
        assert before + after
        assert device.running()["lamp"] == "reg.example/lamp:1"

    run(story())


def test_what_cannot_be_undone_at_once_is_undone_later() -> None:
    async def story() -> None:
        device = Device(patience=timedelta(seconds=5))
        await device.bring("before", asked("lamp"))
        world = device.instances()
        await device.desired("a", asked("lamp"), asked("fog"))
        await device.command("a", "DOWNLOAD")
        heal = device.fail(Remove, "fog")
        await device.desired("b", asked("lamp"))
        heal()
        said = await device.commands("b", *PHASES, "CLEANUP")
        assert said[-1].status == "COMPLETED"
        await device.settle()
        assert device.instances() == world

    run(story())


def test_files_stay_overruled_and_are_kept_by_the_message() -> None:
    """What a message brought is kept against drift, also after a restart."""

    async def story() -> None:
        device = Device()
        await device.bring("a", asked("lamp"))
        device.reboot()
        device.engine.remove("lamp")
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:1"}

    run(story())


def test_drift_is_left_alone_where_an_activity_is_at_work_and_repaired_elsewhere() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"), asked("horn"))
        await device.desired("a", asked("lamp", "2"), asked("horn"))
        await device.commands("a", "DOWNLOAD", "UPDATE")
        device.engine.remove("horn")
        await device.settle()
        assert device.running() == {"horn": "reg.example/horn:1"}
        said = await device.commands("a", "ACTIVATE", "CLEANUP")
        assert said[-1].status == "COMPLETED"

    run(story())


def test_what_an_activity_only_checks_is_not_changed_by_others_meanwhile() -> None:
    """Or COMPLETED would speak of what runs no more."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        await device.desired("a", asked("lamp"), asked("horn"))
        await device.commands("a", "DOWNLOAD", "UPDATE")
        in_force = device.journal.revision("desired")
        assert in_force is not None
        (document,) = in_force.documents
        other = changed(document, wanted=changed(document.wanted, image="reg.example/lamp:2"))
        device.journal.put("desired", specs.desired_state([other]), "files")
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:1"}
        said = await device.commands("a", "ACTIVATE", "CLEANUP")
        assert said[-1].status == "COMPLETED"
        assert device.running() == {"lamp": "reg.example/lamp:1", "horn": "reg.example/horn:1"}

    run(story())
