"""ROLLBACK is real: from every state, for every kind of action, for all and for one baseline, the world is as it was; and a
CLEANUP leaves nothing behind from any state.

Defects B3, B4, B5, B7, A2 of the original, and a world in which everything happens at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.controller.agents.harness import Device, asked, lines, statuses
from tests.sampling import sampled
from tests.until import soon
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.actions import Create, End, Pull, Remove, Start, Update, Verify

IMAGES = {name: f"reg.example/{name}" for name in ("same", "new", "swap", "limit", "gone")}
KINDS = ("check", "create", "recreate", "update", "destroy")

BEFORE = {
    "check": asked("same", "1"),
    "recreate": asked("swap", "1", ("port", "8080:80")),
    "update": asked("limit", "1", ("memory", "64M"), ("restartPolicy", "always")),
    "destroy": asked("gone", "1", ("port", "9090:80")),
}
AFTER = {
    "check": asked("same", "1"),
    "create": asked("new", "1", ("port", "9090:80")),
    "recreate": asked("swap", "2", ("port", "8080:80")),
    "update": asked("limit", "1", ("memory", "96M"), ("restartPolicy", "on-failure")),
}
STATES: dict[str, tuple[str, ...]] = {
    "IDENTIFIED": (),
    "DOWNLOAD_SUCCESS": ("DOWNLOAD",),
    "UPDATE_SUCCESS": ("DOWNLOAD", "UPDATE"),
    "ACTIVATION_SUCCESS": ("DOWNLOAD", "UPDATE", "ACTIVATE"),
    "DOWNLOAD_FAILURE": ("DOWNLOAD",),
    "UPDATE_FAILURE": ("DOWNLOAD", "UPDATE"),
    "ACTIVATION_FAILURE": ("DOWNLOAD", "UPDATE", "ACTIVATE"),
}
FAILS: dict[tuple[str, str], tuple[type, str]] = {
    ("DOWNLOAD_FAILURE", "create"): (Pull, "reg.example/new:1"),
    ("DOWNLOAD_FAILURE", "recreate"): (Create, "swap"),
    ("UPDATE_FAILURE", "recreate"): (End, "swap"),
    ("UPDATE_FAILURE", "update"): (Update, "limit"),
    ("UPDATE_FAILURE", "destroy"): (End, "gone"),
    ("ACTIVATION_FAILURE", "create"): (Start, "new"),
    ("ACTIVATION_FAILURE", "recreate"): (Start, "swap"),
}
"""What fails, of which action; a start is asked of the engine's name."""

CASES = [
    (state, kinds)
    for state in STATES
    for kinds in ((kind,) for kind in KINDS)
    if not state.endswith("_FAILURE") or (state, kinds[0]) in FAILS
] + [(state, KINDS) for state in STATES]


async def device_in(
    state: str, kinds: tuple[str, ...], baseline: str | None = None
) -> tuple[Device, list[tuple[str, ...]]]:
    """A device on which an activity of these actions stands in `state`, and the world before it."""
    device = Device()
    await device.bring("before", *(BEFORE[kind] for kind in kinds if kind in BEFORE))
    world = snapshot(device)
    wanted = [AFTER[kind] for kind in kinds if kind in AFTER]
    owned = [f"containers:{item.id}" for item in wanted]
    baselines = {baseline: owned} if baseline == "one" else None
    await device.desired("a", *wanted, baselines=baselines)
    if state.endswith("_FAILURE"):
        failing = next(FAILS[state, kind] for kind in reversed(kinds) if (state, kind) in FAILS)
        end = device.fail(*failing)
    else:
        end = _nothing
    said = await device.commands("a", *STATES[state], baseline=baseline)
    end()
    assert not said or said[-1].status == state
    return device, world


def snapshot(device: Device) -> list[tuple[str, ...]]:
    """All that is to be as it was: every instance, by id, with name, state, limits and restart policy."""
    device.running()
    return sorted(
        (
            each.id,
            each.engine_name,
            each.state,
            each.image_id,
            repr(each.container.restart),
            repr(each.container.resources),
        )
        for each in device.kept().values()
    )


def _nothing() -> None:
    pass


def baselines_of(kinds: tuple[str, ...]) -> tuple[str | None, ...]:
    """What a command for all of these actions may address; what is destroyed has a baseline of its own."""
    if kinds == ("destroy",):
        return (None, "", "*", "containers:remove-components")
    return (None, "", "*") if "destroy" in kinds else (None, "", "*", "one")


@pytest.mark.parametrize(
    ("state", "kinds", "baseline"),
    sampled([(state, kinds, each) for state, kinds in CASES for each in baselines_of(kinds)], 65, "rollback"),
)
def test_rollback_restores_the_world(state: str, kinds: tuple[str, ...], baseline: str | None) -> None:
    async def scenario() -> None:
        device, world = await device_in(state, kinds, baseline)
        said = await device.command("a", "ROLLBACK", baseline)
        if state == "IDENTIFIED":
            assert statuses(said) == ["ROLLBACK_FAILURE"]
            assert said[0].message.startswith("ROLLBACK is possible only after status ")
        else:
            assert said[-1].status == "ROLLBACK_SUCCESS", said
            failed = next((FAILS[state, kind][1] for kind in reversed(kinds) if (state, kind) in FAILS), "")
            untouched = {"DOWNLOAD_SUCCESS": ["gone"], "DOWNLOAD_FAILURE": ["limit", "gone"]}.get(state, [])
            for name, status, message in said[-1].actions:
                if name == "same":
                    continue
                if name in untouched:
                    assert status == "IDENTIFIED"
                elif state == "DOWNLOAD_FAILURE" and name in failed:
                    assert (status, message) == ("DOWNLOAD_FAILURE", "scripted")
                else:
                    assert status == "UPDATE_FAILURE"
                    assert message.startswith("Update unsuccessful, but rollback succeeded - ")
                    assert ("It had failed: scripted" in message) == (state == "UPDATE_FAILURE" and name in failed)
        assert snapshot(device) == world
        said = await device.command("a", "CLEANUP")
        assert said[-1].status == "INCOMPLETE"
        assert snapshot(device) == world
        await device.settle()
        assert snapshot(device) == world

    run(scenario())


@pytest.mark.parametrize(("state", "kinds"), CASES)
def test_cleanup_without_rollback_leaves_nothing_behind(state: str, kinds: tuple[str, ...]) -> None:
    """Also not the old of what was activated; what was not activated is as it was (defects A2, B4)."""

    async def scenario() -> None:
        device, world = await device_in(state, kinds)
        said = await device.command("a", "CLEANUP")
        if state == "ACTIVATION_SUCCESS":
            assert statuses(said) == ["CLEANUP_SUCCESS", "COMPLETED"]
            wanted = {AFTER[kind].id: AFTER[kind] for kind in kinds if kind in AFTER}
            assert device.running() == {name: f"reg.example/{name}:{each.version}" for name, each in wanted.items()}
            assert len(device.kept()) == len(wanted)
        else:
            assert statuses(said) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
            assert snapshot(device) == world
        after = snapshot(device)
        await device.settle()
        assert snapshot(device) == after

    run(scenario())


def test_rollback_of_one_baseline_leaves_others_alone() -> None:
    async def scenario() -> None:
        device = Device()
        await device.bring("before", asked("aa", "1"), asked("bb", "1"), asked("cc", "1"))
        first = device.id_of("aa")
        await device.desired(
            "x", asked("aa", "2"), asked("bb", "2"), baselines={"one": ["containers:aa"], "two": ["containers:bb"]}
        )
        everything = ("DOWNLOAD", "UPDATE", "ACTIVATE")
        for baseline in ("one", "two", "containers:remove-components"):
            await device.commands("x", *everything, baseline=baseline)
        assert device.running() == {"aa": "reg.example/aa:2", "bb": "reg.example/bb:2"}
        said = await device.command("x", "ROLLBACK", "one")
        assert lines(said) == [
            "one ROLLBACK aa=UPDATING bb=ACTIVATION_SUCCESS cc=UPDATE_SUCCESS",
            "one ROLLBACK_SUCCESS aa=UPDATE_FAILURE bb=ACTIVATION_SUCCESS cc=UPDATE_SUCCESS",
        ]
        assert device.running() == {"aa": "reg.example/aa:1", "bb": "reg.example/bb:2"}
        said = await device.command("x", "CLEANUP")
        assert statuses(said) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        await device.settle()
        assert device.running() == {"aa": "reg.example/aa:1", "bb": "reg.example/bb:2"}
        assert device.id_of("aa") == first
        assert len(device.kept()) == 2

    run(scenario())


def test_rollback_of_the_destroyed_alone() -> None:
    """Defect B7: Kanto leaves them stopped."""

    async def scenario() -> None:
        device = Device()
        await device.bring("before", asked("aa"), asked("bb"))
        world = snapshot(device)
        await device.desired("x", asked("aa"))
        for command in ("DOWNLOAD", "UPDATE"):
            await device.command("x", command, "containers:remove-components")
        assert device.running() == {"aa": "reg.example/aa:1"}
        said = await device.command("x", "ROLLBACK", "containers:remove-components")
        assert said[-1].status == "ROLLBACK_SUCCESS"
        assert said[-1].of("bb")[1] == "Update unsuccessful, but rollback succeeded - old container instance restored."
        assert snapshot(device) == world

    run(scenario())


def test_ports_that_were_exchanged_are_exchanged_back() -> None:
    """All that is new gives way before anything old is started again."""

    async def scenario() -> None:
        device = Device()
        await device.bring("before", asked("aa", "1", ("port", "8080:80")), asked("bb", "1", ("port", "9090:80")))
        world = snapshot(device)
        await device.desired("x", asked("aa", "2", ("port", "9090:80")), asked("bb", "2", ("port", "8080:80")))
        await device.commands("x", "DOWNLOAD", "UPDATE", "ACTIVATE")
        assert device.running() == {"aa": "reg.example/aa:2", "bb": "reg.example/bb:2"}
        said = await device.command("x", "ROLLBACK")
        assert said[-1].status == "ROLLBACK_SUCCESS", said[-1]
        assert snapshot(device) == world

    run(scenario())


@pytest.mark.parametrize(
    ("state", "end"),
    [
        *((state, "ROLLBACK") for state in STATES if state.endswith("_SUCCESS") or state == "ACTIVATION_FAILURE"),
        *((state, "CLEANUP") for state in ("DOWNLOAD_SUCCESS", "UPDATE_SUCCESS", "ACTIVATION_FAILURE")),
    ],
)
def test_a_tag_that_was_pushed_again_is_rolled_back_to_its_old_content(state: str, end: str) -> None:
    """Nothing but the content differs (defect A10): the old must still be known as the old."""

    async def scenario() -> None:
        ref = "reg.example/lamp:1"
        device = Device(catalogue={ref: Image(version=1)})
        await device.bring("before", asked("lamp"))
        world = snapshot(device)
        device.engine.catalogue[ref] = Image(version=2, exits_with=1 if state == "ACTIVATION_FAILURE" else None)
        said = await device.desired("x", asked("lamp"))
        assert said[-1].actions == (
            ("lamp", "IDENTIFIED", "Existing container will be destroyed and replaced by a new one."),
        )
        said = await device.commands("x", *STATES[state])
        assert said[-1].status == state
        said = await device.command("x", end)
        assert said[-1].status == ("ROLLBACK_SUCCESS" if end == "ROLLBACK" else "INCOMPLETE")
        assert snapshot(device) == world
        if end == "ROLLBACK":
            await device.command("x", "CLEANUP")
        await device.settle()
        assert snapshot(device) == world
        # who asks for it again gets it again
        device.engine.catalogue[ref] = replace(device.engine.catalogue[ref], exits_with=None)
        await device.bring("y", asked("lamp"))
        assert snapshot(device) != world
        assert len(device.kept()) == 1

    run(scenario())


def test_a_system_container_that_was_bootstrapped_is_rolled_back() -> None:
    """The list of the desired state, not the configured one, says what the activity may touch: on the way back, too."""

    async def scenario() -> None:
        device = Device(system=("sua",))
        await device.desired("w0", asked("sua"), config=[("systemContainers", "")])
        await device.commands("w0", "DOWNLOAD", "UPDATE", "ACTIVATE")
        assert device.running() == {"sua": "reg.example/sua:1"}
        said = await device.command("w0", "ROLLBACK")
        assert said[-1].status == "ROLLBACK_SUCCESS"
        assert device.instances() == []
        await device.command("w0", "CLEANUP")
        await device.settle()
        assert device.instances() == []

    run(scenario())


def test_rollback_that_fails_says_so_and_can_be_commanded_again() -> None:
    async def scenario() -> None:
        device = Device()
        await device.bring("before", asked("aa"), asked("bb"))
        world = snapshot(device)
        await device.desired("x", asked("aa", "2"), asked("bb", "2"))
        await device.commands("x", "DOWNLOAD", "UPDATE", "ACTIVATE")
        old = next(each.id for each in device.kept().values() if each.image == "reg.example/aa:1")
        heal = device.fail(Start, old, message="no space left on device")
        said = await device.command("x", "ROLLBACK")
        assert said[-1].line == "ROLLBACK_FAILURE aa=UPDATE_FAILURE bb=UPDATE_FAILURE"
        assert said[-1].of("aa")[1] == "no space left on device"
        assert said[-1].of("bb")[1].startswith("Update unsuccessful, but rollback succeeded")
        heal()
        said = await device.command("x", "ROLLBACK")
        assert said[-1].status == "ROLLBACK_SUCCESS"
        assert snapshot(device) == world

    run(scenario())


def test_cleanup_that_cannot_take_back_says_so() -> None:
    """CLEANUP_SUCCESS would be a lie; what is left over is removed as soon as that is possible."""

    async def scenario() -> None:
        device = Device()
        await device.bring("before", asked("aa"))
        world = snapshot(device)
        await device.desired("x", asked("aa"), asked("new"))
        await device.command("x", "DOWNLOAD")
        heal = device.fail(Remove, "new", message="device or resource busy")
        said = await device.command("x", "CLEANUP")
        assert statuses(said) == ["CLEANUP_FAILURE", "INCOMPLETE"]
        assert said[-1].of("new") == ("REMOVAL_FAILURE", "device or resource busy")
        heal()
        await device.settle()
        assert snapshot(device) == world

    run(scenario())


@pytest.mark.parametrize("hand", ["kill", "remove"])
def test_rollback_of_what_somebody_else_touched(hand: str) -> None:
    """An old container that vanished meanwhile is made again."""

    async def scenario() -> None:
        device = Device()
        await device.bring("before", asked("aa"))
        await device.desired("x", asked("aa", "2"))
        await device.command("x", "DOWNLOAD")
        act: Callable[[str], None] = getattr(device.engine, hand)
        act("aa")
        said = await device.command("x", "ROLLBACK")
        assert said[-1].status == "ROLLBACK_SUCCESS"
        assert device.running() == {"aa": "reg.example/aa:1"}
        assert len(device.kept()) == 1

    run(scenario())


def test_a_paused_container_runs_again_after_a_rollback() -> None:
    async def scenario() -> None:
        device = Device()
        await device.bring("before", asked("aa"))
        device.engine.pause("aa")
        await device.desired("x", asked("aa", "2"))
        await device.commands("x", "DOWNLOAD", "UPDATE")
        said = await device.command("x", "ROLLBACK")
        assert said[-1].status == "ROLLBACK_SUCCESS"
        assert device.running() == {"aa": "reg.example/aa:1"}

    run(scenario())


def test_health_that_is_bad_is_a_failed_activation_and_rolled_back() -> None:
    async def scenario() -> None:
        device = Device(catalogue={"reg.example/aa:2": Image(exits_with=3, exits_after_s=1.0)})
        await device.bring("before", asked("aa"))
        world = snapshot(device)
        await device.desired("x", asked("aa", "2"))
        said = await device.commands("x", "DOWNLOAD", "UPDATE", "ACTIVATE")
        assert said[-1].status == "ACTIVATION_FAILURE"
        assert said[-1].of("aa") == ("ACTIVATION_FAILURE", "it ended with exit code 3")
        await device.commands("x", "ROLLBACK", "CLEANUP")
        assert snapshot(device) == world

    run(scenario())


def test_what_falls_ill_between_activation_and_clean_up_does_not_take_the_old_away() -> None:
    """The last moment at which what was replaced is still there; COMPLETED speaks for what runs now, not for what ran once."""

    async def scenario() -> None:
        device = Device(catalogue={"reg.example/aa:2": Image(exits_with=1, exits_after_s=10.0)})
        await device.bring("before", asked("aa"), asked("bb"))
        await device.desired("x", asked("aa", "2"), asked("bb", "2"))
        said = await device.commands("x", "DOWNLOAD", "UPDATE", "ACTIVATE")
        assert said[-1].status == "ACTIVATION_SUCCESS"
        await asyncio.sleep(60)
        said = await device.command("x", "CLEANUP")
        assert statuses(said) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        assert said[-1].of("aa")[0] == "ACTIVATION_FAILURE"
        assert "exit code 1" in said[-1].of("aa")[1]
        await device.settle()
        assert device.running() == {"aa": "reg.example/aa:1", "bb": "reg.example/bb:2"}, (
            "each baseline has its own fate"
        )
        assert len(device.kept()) == 2

    run(scenario())


def test_what_cannot_be_looked_at_before_the_end_is_not_called_complete() -> None:
    """It stays in force all the same: an engine that is away says nothing against what was proven."""

    async def scenario() -> None:
        device = Device()
        await device.bring("before", asked("aa"))
        await device.desired("x", asked("aa", "2"))
        await device.commands("x", "DOWNLOAD", "UPDATE", "ACTIVATE")
        device.engine.script.unreachable = True
        said = await device.command("x", "CLEANUP")
        assert statuses(said) == ["CLEANUP", "CLEANUP_FAILURE", "INCOMPLETE"]
        assert said[0].of("aa") == ("ACTIVATION_SUCCESS", "is scripted to be unreachable"), "what it waits for"
        assert said[-1].of("aa") == ("REMOVAL_FAILURE", "is scripted to be unreachable")
        device.engine.script.unreachable = False
        await device.settle()
        assert device.running() == {"aa": "reg.example/aa:2"}
        assert len(device.kept()) == 1

    run(scenario())


@pytest.mark.parametrize(("times", "status"), [(1, "ACTIVATION_SUCCESS"), (99, "ACTIVATION_FAILURE")])
def test_who_is_stopped_from_outside_is_watched_again_but_not_for_ever(times: int, status: str) -> None:
    async def scenario() -> None:
        device = Device()

        async def hand() -> None:
            for _ in range(times):
                await soon(lambda: "aa" in device.running())
                device.engine.kill("aa", 0)

        await device.desired("x", asked("aa"))
        await device.commands("x", "DOWNLOAD", "UPDATE")
        stopping = asyncio.ensure_future(hand())
        said = await device.command("x", "ACTIVATE")
        stopping.cancel()
        assert said[-1].status == status
        if status == "ACTIVATION_FAILURE":
            why = "it was stopped from outside while it was watched (exit code 0)"
            assert said[-1].of("aa") == ("ACTIVATION_FAILURE", why)
        else:
            assert device.running() == {"aa": "reg.example/aa:1"}

    run(scenario())


def test_verify_is_what_activation_means() -> None:
    async def scenario() -> None:
        device = Device()
        await device.desired("x", asked("aa"))
        await device.commands("x", "DOWNLOAD", "UPDATE")
        device.pulses.clear()
        said = await device.command("x", "ACTIVATE")
        assert said[-1].status == "ACTIVATION_SUCCESS"
        assert f"after {Verify.__name__}" in device.pulses

    run(scenario())
