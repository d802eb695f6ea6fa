"""Kanto's own tests of its agent, had again: one named test for each group of container-management.md §7.1 (1 to 30) and for
those of 41 to 54 that mean something here. Where each other group is, or why there is none, is in `ELSEWHERE`, and is checked.

Where the original is wrong (defects A2, A9, A11, B4, B18 …) the test says what happens instead.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from tests.virtual import run

from evenkeel.controller.agent import AgentSettings, topic_prefix
from evenkeel.controller.drivers.memory import Image
from evenkeel.specs.plan import Create, End, Remove, Start, Update

from .harness import (
    COMMAND,
    DESIRED,
    GET,
    Asked,
    Config,
    Device,
    asked,
    command_message,
    desired_state,
    lines,
    statuses,
)

TESTS = Path(__file__).parent.parent

ELSEWHERE: dict[int, str] = {
    **dict.fromkeys(range(31, 41), "specs/test_inventory.py: test_group_NN"),
    48: "specs/test_shorthand.py: texts survive printing; aborting at the first error is the command line's, not ours",
    50: "none: how Kanto keeps its state in memory; what is reported of it is group 39",
    53: "none: nothing here has an up-time",
    **dict.fromkeys(range(55, 62), "controller/sources and specs/test_manifest.py: a manifest is a file like others"),
    **dict.fromkeys(range(62, 71), "controller/drivers: the engine is Docker's, and its driver's tests say what it does"),
    **dict.fromkeys(range(71, 84), "none yet: §7.5, things, is another interface"),
    **dict.fromkeys(range(84, 89), "none: §7.6 needs a real vehicle edge; 88 is another command line"),
    **dict.fromkeys(range(89, 92), "none: §7.7 is Kanto's runtime, network and daemon"),
}  # fmt: skip


def test_every_group_is_somewhere() -> None:
    here = {int(number) for number in re.findall(r"^def test_group_(\d\d)", Path(__file__).read_text(), re.MULTILINE)}
    assert here | set(ELSEWHERE) == set(range(1, 92))
    inventory = (TESTS / "specs/test_inventory.py").read_text()
    assert {int(number) for number in re.findall(r"def test_group_(\d\d)", inventory)} >= set(range(31, 41))


# ── update manager ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_group_01_a_new_agent_has_its_settings() -> None:
    async def story() -> None:
        device = Device(settings=AgentSettings(domain="my-containers", system_containers=("sua",)))
        agent = device.agent
        assert agent.desired_topic == "mycontainersupdate/desiredstate"
        assert agent.command_topic == "mycontainersupdate/desiredstate/command"
        assert agent.get_topic == "mycontainersupdate/currentstate/get"
        assert agent.state_topic == "mycontainersupdate/currentstate"
        assert agent.feedback_topic == "mycontainersupdate/desiredstatefeedback"
        assert not AgentSettings().verbose
        await agent.arrived(agent.get_topic, b'{"activityId":"q"}')
        waiting = device.journal.mail.outgoing()
        assert waiting is not None
        assert b'"id":"my-containers-update-agent"' in waiting[1].payload

    run(story())


@pytest.mark.parametrize(
    ("domain", "prefix"), [("containers", "containersupdate"), ("self-update", "selfupdate"), ("a-b-c", "abcupdate")]
)
def test_group_01_topics_of_a_domain(domain: str, prefix: str) -> None:
    assert topic_prefix(domain) == prefix


def test_group_02_no_domains() -> None:
    async def story() -> None:
        said = await Device().send(DESIRED, b'{"activityId":"a","timestamp":1,"payload":{}}')
        assert statuses(said) == ["IDENTIFICATION_FAILED"]
        assert said[0].message
        assert said[0].actions == ()

    run(story())


def test_group_03_nothing_there_and_nothing_asked_for() -> None:
    async def story() -> None:
        device = Device()
        assert lines(await device.desired("a")) == ["IDENTIFYING", "IDENTIFIED", "COMPLETED"]
        assert device.journal.mail.activity() is None

    run(story())


def test_group_04_the_engine_cannot_be_asked() -> None:
    """Differs in time only: trouble that may pass is waited out for a while."""

    async def story() -> None:
        device = Device()
        device.engine.script.unreachable = True
        said = await device.desired("a")
        assert statuses(said) == ["IDENTIFYING", "IDENTIFICATION_FAILED"]
        assert said[1].message == "is scripted to be unreachable"
        assert said[1].actions == ()
        assert device.journal.mail.activity() is None

    run(story())


def test_group_05_what_nobody_asks_for_is_destroyed() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("web", "v"))
        said = await device.desired("a")
        assert lines(said) == ["IDENTIFYING", "IDENTIFIED web=IDENTIFIED"]
        assert said[1].of("web") == ("IDENTIFIED", "Existing container will be destroyed, no longer needed.")
        action = device.raw[-1][1]["payload"]["actions"][0]
        assert action["component"] == {"id": "containers:web", "version": "v"}
        activity = device.journal.mail.activity()
        assert activity is not None
        assert activity.id == "a"

    run(story())


def test_group_06_system_containers_have_no_actions() -> None:
    async def story() -> None:
        device = Device(system=("sys",))
        await device.desired("boot", asked("sys"), asked("same"), config=[("systemContainers", "")])
        await device.commands("boot", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
        said = await device.desired("a", asked("sys", "2"), asked("fresh"), asked("same"))
        assert [(name, message) for name, _, message in said[-1].actions] == [
            ("fresh", "New container will be created and started."),
            ("same", "No changes detected, existing container will be check only if it is running."),
        ]
        await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
        await device.settle()
        assert device.running()["sys"] == "reg.example/sys:1"

    run(story())


def test_group_07_commands_that_are_not_for_the_open_operation() -> None:
    async def story() -> None:
        device = Device()
        assert await device.command("a", "DOWNLOAD") == []
        await device.desired("a", asked("web"))
        assert await device.command("b", "DOWNLOAD") == []
        assert await device.send(COMMAND, b'{"activityId":"a","timestamp":1}') == []
        assert device.instances() == []
        assert len(device.entries("message-ignored")) == 3
        assert statuses(await device.command("a", "DOWNLOAD", "")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]
        assert statuses(await device.command("a", "UPDATE", "containers:web")) == ["UPDATE_SUCCESS"]

    run(story())


@pytest.mark.parametrize("names", [(), ("one",), ("one", "three", "two")])
def test_group_08_inventory(names: tuple[str, ...]) -> None:
    async def story() -> None:
        device = Device()
        if names:
            await device.bring("before", *(asked(name, "v1") for name in names))
        state = (await device.inventory("q"))["payload"]
        agent, *nodes = state["softwareNodes"]
        assert (agent["type"], agent["id"]) == ("APPLICATION", "containers-update-agent")
        assert agent["name"]
        assert agent["version"]
        assert agent["parameters"] == [{"key": "domain", "value": "containers"}]
        assert [node["id"] for node in nodes] == [f"containers:{name}" for name in names]
        assert all(node["type"] == "CONTAINER" and "name" not in node and node["version"] == "v1" for node in nodes)
        assert all(node["parameters"] for node in nodes)
        assert [(each["sourceId"], each["targetId"]) for each in state.get("associations", ())] == [
            (agent["id"], node["id"]) for node in nodes
        ]
        device.engine.script.unreachable = True
        state = (await device.inventory("q"))["payload"]
        assert [node["id"] for node in state["softwareNodes"]] == ["containers-update-agent"]

    run(story())


def test_group_08_when_the_state_is_reported() -> None:
    """After connecting and when asked, also in the middle of a phase, as with Kanto; and here after every activity and when
    something has changed, but not when nothing has."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/big:1": Image(size=10**10)})
        await device.agent.introduce()
        device.said()
        assert re.fullmatch(r"initial-current-state-\d{13}", device.states[-1]["activityId"])
        await device.desired("a", asked("big"))
        await device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(2)
        await device.agent.arrived(GET, b'{"activityId":"q"}')
        device.said()
        assert device.states[-1]["activityId"] == "q"
        assert not work.done()
        await work
        await device.commands("a", "UPDATE", "ACTIVATE", "CLEANUP")
        assert device.states[-1]["activityId"] == "a"
        count = len(device.states)
        await device.agent.report_news()
        device.said()
        assert len(device.states) == count
        device.engine.kill("big")
        await device.agent.report_news()
        device.said()
        assert re.fullmatch(r"current-state-\d{13}", device.states[-1]["activityId"])
        assert len(device.states) == count + 1

    run(story())


# ── operation ──────────────────────────────────────────────────────────────────────────────────────────────────────

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
        assert device.journal.mail.activity() is not None

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
    """As with Kanto that spoils nothing; here it is removed as soon as it can be."""

    async def story() -> None:
        device = await five()
        await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE")
        heal = device.fail(Remove, "c2")
        assert lines(await device.command("a", "CLEANUP")) == ALL_CLEANUP
        assert states(device)["c2.old"] == "exited"
        heal()
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


# ── reading desired states ─────────────────────────────────────────────────────────────────────────────────────────


async def created(*config: Config, id_: str = "web", version: str = "1") -> Any:
    """The container that a component becomes."""
    device = Device()
    await device.send(DESIRED, desired_state("a", Asked(id_, version, config)))
    await device.command("a", "DOWNLOAD")
    return device.container(id_)


def test_group_25_defaults() -> None:
    """Differs: names of host and domain are the engine's own unless asked for; the image is in normal form."""

    async def story() -> None:
        container = await created()
        assert container.image == "docker.io/library/web:1"
        assert (container.privileged, container.network) == (False, "bridge")
        assert (container.restart.policy, container.restart.max_retries) == ("unless-stopped", 0)
        assert container.resources.memory is container.resources.memory_swap is None
        assert container.devices == container.ports == container.extra_hosts == container.mounts == ()
        assert (container.log.driver, container.log.max_files, container.log.max_size) == ("json-file", 2, 100 << 20)
        assert container.log.mode == "blocking"
        assert not container.terminal
        assert not container.interactive

    run(story())


def test_group_26_mixed_config() -> None:
    """Differs: what Kanto drops with a warning is refused (defect A9; test_bad_input has each); what is left is the same."""

    async def story() -> None:
        container = await created(
            ("device", "/dev/abc:/dev/ABC"), ("env", "A=1"), ("cmd", "-x"), ("port", "80:8888/tcp"), ("env", "B=2"),
            ("mount", "/tmp:/var/tmp"), ("cmd", "-y"), ("restartPolicy", "on-failure"), ("restartMaxRetries", "5"),
            ("interactive", "1"), ("memory", "50M"),
        )  # fmt: skip
        assert [(each.host_path, each.container_path) for each in container.devices] == [("/dev/abc", "/dev/ABC")]
        (port,) = container.ports
        assert (port.host_ip, port.host_port, port.container_port, port.protocol) == ("0.0.0.0", 80, 8888, "tcp")
        assert [(each.source, each.destination) for each in container.mounts] == [("/tmp", "/var/tmp")]
        assert container.env == (("A", "1"), ("B", "2"))
        assert container.command == ("-x", "-y")
        assert (container.restart.policy, container.restart.max_retries) == ("on-failure", 5)
        assert container.interactive
        assert container.resources.memory == 50 << 20

    run(story())


def test_group_27_errors_of_domain_image_and_baseline() -> None:
    """Their texts are in test_bad_input.REFUSED."""
    from .test_bad_input import REFUSED

    assert {"no domain", "another domain", "two domains", "an empty image", "a baseline of nothing known"} <= set(
        REFUSED
    )


def test_group_28_system_containers_and_implicit_baselines() -> None:
    async def story() -> None:
        device = Device(system=("other",))
        await device.desired(
            "a", asked("sys-container-1"), asked("corelib"), asked("other"), asked("web"), asked("db"),
            config=[("systemContainers", "sys-container-1, corelib")], baselines={"front": ["containers:web"]},
        )  # fmt: skip
        activity = device.journal.mail.activity()
        assert activity is not None
        assert [action.subject for action in activity.actions] == ["other", "web", "db"]
        assert [baseline.title for baseline in activity.baselines] == [
            "front", "containers:sys-container-1", "containers:corelib", "containers:other", "containers:db",
            "containers:remove-components",
        ]  # fmt: skip

    run(story())


def test_group_29_actions_have_id_and_version_of_their_component() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("a", asked("web", "7"), Asked("db", "", (("image", "db:9"),)))
        components = [action["component"] for action in device.raw[-1][1]["payload"]["actions"]]
        assert components == [{"id": "containers:web", "version": "7"}, {"id": "containers:db"}]

    run(story())


def test_group_30_versions_of_what_is_removed() -> None:
    """The table is in specs/test_inventory.py."""

    async def story() -> None:
        device = Device()
        image = "mycontainerregistry.com:8080/my-container:v1"
        await device.bring("before", asked("web", "1", image=image))
        await device.desired("a")
        (action,) = device.raw[-1][1]["payload"]["actions"]
        assert action["component"]["version"] == "v1"

    run(story())


# ── comparison ─────────────────────────────────────────────────────────────────────────────────────────────────────

CHECK, RECREATE, UPDATED, CREATE = (
    "No changes detected, existing container will be check only if it is running.",
    "Existing container will be destroyed and replaced by a new one.",
    "Existing container will be updated with new configuration.",
    "New container will be created and started.",
)


async def becomes(old: tuple[Config, ...], new: tuple[Config, ...], image: str = "x:1") -> str:
    device = Device()
    await device.bring("before", Asked("web", "1", (("image", "x:1"), *old)))
    said = await device.desired("a", Asked("web", "1", (("image", image), *new)))
    return said[-1].of("web")[1]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([("mount", "/a:/b")], [("mount", "/c:/b")], RECREATE),
        ([("mount", "/a:/b")], [("mount", "/a:/b:rprivate")], CHECK),
        ([("cmd", "x")], [("cmd", "y")], RECREATE),
        ([], [("cmd", "x")], RECREATE),
        ([("cmd", "x")], [("cmd", "x")], CHECK),
        ([("env", "A=1")], [("env", "A=2")], RECREATE),
        ([("env", "A=1")], [("env", "A=1")], CHECK),
        ([], [("interactive", "true")], RECREATE),
        ([], [("terminal", "true")], RECREATE),
        ([], [("privileged", "true")], RECREATE),
        ([], [("privileged", "false")], CHECK),
        ([("memory", "64M"), ("memoryReservation", "3M")], [("memory", "64M"), ("memoryReservation", "34M")], UPDATED),
    ],
)
def test_group_41_what_a_difference_needs(old: list[Config], new: list[Config], expected: str) -> None:
    assert run(becomes(tuple(old), tuple(new))) == expected


@pytest.mark.parametrize(("image", "expected"), [("x:1", CHECK), ("x:2", RECREATE), ("docker.io/library/x:1", CHECK)])
def test_group_41_images(image: str, expected: str) -> None:
    """Differs: `x:1` and `docker.io/library/x:1` are one image, though not one text."""
    assert run(becomes((), (), image)) == expected


@pytest.mark.parametrize(
    "config",
    [
        (("restartPolicy", "unless-stopped"),), (("logDriver", "json-file"), ("logMaxFiles", "2"), ("logMaxSize", "100M")),
        (("terminal", "false"), ("interactive", "false")), (("network", "bridge"),), (("logMode", "blocking"),),
    ],
)  # fmt: skip
def test_group_42_nothing_and_the_default_are_equal(config: tuple[Config, ...]) -> None:
    """Differs: with Kanto defined and undefined differ, even if what is defined is empty (defect B10)."""
    assert run(becomes((), config)) == CHECK
    assert run(becomes(config, ())) == CHECK


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([("env", "A=1"), ("env", "B=2")], [("env", "B=2"), ("env", "A=1")], CHECK),
        ([("cmd", "a"), ("cmd", "b")], [("cmd", "b"), ("cmd", "a")], RECREATE),
        ([("port", "80:80"), ("port", "81:81")], [("port", "81:81"), ("port", "80:80")], CHECK),
        ([("mount", "/a:/a"), ("mount", "/b:/b")], [("mount", "/b:/b"), ("mount", "/a:/a")], CHECK),
        ([("host", "a:1.1.1.1"), ("host", "b:1.1.1.2")], [("host", "b:1.1.1.2"), ("host", "a:1.1.1.1")], CHECK),
        ([("env", "A=1"), ("env", "B=2")], [("env", "A=1"), ("env", "C=2")], RECREATE),
    ],
)
def test_group_43_order(old: list[Config], new: list[Config], expected: str) -> None:
    assert run(becomes(tuple(old), tuple(new))) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (("network", "host"), RECREATE), (("device", "/dev/a:/dev/a"), RECREATE), (("port", "80:80"), RECREATE),
        (("logDriver", "none"), RECREATE), (("host", "a:1.1.1.1"), RECREATE), (("logMode", "non-blocking"), RECREATE),
        (("memory", "64M"), UPDATED), (("restartPolicy", "always"), UPDATED),
    ],
)  # fmt: skip
def test_group_44_host_config(config: Config, expected: str) -> None:
    assert run(becomes((), (config,))) == expected


# ── texts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def refused(key: str, value: str) -> str:
    """Why a component with this setting is refused, "" when it is not."""
    said = await Device().desired("a", asked("web", "1", (key, value)))
    return said[0].message if said[0].status == "IDENTIFICATION_FAILED" else ""


@pytest.mark.parametrize("value", ["/dev/a:/dev/b", "/dev/a:/dev/b:r", "/dev/a:/dev/b:mw"])
def test_group_45_devices(value: str) -> None:
    assert run(refused("device", value)) == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", ""),
        ("a:b:c:d", ""),
        ("/dev/a:/dev/b:", "expected hostPath[:containerPath[:permissions]]"),
        ("/dev/a:/dev/b:rwmx", "expected permissions made of r, w and m"),
        ("/dev/a:/dev/b:x", "expected permissions made of r, w and m"),
    ],
)
def test_group_45_devices_that_are_none(value: str, reason: str) -> None:
    """Differs: one text for all, and what is wrong in words of our own; `/dev/a` alone is the same path in the container."""
    message = run(refused("device", value))
    assert f"incorrect configuration value for device mapping {value}" in message
    assert reason in message
    assert run(refused("device", "/dev/a")) == ""


@pytest.mark.parametrize("mode", ["rprivate", "private", "rshared", "shared", "rslave", "slave"])
def test_group_46_mounts(mode: str) -> None:
    assert run(refused("mount", f"/a:/b:{mode}")) == ""


@pytest.mark.parametrize("value", ["", "/a", "/a:/b:private:x"])
def test_group_46_mounts_that_are_none(value: str) -> None:
    assert f"Incorrect number of parameters of the mount point {value}" in run(refused("mount", value))


@pytest.mark.parametrize("value", ["80:80", "88:8888/udp", "5000-6000:8080/udp", "192.168.0.1:7000-8000:8081/tcp"])
def test_group_47_ports(value: str) -> None:
    assert run(refused("port", value)) == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", ""),
        ("80", "expected [hostIP:]hostPort[-end]:containerPort"),
        ("1:2:3:4", ""),
        ("x.y:80:80", "`x.y` is no IP address"),
        ("x:80", "expected a port from 1 to 65535"),
        ("80-x:80", "expected a port from 1 to 65535"),
        ("80:x", "expected a port from 1 to 65535"),
        ("80:80/tcp/x", ""),
    ],
)
def test_group_47_ports_that_are_none(value: str, reason: str) -> None:
    """Differs: one text for all, and what is wrong in words of our own."""
    message = run(refused("port", value))
    assert f"Incorrect port mapping configuration {value}" in message
    assert reason in message


@pytest.mark.parametrize(
    ("text", "size"), [("4096k", 4 << 20), ("4096K", 4 << 20), ("3.5m", 7 << 19), ("1.5G", 3 << 29)]
)
def test_group_49_sizes(text: str, size: int) -> None:
    async def story() -> None:
        assert (await created(("memory", text))).resources.memory == size

    run(story())


def test_group_49_a_size_that_is_none() -> None:
    assert "invalid format of memory - 1z" in run(refused("memory", "1z"))


def test_group_51_ports_and_devices_are_filled_in() -> None:
    async def story() -> None:
        container = await created(("port", "80:81"), ("device", "/dev/a:/dev/b"))
        (port,), (device,) = container.ports, container.devices
        assert (port.host_ip, port.host_port_end, port.protocol) == ("0.0.0.0", 80, "tcp")
        assert device.permissions == "rwm"

    run(story())


def test_group_52_swap() -> None:
    """Differs: missing stays missing in what is compared (defect B1); the engine doubles it, as Kanto does."""

    async def story() -> None:
        assert (await created(("memory", "64M"), ("memorySwap", "100M"))).resources.memory_swap == 100 << 20
        assert (await created(("memory", "64M"), ("memorySwap", "-1"))).resources.memory_swap == -1

    run(story())


def test_group_54_names_of_images() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("a", asked("web", "1", image="reg.io:5000/team/web:1"), asked("db", "1", image="db"))
        assert device.running() == {"web": "reg.io:5000/team/web:1", "db": "docker.io/library/db:latest"}

    run(story())


def test_compatibility_md_names_tests_that_exist() -> None:
    page = (TESTS.parent / "docs/compatibility.md").read_text()
    existing = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in (file.name, *re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))
    }
    named = set(re.findall(r"`(?:[a-z]+/)?(test_\w+(?:\.py)?)`", page))
    assert len(named) > 50
    assert named <= existing
