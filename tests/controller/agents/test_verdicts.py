"""A verdict says what the world is: COMPLETED is said of instances that run, and nothing takes it back in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.controller.agents.harness import Device, asked, statuses
from tests.memories import memory
from tests.until import soon
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Create, End, Pull, Remove, Start, Verify
from evenkeel.specs.plan import Action, Failed, Outcome, Retry

FORWARD = ("DOWNLOAD", "UPDATE", "ACTIVATE")


async def activated(version: str = "2", catalogue: dict[str, Image] | None = None) -> Device:
    """`lamp` was at version 1, and another version of it is activated."""
    device = Device(catalogue=catalogue)
    await device.bring("before", asked("lamp"))
    await device.desired("x", asked("lamp", version))
    await device.commands("x", *FORWARD)
    return device


def refuse_starts_of(device: Device, image: str) -> Callable[[], None]:
    """No container of this image can be started, until what is returned is called."""

    def refuse(action: Action) -> Outcome | None:
        its = isinstance(action, Start) and any(
            action.instance in (each.id, each.engine_name) and each.image == image for each in device.kept().values()
        )
        return Failed("it cannot be started") if its else None

    device.engine.script.failures.append(refuse)
    return lambda: device.engine.script.failures.remove(refuse)


def conditions(device: Device) -> dict[str, tuple[bool, str]]:
    return {each.name: (each.holds, each.message) for each in device.journal.conditions()}


# ── F-00, F-01: what was called complete stays ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [Remove, Start, Verify, Create])
def test_nothing_that_fails_after_the_end_takes_back_what_was_completed(kind: type) -> None:
    """Whatever step fails between the end and the first settled cycle."""

    async def story() -> None:
        device = await activated()
        heal = device.fail(kind) if kind is Remove else lambda: None
        said = await device.command("x", "CLEANUP")
        assert said[-1].status == "COMPLETED"
        assert device.journal.digest("last-good") == device.journal.digest("desired") != ""
        if kind is not Remove:
            heal = device.fail(kind)
            device.engine.remove("lamp") if kind is Create else device.engine.kill("lamp")
        for _ in range(10):
            await device.settle()
            await asyncio.sleep(10)
        assert device.journal.attempts.of(device.journal.digest("desired")) is None
        assert {each[2] for each in device.instances() if each[1] == "running"} <= {"reg.example/lamp:2"}
        heal()
        await asyncio.sleep(600)
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:2"}
        assert len(device.kept()) == 1
        assert device.said() == []

    run(story())


def test_what_cannot_be_removed_is_told_and_holds_up_no_later_update() -> None:
    async def story() -> None:
        device = await activated()
        heal = device.fail(Remove, message="device or resource busy")
        said = await device.command("x", "CLEANUP")
        assert statuses(said) == ["CLEANUP_FAILURE", "COMPLETED"]
        assert "could not be removed, and is tried again: device or resource busy" in said[-1].of("lamp")[1]
        await device.settle()
        assert conditions(device)["CleanedUp"] == (False, "lamp: device or resource busy; tried again by itself")
        assert conditions(device)["Settled"][0]
        for version in ("3", "4"):
            await device.desired(version, asked("lamp", version))
            said = await device.commands(version, *FORWARD, "CLEANUP")
            assert said[-1].status == "COMPLETED"
            assert device.running() == {"lamp": f"reg.example/lamp:{version}"}
        assert len(device.kept()) == 4
        heal()
        await asyncio.sleep(600)
        await device.settle()
        assert len(device.kept()) == 1
        assert "CleanedUp" not in conditions(device)

    run(story())


# ── §5.1: COMPLETED needs what runs and is proven ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("hand", ["remove", "kill", "pause", "disconnect"])
def test_what_other_hands_took_down_is_put_up_before_the_end(hand: str) -> None:
    async def story() -> None:
        device = await activated()
        getattr(device.engine, hand)("lamp")
        said = await device.command("x", "CLEANUP")
        assert statuses(said) == ["CLEANUP_SUCCESS", "COMPLETED"]
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:2"}
        assert len(device.kept()) == 1
        assert memory(device.journal).proven.keys() >= device.kept().keys()

    run(story())


@pytest.mark.parametrize("kind", ["create", "recreate", "check"])
@pytest.mark.parametrize("hand", ["remove", "kill"])
def test_what_cannot_be_put_up_again_is_not_complete(kind: str, hand: str) -> None:
    async def story() -> None:
        device = Device()
        if kind != "create":
            await device.bring("before", asked("lamp"))
        await device.desired("x", asked("lamp", "1" if kind == "check" else "2"))
        await device.commands("x", *FORWARD)
        getattr(device.engine, hand)("lamp")
        version = "1" if kind == "check" else "2"
        heal = device.fail(Create) if hand == "remove" else refuse_starts_of(device, f"reg.example/lamp:{version}")
        said = await device.command("x", "CLEANUP")
        assert said[-1].status == "INCOMPLETE"
        assert said[-1].of("lamp")[0] == "ACTIVATION_FAILURE"
        heal()
        await device.settle()
        expected = {} if kind == "create" else {"lamp": "reg.example/lamp:1"}
        assert device.running() == expected

    run(story())


@pytest.mark.parametrize("version", [str(number) for number in range(2, 10)])
def test_how_the_old_instance_ended_says_nothing_of_the_new(version: str) -> None:
    """The new one is a job that has ended well, and the old was stopped by a signal; whichever of them is seen first."""

    async def story() -> None:
        device = Device(catalogue={f"reg.example/lamp:{version}": Image(exits_with=0, exits_after_s=3.5)})
        await device.bring("before", asked("lamp", "1", ("restartPolicy", "no")))
        await device.desired("x", asked("lamp", version, ("restartPolicy", "no")))
        await device.commands("x", *FORWARD)
        await asyncio.sleep(5)
        assert (await device.command("x", "CLEANUP"))[-1].status == "COMPLETED"

    run(story())


@pytest.mark.parametrize("end", [1, 137])
def test_what_ends_badly_and_may_is_not_complete(end: int) -> None:
    """`restart: no` lets it end, and it ended with an error after it was proven."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp", "1", ("restartPolicy", "no")))
        await device.desired("x", asked("lamp", "2", ("restartPolicy", "no")))
        await device.commands("x", *FORWARD)
        device.engine.kill("lamp", end)
        said = await device.command("x", "CLEANUP")
        assert said[-1].status == "INCOMPLETE"
        assert f"ended with exit code {end}" in said[-1].of("lamp")[1]
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:1"}

    run(story())


def test_what_ends_well_and_may_is_complete() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("x", asked("lamp", "2", ("restartPolicy", "no")))
        await device.commands("x", *FORWARD)
        device.engine.kill("lamp", 0)
        said = await device.command("x", "CLEANUP")
        assert said[-1].status == "COMPLETED"
        await device.settle()
        ended = next(each for each in device.journal.conditions() if each.name == "Settled")
        assert (ended.holds, ended.message) == (
            True,
            "everything asked for is there and proven; ended with exit code 0: lamp",
        )

    run(story())


@pytest.mark.parametrize("policy", ["no", "on-failure"])
def test_who_is_stopped_by_others_before_he_is_proven_is_put_up_again(policy: str) -> None:
    """A server that is told to stop ends with exit code 0, which is no proof of it."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp", "1", ("restartPolicy", policy)))
        await device.desired("x", asked("lamp", "2", ("restartPolicy", policy)))
        await device.commands("x", "DOWNLOAD", "UPDATE")
        activating = asyncio.ensure_future(device.command("x", "ACTIVATE"))
        await soon(lambda: device.running() == {"lamp": "reg.example/lamp:2"})
        await asyncio.sleep(1)
        device.engine.kill("lamp", 0)
        await activating
        assert (await device.command("x", "CLEANUP"))[-1].status == "COMPLETED"
        assert device.running() == {"lamp": "reg.example/lamp:2"}

    run(story())


@pytest.mark.parametrize("hand", ["remove", "kill", "crash"])
def test_a_baseline_that_was_cleaned_up_long_ago_is_looked_at_once_more(hand: str) -> None:
    """COMPLETED speaks for all baselines, when the last one is cleaned up."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"), asked("horn"))
        baselines = {"one": ["containers:lamp"], "two": ["containers:horn"]}
        await device.desired("x", asked("lamp", "2"), asked("horn", "2"), baselines=baselines)
        await device.commands("x", *FORWARD, "CLEANUP", baseline="one")
        heal = refuse_starts_of(device, "reg.example/lamp:2") if hand == "crash" else lambda: None
        getattr(device.engine, "remove" if hand == "crash" else hand)("lamp")
        await device.commands("x", *FORWARD, "CLEANUP", baseline="two")
        said = await device.command("x", "CLEANUP", "containers:remove-components")
        if hand == "crash":
            assert said[-1].status == "INCOMPLETE"
            assert said[-1].of("lamp")[0] == "ACTIVATION_FAILURE"
            heal()
            await device.settle()
            assert device.running() == {"lamp": "reg.example/lamp:1", "horn": "reg.example/horn:2"}
        else:
            assert said[-1].status == "COMPLETED"
            assert device.running() == {"lamp": "reg.example/lamp:2", "horn": "reg.example/horn:2"}

    run(story())


# ── F-02: the order of instances is never taken from the clock ─────────────────────────────────────────────────────


@pytest.mark.parametrize("ahead_s", [3600, 315_360_000, -(10**9)])
def test_an_update_after_the_clock_was_set_succeeds(ahead_s: float) -> None:
    async def story() -> None:
        device = Device()
        device.clock_is_ahead_s = ahead_s
        await device.bring("a", asked("nav"))
        device.clock_is_ahead_s = 0.0
        device.reboot()
        said = await device.bring("b", asked("nav", "2"))
        assert said[-1].status == "COMPLETED"
        assert device.running() == {"nav": "reg.example/nav:2"}

    run(story())


# ── U9: the status knows of an activity that failed ────────────────────────────────────────────────────────────────


def test_the_status_tells_how_the_last_activity_ended() -> None:
    async def story() -> None:
        device = Device(catalogue={"reg.example/lamp:2": Image(exits_with=1)})
        await device.bring("night-42", asked("lamp"))
        assert conditions(device)["ActivityCompleted"] == (True, "activity night-42: COMPLETED")
        await device.desired("night-43", asked("lamp", "2"))
        await device.commands("night-43", *FORWARD, "ROLLBACK", "CLEANUP")
        holds, message = conditions(device)["ActivityCompleted"]
        assert not holds
        assert message.startswith("activity night-43: INCOMPLETE, lamp: ")
        ended = next(each for each in device.journal.conditions() if each.name == "ActivityCompleted")
        await device.send("containersupdate/desiredstate", b'{"activityId": "night-44", "payload": {"domains": []}}')
        told = next(each for each in device.journal.conditions() if each.name == "ActivityCompleted")
        assert told.refused is not None
        assert told.refused.text.startswith("a desired state was refused: night-44: ")
        assert changed(told, refused=None) == ended, "S25: what was refused hides no end"
        await device.bring("night-45", asked("lamp", "3"))
        told = next(each for each in device.journal.conditions() if each.name == "ActivityCompleted")
        assert (told.holds, told.refused) == (True, None)

    run(story())


def test_a_message_that_is_refused_fails_nothing_that_is_in_force() -> None:
    """S25: junk on the topic made `status --check` 1 until the next activity ended."""

    async def story() -> None:
        device = Device()
        junk = [b"\xff{", b'{"activityId": 7}', b'{"activityId": "n", "payload": {"domains": [{"id": "x"}]}}']
        for payload in junk:
            await device.send("containersupdate/desiredstate", payload)
        told = next(each for each in device.journal.conditions() if each.name == "ActivityCompleted")
        assert (told.holds, told.reason, told.message) == (True, "NoneEnded", "no activity has ended yet")
        assert told.refused is not None
        await device.bring("night-42", asked("lamp"))
        assert conditions(device)["ActivityCompleted"] == (True, "activity night-42: COMPLETED")
        for payload in junk:
            await device.send("containersupdate/desiredstate", payload)
        assert conditions(device)["ActivityCompleted"] == (True, "activity night-42: COMPLETED")
        assert all(each.holds for each in device.journal.conditions())

    run(story())


@pytest.mark.parametrize("command", ["DOWNLOAD", "UPDATE", "ACTIVATE"])
def test_the_status_tells_which_command_failed_and_why_after_it_was_taken_back(command: str) -> None:
    """Also while what is published after a failed activation has the original's words alone."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"), asked("horn"))
        await device.desired("x", asked("lamp", "2"), asked("horn", "2"))
        kinds = {"DOWNLOAD": (Pull, "reg.example/lamp:2"), "UPDATE": (End, "lamp"), "ACTIVATE": (Start, "lamp")}
        heal = device.fail(*kinds[command], message="no such device")
        await device.commands("x", *FORWARD[: FORWARD.index(command) + 1])
        heal()
        said = await device.commands("x", "ROLLBACK", "CLEANUP")
        assert device.running() == {"lamp": "reg.example/lamp:1", "horn": "reg.example/horn:1"}
        if command == "ACTIVATE":
            assert "no such device" not in said[-1].of("lamp")[1]
        holds, message = conditions(device)["ActivityCompleted"]
        assert not holds
        assert message == f"activity x: INCOMPLETE, lamp: {command} failed: no such device"

    run(story())


# ── looks that fail at the wrong moment ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("away_s", [1.0, 10.0])
@pytest.mark.parametrize("command", ["ROLLBACK", "CLEANUP"])
def test_newer_content_is_not_taken_for_what_was_there_when_no_look_can_be_made(command: str, away_s: float) -> None:
    """The tag was pushed again: only a look tells which of the two instances is the one to go back to."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        (old,) = (each.image_id for each in device.kept().values())
        device.engine.catalogue["reg.example/lamp:1"] = Image(version=2)
        await device.desired("x", asked("lamp"))
        await device.commands("x", *(FORWARD if command == "ROLLBACK" else FORWARD[:2]))
        device.engine.script.unreachable = True
        asyncio.get_running_loop().call_later(away_s, setattr, device.engine.script, "unreachable", False)
        said = await device.command("x", command)
        assert statuses(said)[-1] == ("ROLLBACK_SUCCESS" if command == "ROLLBACK" else "INCOMPLETE")
        assert [each.image_id for each in device.kept().values() if each.state == "running"] == [old]

    run(story())


def test_what_nobody_could_look_at_is_not_last_good() -> None:
    """It ended while the engine was away. What it replaced is there until somebody has looked, and is gone back to."""

    async def story() -> None:
        device = await activated("late", {"reg.example/lamp:late": Image(exits_with=1, exits_after_s=20.0)})
        good = device.journal.digest("last-good")
        device.engine.script.unreachable = True
        said = await device.command("x", "CLEANUP")
        assert statuses(said)[-2:] == ["CLEANUP_FAILURE", "INCOMPLETE"]
        assert device.journal.digest("last-good") == good != device.journal.digest("desired")
        device.engine.script.unreachable = False
        for _ in range(10):
            await device.settle()
            await asyncio.sleep(20)
        assert device.running() == {"lamp": "reg.example/lamp:1"}

    run(story())


def test_new_limits_are_proven_before_they_count_as_activated() -> None:
    """The process is killed for them, again and again."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp", "1", ("memory", "64M")))
        await device.desired("x", asked("lamp", "1", ("memory", "8M")))
        await device.commands("x", "DOWNLOAD", "UPDATE")
        device.engine.catalogue["reg.example/lamp:1"] = Image(exits_with=137, exits_after_s=0.5)
        device.engine.kill("lamp", 137)
        said = await device.command("x", "ACTIVATE")
        assert said[-1].status == "ACTIVATION_FAILURE"

    run(story())


# ── a command ends within the patience of who sent it ──────────────────────────────────────────────────────────────

KANTO_PHASE_S = 600.0
"""Kanto's Update Manager gives a phase 10 minutes (protocol/update-manager.md §6)."""


def _refuse_to_work(device: Device) -> None:
    device.fail(Start, outcome=Retry)


def _refuse_to_remove(device: Device) -> None:
    device.fail(Remove, outcome=Retry)


def _hang(device: Device) -> None:
    device.engine.script.unreachable, device.engine.script.observe_s = True, 30.0


@pytest.mark.parametrize("trouble", [_refuse_to_work, _refuse_to_remove, _hang])
@pytest.mark.parametrize("command", ["ROLLBACK", "CLEANUP"])
def test_many_components_in_trouble_share_one_patience(trouble: Callable[[Device], None], command: str) -> None:
    async def story() -> None:
        device = Device()
        names = [f"lamp{number}" for number in range(10)]
        await device.bring("before", *(asked(name) for name in names))
        await device.desired("x", *(asked(name, "2") for name in names))
        await device.commands("x", *(FORWARD if command == "CLEANUP" and trouble is _refuse_to_remove else FORWARD[:2]))
        trouble(device)
        begun = asyncio.get_running_loop().time()
        said = await device.command("x", command)
        assert asyncio.get_running_loop().time() - begun < KANTO_PHASE_S
        assert statuses(said)[-1] in ("ROLLBACK_FAILURE", "COMPLETED", "INCOMPLETE")

    run(story())


def test_what_is_taken_back_with_its_baseline_is_not_called_activated() -> None:
    async def story() -> None:
        device = Device(catalogue={"reg.example/horn:2": Image(exits_with=1)})
        await device.bring("before", asked("lamp"), asked("horn"))
        await device.desired("x", asked("lamp", "2"), asked("horn", "2"))
        said = await device.commands("x", *FORWARD, "CLEANUP")
        assert device.running() == {"lamp": "reg.example/lamp:1", "horn": "reg.example/horn:1"}
        assert statuses(said)[-1] == "INCOMPLETE"
        told = ("ACTIVATION_FAILURE", "It was activated, and was taken back, because horn failed.")
        assert [each.of("lamp") for each in said[-2:]] == [told, told]

    run(story())


@pytest.mark.parametrize("blips", [(), ((0.3, 1.0), (121.5, 9.0))])
def test_two_short_outages_are_not_a_long_one(blips: tuple[tuple[float, float], ...]) -> None:
    """The first component cannot be taken back, the second can."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"), asked("horn"))
        await device.desired("x", asked("lamp", "2"), asked("horn", "2"))
        await device.commands("x", "DOWNLOAD", "UPDATE")
        device.fail(Start, "lamp", outcome=Retry)
        loop, script = asyncio.get_running_loop(), device.engine.script
        for at, seconds in blips:
            loop.call_later(at, setattr, script, "unreachable", True)
            loop.call_later(at + seconds, setattr, script, "unreachable", False)
        await device.command("x", "CLEANUP")
        assert device.running() == {"horn": "reg.example/horn:1"}

    run(story())


@pytest.mark.parametrize(("kind", "name"), [(Start, "horn"), (Remove, "gone")])
def test_what_an_end_puts_in_force_is_not_called_settled_before_anybody_has_looked(kind: type, name: str) -> None:
    """`status` may be asked before the next cycle, which may wait for an engine that hangs."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"), asked("horn"), asked("gone"))
        assert conditions(device)["Settled"][0]
        baselines = {"one": ["containers:lamp"], "two": ["containers:horn"]}
        await device.desired("a", asked("lamp", "2"), asked("horn", "2"), baselines=baselines)
        heal = device.fail(kind, name)
        await device.commands("a", "DOWNLOAD", "UPDATE")
        for baseline in baselines:
            await device.command("a", "ACTIVATE", baseline)
        assert (await device.command("a", "CLEANUP"))[-1].status == "INCOMPLETE"
        assert not conditions(device)["Settled"][0]
        heal()
        await device.settle()
        assert conditions(device)["Settled"][0]

    run(story())
