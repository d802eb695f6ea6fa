"""Components of a command side by side: they begin in their order, are watched together, and are told one after the other."""

from __future__ import annotations

import asyncio

import pytest
from tests.controller.agents.harness import COMMANDS, Device, asked, lines, statuses
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.containers.actions import End, Pull, Start, Verify
from evenkeel.specs.plan import Action, Outcome, Retry

NAMES = [f"c{number:02}" for number in range(12)]


async def _seconds(device: Device, activity: str, command: str) -> float:
    begun = asyncio.get_running_loop().time()
    await device.command(activity, command)
    return asyncio.get_running_loop().time() - begun


def test_proofs_are_made_together() -> None:
    """perf.md §4: 50 components took 50 proofs, one after the other."""

    async def story() -> None:
        device = Device()
        device.engine.script.perform_s = 0.2
        await device.desired("a", *map(asked, NAMES))
        for command in ("DOWNLOAD", "UPDATE"):
            await device.command("a", command)
        took_s = await _seconds(device, "a", "ACTIVATE")
        assert took_s < 0.2 * len(NAMES) + 2 * 3.2, "the starts, at most one by one, and about one proof"
        assert set(device.running()) == set(NAMES)

    run(story())


def test_feedback_is_that_of_one_after_the_other() -> None:
    async def told(at_once: float) -> list[str]:
        device = Device()
        device.engine.script.perform_s = at_once
        await device.desired("a", *map(asked, NAMES[:4]))
        await device.command("a", "DOWNLOAD")  # per cent depend on time
        return lines(await device.commands("a", *COMMANDS[1:]))

    quick, slow = run(told(0.0)), run(told(0.4))
    assert quick == slow
    activating = [line for line in quick if line.startswith("ACTIVATING")]
    assert [line.count("=ACTIVATING") for line in activating] == [1, 1, 1, 1]
    assert [line.count("=ACTIVATION_SUCCESS") for line in activating] == [0, 1, 2, 3]


def test_one_that_fails_ends_the_command_in_its_turn() -> None:
    """Those before it go on and are told as they ended; those after it are not begun any more, and what was begun of them is
    taken back."""

    async def story() -> None:
        device = Device()
        for name in NAMES:
            device.engine.catalogue[f"reg.example/{name}:2"] = Image(exits_with=1 if name == "c01" else None)
        await device.bring("before", *map(asked, NAMES))
        device.engine.script.perform_s = 0.3
        begun: list[str] = []

        def note(action: Action) -> Outcome | None:
            if isinstance(action, Start):
                begun.append(device.kept()[action.instance].engine_name)
            return None

        device.engine.script.failures.append(note)
        await device.desired("a", *[asked(name, "2") for name in NAMES])
        for command in ("DOWNLOAD", "UPDATE"):
            await device.command("a", command)
        said = await device.command("a", "ACTIVATE")
        assert statuses(said)[-1] == "ACTIVATION_FAILURE"
        assert said[-1].of("c00")[0] == "ACTIVATION_SUCCESS"
        assert said[-1].of("c01")[0] == "ACTIVATION_FAILURE"
        assert "c11" not in begun
        await device.command("a", "ROLLBACK")
        assert {name: image.rpartition(":")[2] for name, image in device.running().items()} == dict.fromkeys(NAMES, "1")

    run(story())


@pytest.mark.parametrize("command", ["DOWNLOAD", "UPDATE", "ACTIVATE"])
def test_one_that_fails_early_does_not_hide_one_before_it(command: str) -> None:
    """The last one fails at once, while the first is still at work: the first ends, and is told, first."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("slow"), asked("quick"))
        device.engine.script.perform_s = 0.3
        await device.desired("a", asked("slow", "2"), asked("quick", "2"))
        for before in ("DOWNLOAD", "UPDATE", "ACTIVATE"):
            if before == command:
                break
            await device.command("a", before)
        if command == "DOWNLOAD":
            device.engine.catalogue["reg.example/quick:2"] = Image(pull="missing")
        else:
            device.fail({"UPDATE": End, "ACTIVATE": Verify}[command], "quick")
        last = (await device.command("a", command))[-1]
        phase = "ACTIVATION" if command == "ACTIVATE" else command
        assert last.status == f"{phase}_FAILURE"
        assert last.of("slow")[0] == f"{phase}_SUCCESS"
        assert last.of("quick")[0].endswith("_FAILURE")

    run(story())


def test_one_that_the_command_is_not_about_is_repaired_while_a_component_is_watched() -> None:
    """O2, over MQTT: the worker looks beside the steps when the engine tells of something."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("fog"))
        await device.desired("a", asked("fog"), asked("slow"))
        for command in ("DOWNLOAD", "UPDATE"):
            await device.command("a", command)
        ups: list[set[str]] = []

        async def proof(action: Action) -> None:
            device.engine.kill("fog")
            await device.cycles.look_beside()
            ups.append(set(device.running()))

        def note(action: Action) -> Outcome | None:
            if isinstance(action, Verify) and not tasks:
                tasks.append(asyncio.ensure_future(proof(action)))
            return None

        tasks: list[asyncio.Task[None]] = []
        device.engine.script.failures.append(note)
        device.engine.script.perform_s = 4.0
        said = await device.command("a", "ACTIVATE")
        await asyncio.gather(*tasks)
        assert statuses(said)[-1] == "ACTIVATION_SUCCESS"
        assert ups == [{"fog", "slow"}]

    run(story())


def test_entries_of_steps_name_the_revision_and_the_cycle_of_their_own_stage() -> None:
    """Several components are at work at once, and what is not the command's is repaired beside them: each entry names what
    its own step is done for."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("fog"))
        in_force = device.journal.digest("desired")
        await device.desired("a", asked("fog"), asked("one"), asked("two"))
        for command in ("DOWNLOAD", "UPDATE"):
            await device.command("a", command)

        async def hand() -> None:
            await asyncio.sleep(5.0)
            device.engine.kill("fog")
            await device.cycles.look_beside()

        device.engine.script.perform_s = 8.0
        before = len(device.journal.entries())
        _, said = await asyncio.gather(hand(), device.command("a", "ACTIVATE"))
        assert statuses(said)[-1] == "ACTIVATION_SUCCESS"
        activity = device.journal.mailbox("containers").activity()
        assert activity is not None
        entries = [entry for entry in device.journal.entries()[before:] if entry.kind == "drift" or entry.step]
        by_revision = {(entry.subject, entry.revision) for entry in entries}
        assert by_revision == {("fog", in_force), *((name, activity.target.digest) for name in ("one", "two"))}
        cycles = {(entry.step, entry.cycle) for entry in entries if entry.subject != "fog"}
        assert sorted(step for step, _ in cycles) == ["start:one", "start:two", "verify:one", "verify:two"]

    run(story())


@pytest.mark.parametrize("command", ["DOWNLOAD", "ACTIVATE"])
def test_one_that_is_tried_again_waits_for_no_slow_one(command: str) -> None:
    async def story() -> None:
        device = Device()
        await device.desired("a", asked("slow"), asked("quick"))
        for before in ("DOWNLOAD", "UPDATE") if command == "ACTIVATE" else ():
            await device.command("a", before)
        perform, ended, tries = device.engine.perform, dict[str, float](), list[str]()

        async def slowly(action: Action, progress: Progress) -> Outcome:
            if not isinstance(action, Pull | Start):
                return await perform(action, progress)
            name = action.image if isinstance(action, Pull) else device.kept()[action.instance].engine_name
            is_slow = "slow" in name
            await asyncio.sleep(90.0 if is_slow else 0.0)
            tries.append(name)
            if not is_slow and len(tries) < 4:
                return Retry("not now")
            ended["slow" if is_slow else "quick"] = asyncio.get_running_loop().time()
            return await perform(action, progress)

        begun_s = asyncio.get_running_loop().time()
        device.engine.perform = slowly  # type: ignore[method-assign]
        await device.command("a", command)
        assert ended["quick"] - begun_s < 10.0
        assert ended["slow"] - begun_s >= 90.0

    run(story())
