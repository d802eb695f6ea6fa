"""Groups 9 to 24 of Kanto's checklist (container-management.md §7.1): one operation with an action of every kind, command by
command, well and badly.
"""

from __future__ import annotations

import asyncio

import pytest
from tests.controller.agents.harness import Device, asked, lines, statuses
from tests.virtual import run

from evenkeel.specs.containers.actions import Create, End, Remove, Start, Update

FIVE = ("c1", "c2", "c3", "c4", "c5")


async def five(activity: str = "a") -> Device:
    """c1 paused, c2 to be replaced, c3 to be changed, c4 new, c5 stopped and unwanted; a = {c1, c2}, b = {c3, c4}."""
    device = Device()
    await device.bring("before", asked("c1"), asked("c2", "1"), asked("c3"), asked("c5"))
    device.engine.pause("c1")
    device.engine.kill("c5", 0)
    said = await device.desired(
        activity, asked("c1"), asked("c2", "2"), asked("c3", "1", ("restartPolicy", "no")), asked("c4"),
        baselines={"a": ["containers:c1", "containers:c2"], "b": ["containers:c3", "containers:c4"]},
    )  # fmt: skip
    assert [(name, message) for name, _, message in said[-1].actions] == [
        ("c1", "No changes detected, existing container will be check only if it is running."),
        ("c2", "Existing container will be destroyed and replaced by a new one."),
        ("c3", "Existing container will be updated with new configuration."),
        ("c4", "New container will be created and started."),
        ("c5", "Existing container will be destroyed, no longer needed."),
    ]
    return device


def line(status: str, *five_statuses: str) -> str:
    """`status` and, of c1 to c5, statuses; `-` is IDENTIFIED."""
    words = [f"{name}={'IDENTIFIED' if word == '-' else word}" for name, word in zip(FIVE, five_statuses, strict=True)]
    return " ".join([status, *words])


ALL_DOWNLOAD = [
    line("DOWNLOADING", "-", "DOWNLOADING", "-", "-", "-"),
    line("DOWNLOADING", "-", "DOWNLOAD_SUCCESS", "-", "DOWNLOADING", "-"),
    line("DOWNLOAD_SUCCESS", "-", "DOWNLOAD_SUCCESS", "-", "DOWNLOAD_SUCCESS", "-"),
]
ALL_UPDATE = [
    line("UPDATING", "-", "UPDATING", "-", "DOWNLOAD_SUCCESS", "-"),
    line("UPDATING", "-", "UPDATE_SUCCESS", "UPDATING", "DOWNLOAD_SUCCESS", "-"),
    line("UPDATING", "-", "UPDATE_SUCCESS", "UPDATE_SUCCESS", "DOWNLOAD_SUCCESS", "UPDATING"),
    line("UPDATE_SUCCESS", "-", "UPDATE_SUCCESS", "UPDATE_SUCCESS", "DOWNLOAD_SUCCESS", "UPDATE_SUCCESS"),
]
GOOD, WELL = "ACTIVATION_SUCCESS", "UPDATE_SUCCESS"
ALL_ACTIVATE = [
    line("ACTIVATING", "ACTIVATING", WELL, WELL, "DOWNLOAD_SUCCESS", WELL),
    line("ACTIVATING", GOOD, "ACTIVATING", WELL, "DOWNLOAD_SUCCESS", WELL),
    line("ACTIVATING", GOOD, GOOD, "ACTIVATING", "DOWNLOAD_SUCCESS", WELL),
    line("ACTIVATING", GOOD, GOOD, GOOD, "ACTIVATING", WELL),
    line("ACTIVATION_SUCCESS", GOOD, GOOD, GOOD, GOOD, WELL),
]
ALL_CLEANUP = [
    line("CLEANUP_SUCCESS", GOOD, GOOD, GOOD, GOOD, "REMOVAL_SUCCESS"),
    line("COMPLETED", GOOD, GOOD, GOOD, GOOD, "REMOVAL_SUCCESS"),
]


def states(device: Device) -> dict[str, str]:
    """Names in the engine and states, an instance that waits or stepped aside as `c2.next`, `c2.old`."""
    device.running()
    return {each.engine_name.rpartition("-")[0] or each.engine_name: each.state for each in device.kept().values()}


@pytest.mark.parametrize("baseline", [None, "a"])
def test_group_09_an_unknown_command(baseline: str | None) -> None:
    async def story() -> None:
        device = await five()
        before = device.instances()
        assert await device.command("a", "DO", baseline) == []
        assert device.instances() == before

    run(story())


def test_group_10_download_for_all() -> None:
    async def story() -> None:
        device = await five()
        said = await device.command("a", "DOWNLOAD")
        assert lines(said) == ALL_DOWNLOAD
        assert said[-1].of("c2")[1] == said[-1].of("c4")[1] == "New container created."
        assert states(device) == {
            "c1": "paused", "c2": "running", "c2.next": "created", "c3": "running", "c4": "created", "c5": "exited",
        }  # fmt: skip

    run(story())


def test_group_11_update_for_all() -> None:
    async def story() -> None:
        device = await five()
        said = await device.commands("a", "DOWNLOAD", "UPDATE")
        assert lines(said)[3:] == ALL_UPDATE
        assert said[-1].of("c2")[1] == said[-1].of("c5")[1] == "Old container instance is stopped."
        assert said[-1].of("c3")[1] == "Container instance is updated with new configuration."
        assert device.container("c3").restart.policy == "no"
        assert states(device) == {
            "c1": "paused", "c2.old": "exited", "c2": "created", "c3": "running", "c4": "created", "c5": "exited",
        }  # fmt: skip

    run(story())


def test_group_12_activate_for_all() -> None:
    async def story() -> None:
        device = await five()
        said = await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE")
        assert lines(said)[7:] == ALL_ACTIVATE
        assert said[-1].of("c1")[1] == "Existing container instance is running."
        assert said[-1].of("c2")[1] == said[-1].of("c4")[1] == "New container instance is started."
        assert said[-1].of("c3")[1] == "Container instance is updated with new configuration."
        assert states(device) == {
            "c1": "running", "c2.old": "exited", "c2": "running", "c3": "running", "c4": "running", "c5": "exited",
        }  # fmt: skip

    run(story())


def test_group_13_cleanup_for_all() -> None:
    async def story() -> None:
        device = await five()
        said = await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
        assert lines(said)[12:] == ALL_CLEANUP
        assert said[-1].of("c5")[1] == "Old container instance is removed."
        assert states(device) == dict.fromkeys(("c1", "c2", "c3", "c4"), "running")

    run(story())


def test_group_14_baseline_a() -> None:
    async def story() -> None:
        device = await five()
        said = await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP", baseline="a")
        assert lines(said) == [
            f"a {line('DOWNLOADING', '-', 'DOWNLOADING', '-', '-', '-')}",
            f"a {line('DOWNLOAD_SUCCESS', '-', 'DOWNLOAD_SUCCESS', '-', '-', '-')}",
            f"a {line('UPDATING', '-', 'UPDATING', '-', '-', '-')}",
            f"a {line('UPDATE_SUCCESS', '-', 'UPDATE_SUCCESS', '-', '-', '-')}",
            f"a {line('ACTIVATING', 'ACTIVATING', 'UPDATE_SUCCESS', '-', '-', '-')}",
            f"a {line('ACTIVATING', GOOD, 'ACTIVATING', '-', '-', '-')}",
            f"a {line('ACTIVATION_SUCCESS', GOOD, GOOD, '-', '-', '-')}",
            f"a {line('CLEANUP_SUCCESS', GOOD, GOOD, '-', '-', '-')}",
        ]
        assert states(device) == {"c1": "running", "c2": "running", "c3": "running", "c5": "exited"}
        assert device.journal.mailbox("containers").activity() is not None

    run(story())


def test_group_15_baseline_b() -> None:
    async def story() -> None:
        device = await five()
        said = await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP", baseline="b")
        assert lines(said) == [
            f"b {line('DOWNLOADING', '-', '-', '-', 'DOWNLOADING', '-')}",
            f"b {line('DOWNLOAD_SUCCESS', '-', '-', '-', 'DOWNLOAD_SUCCESS', '-')}",
            f"b {line('UPDATING', '-', '-', 'UPDATING', 'DOWNLOAD_SUCCESS', '-')}",
            f"b {line('UPDATE_SUCCESS', '-', '-', 'UPDATE_SUCCESS', 'DOWNLOAD_SUCCESS', '-')}",
            f"b {line('ACTIVATING', '-', '-', 'ACTIVATING', 'DOWNLOAD_SUCCESS', '-')}",
            f"b {line('ACTIVATING', '-', '-', GOOD, 'ACTIVATING', '-')}",
            f"b {line('ACTIVATION_SUCCESS', '-', '-', GOOD, GOOD, '-')}",
            f"b {line('CLEANUP_SUCCESS', '-', '-', GOOD, GOOD, '-')}",
        ]
        assert states(device) == {"c1": "paused", "c2": "running", "c3": "running", "c4": "running", "c5": "exited"}

    run(story())


def test_group_16_baseline_of_what_is_removed() -> None:
    async def story() -> None:
        device = await five()
        name = "containers:remove-components"
        said = await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP", baseline=name)
        assert lines(said) == [
            f"{name} {line('DOWNLOAD_SUCCESS', '-', '-', '-', '-', '-')}",
            f"{name} {line('UPDATING', '-', '-', '-', '-', 'UPDATING')}",
            f"{name} {line('UPDATE_SUCCESS', '-', '-', '-', '-', 'UPDATE_SUCCESS')}",
            f"{name} {line('ACTIVATION_SUCCESS', '-', '-', '-', '-', 'UPDATE_SUCCESS')}",
            f"{name} {line('CLEANUP_SUCCESS', '-', '-', '-', '-', 'REMOVAL_SUCCESS')}",
        ]
        assert "c5" not in states(device)

    run(story())


@pytest.mark.parametrize("name", ["c2", "c4"])
def test_group_17_a_download_fails(name: str) -> None:
    """Differs after CLEANUP: what was created is removed (defect A2, B4)."""

    async def story() -> None:
        device = await five()
        heal = device.fail(Create, name, message="no space left on device")
        said = await device.command("a", "DOWNLOAD")
        expected = {
            "c2": [ALL_DOWNLOAD[0], line("DOWNLOAD_FAILURE", "-", "DOWNLOAD_FAILURE", "-", "-", "-")],
            "c4": [*ALL_DOWNLOAD[:2], line("DOWNLOAD_FAILURE", "-", "DOWNLOAD_SUCCESS", "-", "DOWNLOAD_FAILURE", "-")],
        }
        assert lines(said) == expected[name]
        assert said[-1].of(name) == ("DOWNLOAD_FAILURE", "no space left on device")
        assert said[-1].message == ""
        after = await device.command("a", "CLEANUP")
        assert statuses(after) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        assert all(each.actions == said[-1].actions for each in after)
        # c5, too: it was stopped by hand, but is desired for as long as nothing else has been activated
        assert states(device) == {"c1": "paused", "c2": "running", "c3": "running", "c5": "running"}
        heal()

    run(story())


def test_group_18_the_first_of_two_downloads_stays_well() -> None:
    """In what is said; see group 17 for what is left behind."""

    async def story() -> None:
        device = await five()
        device.fail(Create, "c4")
        await device.command("a", "DOWNLOAD")
        (clean_up, _) = await device.command("a", "CLEANUP")
        assert clean_up.of("c2") == ("DOWNLOAD_SUCCESS", "New container created.")
        assert clean_up.of("c4")[0] == "DOWNLOAD_FAILURE"

    run(story())


def test_group_19_a_download_fails_in_a_baseline() -> None:
    async def story() -> None:
        device = await five()
        device.fail(Create, "c2")
        said = await device.command("a", "DOWNLOAD", "a")
        assert (said[-1].baseline, said[-1].status) == ("a", "DOWNLOAD_FAILURE")
        assert lines(await device.command("a", "CLEANUP", "a")) == [
            f"a {line('CLEANUP_SUCCESS', '-', 'DOWNLOAD_FAILURE', '-', '-', '-')}"
        ]

    run(story())


@pytest.mark.parametrize("baseline", [None, "a"])
def test_group_20_a_stop_fails(baseline: str | None) -> None:
    async def story() -> None:
        device = await five()
        await device.command("a", "DOWNLOAD", baseline)
        heal = device.fail(End, "c2", message="it does not want to")
        said = await device.command("a", "UPDATE", baseline)
        assert statuses(said) == ["UPDATING", "UPDATE_FAILURE"]
        assert said[-1].of("c2") == ("UPDATE_FAILURE", "it does not want to")
        assert said[-1].of("c3")[0] == said[-1].of("c5")[0] == "IDENTIFIED"
        heal()
        after = await device.command("a", "CLEANUP", baseline)
        assert statuses(after) == ["CLEANUP_SUCCESS", "INCOMPLETE"][: 1 if baseline else 2]
        assert device.running()["c2"] == "reg.example/c2:1"

    run(story())


@pytest.mark.parametrize("baseline", [None, "b"])
def test_group_21_a_change_in_place_fails(baseline: str | None) -> None:
    async def story() -> None:
        device = await five()
        await device.command("a", "DOWNLOAD", baseline)
        heal = device.fail(Update, "c3", message="not like this")
        said = await device.command("a", "UPDATE", baseline)
        assert said[-1].status == "UPDATE_FAILURE"
        assert said[-1].of("c2")[0] == ("IDENTIFIED" if baseline else "UPDATE_SUCCESS")
        assert said[-1].of("c3") == ("UPDATE_FAILURE", "not like this")
        assert said[-1].of("c5")[0] == "IDENTIFIED"
        heal()
        after = await device.command("a", "CLEANUP", baseline)
        assert statuses(after) == ["CLEANUP_SUCCESS", "INCOMPLETE"][: 1 if baseline else 2]

    run(story())


@pytest.mark.parametrize("name", ["c1", "c2", "c4"])
def test_group_22_a_start_fails(name: str) -> None:
    """c3 runs and is not started, so that there is nothing of it that could fail. After CLEANUP there are no removals with
    Kanto; here the old runs again and the new is gone (defect A2)."""

    async def story() -> None:
        device = await five()
        await device.commands("a", "DOWNLOAD", "UPDATE")
        heal = device.fail(Start, name, message="exec format error")
        said = await device.command("a", "ACTIVATE")
        place = FIVE.index(name)
        assert lines(said)[:-1] == [each for each in ALL_ACTIVATE if each.split()[0] == "ACTIVATING"][: place + 1]
        assert said[-1].status == "ACTIVATION_FAILURE"
        assert said[-1].of(name) == ("ACTIVATION_FAILURE", "exec format error")
        assert all(said[-1].of(each)[0] == GOOD for each in FIVE[:place])
        assert all(said[-1].of(each)[0] in (WELL, "DOWNLOAD_SUCCESS") for each in FIVE[place + 1 :])
        heal()
        assert statuses(await device.command("a", "CLEANUP")) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        assert device.running()["c2"] == "reg.example/c2:1"
        assert "c4" not in states(device)
        assert states(device)["c5"] in ("exited", "running")

    run(story())


def test_group_23_an_old_instance_cannot_be_removed() -> None:
    """As with Kanto that spoils nothing; here the clean-up is not called a success, the reason is told, and the old instance
    is removed as soon as it can be."""

    async def story() -> None:
        device = await five()
        await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE")
        heal = device.fail(Remove, "c2")
        said = await device.command("a", "CLEANUP")
        assert lines(said) == [ALL_CLEANUP[0].replace("CLEANUP_SUCCESS", "CLEANUP_FAILURE"), *ALL_CLEANUP[1:]]
        assert statuses(said) == ["CLEANUP_FAILURE", "COMPLETED"]
        assert said[-1].of("c2")[1].endswith("could not be removed, and is tried again: scripted")
        assert states(device)["c2.old"] == "exited"
        await device.settle()
        (left_over,) = [each for each in device.journal.conditions() if each.name == "CleanedUp"]
        assert not left_over.holds
        assert "c2: scripted" in left_over.message
        heal()
        await asyncio.sleep(1.0)
        await device.settle()
        assert states(device) == dict.fromkeys(("c1", "c2", "c3", "c4"), "running")

    run(story())


def test_group_24_what_nobody_asks_for_cannot_be_removed() -> None:
    """What was activated stays in force, and what could not be removed is removed as soon as it can be."""

    async def story() -> None:
        device = await five()
        await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE")
        heal = device.fail(Remove, "c5", message="device or resource busy")
        said = await device.command("a", "CLEANUP")
        assert statuses(said) == ["CLEANUP_FAILURE", "INCOMPLETE"]
        assert said[-1].of("c5") == ("REMOVAL_FAILURE", "device or resource busy")
        heal()
        await device.settle()
        assert states(device) == dict.fromkeys(("c1", "c2", "c3", "c4"), "running")
        assert device.running()["c2"] == "reg.example/c2:2"

    run(story())


def test_a_command_for_all_waits_for_those_that_lag_behind() -> None:
    """Or its success would be said of components that nobody downloaded. In the original "all" has a status of its own,
    which is then still IDENTIFIED (§2.3); those that are further do not begin again."""

    async def story() -> None:
        device = Device()
        sides = {"x": ["containers:left"], "y": ["containers:right"]}
        await device.desired("a", asked("left"), asked("right"), baselines=sides)
        await device.commands("a", "DOWNLOAD", "UPDATE", baseline="y")
        said = await device.command("a", "ACTIVATE")
        why = "ACTIVATE is possible only after status UPDATE_SUCCESS is reported; x is IDENTIFIED"
        assert [(each.status, each.message) for each in said] == [("ACTIVATION_FAILURE", why)]
        said = await device.command("a", "UPDATE")
        why = "UPDATE is possible only after status DOWNLOAD_SUCCESS is reported"
        assert [(each.status, each.message) for each in said] == [("UPDATE_FAILURE", why)]
        assert device.running() == {}
        assert statuses(await device.command("a", "DOWNLOAD"))[-1] == "DOWNLOAD_SUCCESS"
        said = await device.commands("a", "UPDATE", "ACTIVATE", "CLEANUP")
        assert said[-1].status == "COMPLETED"
        assert device.running() == {"left": "reg.example/left:1", "right": "reg.example/right:1"}

    run(story())
