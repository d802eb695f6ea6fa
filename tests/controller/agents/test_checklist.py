"""Kanto's own tests of its agent, had again: a named test, `test_group_NN_…`, for each group of container-management.md §7
that is about the agent or about what containers are here. In this file are 1 to 8, in test_checklist_operation.py 9 to 24,
in test_checklist_texts.py and test_checklist_model.py 25 to 30 and 41 to 66; 31 to 40 are in
tests/specs/kanto/test_inventory.py, those of manifests and of Kanto's settings in tests/controller. Why a group has none is
in `NOWHERE`, and that there is no other.

Where the original is wrong (defects A2, A9, A11, B4, B18 …) the test says what happens instead.
"""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    DESIRED,
    GET,
    Device,
    asked,
    command_message,
    lines,
    statuses,
)
from tests.places import ROOT, TESTS
from tests.virtual import run

from evenkeel.controller.agents.conduct import AgentSettings, topic_prefix
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.participants.containers.conduct import ContainersConduct

_THINGS = "things are another interface (Ditto's), which is not offered"

NOWHERE: dict[int, str] = {
    53: "nothing here has, or reports, an up-time",
    61: "about the constructor of Kanto's deployment manager; where manifests are read is a setting (tests/controller)",
    62: "nobody can rename a container: its name is what it is desired by",
    64: "nobody can ask for a restart; Kanto's manager refuses it, too",
    69: "metrics are not offered: they go over things",
    70: "Kanto's files about its containers; here the engine keeps them, and the journal what is desired (test_journal.py)",
    71: f"{_THINGS}; the engine's form of every field is in tests/controller/drivers/containers/docker/test_render_parse.py",
    **dict.fromkeys(range(72, 84), _THINGS),
    **dict.fromkeys((84, 85, 86, 87), "things again, with a real system; ours is in tests/e2e and tests/e2e_mqtt"),
    88: "the command line of Kanto's manager, which is not offered; ours is in tests/controller/cli",
    90: "Kanto's client of containerd; the engine here is Docker's (tests/controller/drivers/containers/docker)",
    91: "Kanto's own network and event bus; the network is the engine's",
}
"""The groups that no test is named after, and why. What is not offered cannot be shown."""


def test_every_group_is_a_named_test_or_nowhere_for_a_reason() -> None:
    texts = [file.read_text() for file in TESTS.rglob("test_*.py")]
    named = {int(number) for text in texts for number in re.findall(r"^def test_group_(\d\d)_", text, re.MULTILINE)}
    assert named | set(NOWHERE) == set(range(1, 92))
    assert not named & set(NOWHERE)
    assert all(len(reason) > 20 for reason in NOWHERE.values())


def test_files_that_reasons_name_exist() -> None:
    paths = {path.rstrip("./") for reason in NOWHERE.values() for path in re.findall(r"tests/[\w/.]+", reason)}
    assert paths
    assert all((ROOT / path).exists() for path in paths)


# ── update manager ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_group_01_a_new_agent_has_its_settings() -> None:
    async def story() -> None:
        device = Device(
            settings=AgentSettings(domain="my-containers"),
            conduct=ContainersConduct(domain="my-containers", system_containers=("sua",)),
        )
        agent = device.agent
        assert agent.topics.desired == "mycontainersupdate/desiredstate"
        assert agent.topics.command == "mycontainersupdate/desiredstate/command"
        assert agent.topics.get == "mycontainersupdate/currentstate/get"
        assert agent.reports.topic == "mycontainersupdate/currentstate"
        assert agent.topics.feedback == "mycontainersupdate/desiredstatefeedback"
        assert not ContainersConduct().verbose
        agent.arrived(agent.topics.get, b'{"activityId":"q"}')
        await agent.reports.answer()
        waiting = device.journal.outbox.oldest()
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
        assert device.journal.mailbox("containers").activity() is None

    run(story())


def test_group_04_the_engine_cannot_be_asked() -> None:
    """Differs in time: trouble that may pass is waited out for a while, and told meanwhile."""

    async def story() -> None:
        device = Device()
        device.engine.script.unreachable = True
        said = await device.desired("a")
        assert statuses(said) == ["IDENTIFYING", "IDENTIFYING", "IDENTIFICATION_FAILED"]
        assert [each.message for each in said] == ["", *["is scripted to be unreachable"] * 2]
        assert said[-1].actions == ()
        assert device.journal.mailbox("containers").activity() is None

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
        activity = device.journal.mailbox("containers").activity()
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
        assert device.entries("activity")[-1] == "a: IDENTIFIED, 2 actions; sys is a system container and left alone"
        await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
        await device.settle()
        assert device.running()["sys"] == "reg.example/sys:1"

    run(story())


def test_a_system_container_that_its_own_message_asked_for_is_kept_up() -> None:
    """The list in a message replaces the configured one for that message (§1.5), also once it is in force."""

    async def story() -> None:
        device = Device(system=("sys",))
        await device.bring("boot", asked("sys"), asked("app"), config=[("systemContainers", "")])
        for name in ("sys", "app"):
            device.engine.remove(name)
        await device.settle()
        assert sorted(device.running()) == ["app", "sys"]
        await device.bring("next", asked("sys", "2"), asked("app"))
        device.engine.remove("sys")
        await device.settle()
        assert sorted(device.running()) == ["app"], "this one had no list of its own, so nobody touches it"

    run(story())


def test_nobody_touches_what_is_protected_whatever_a_message_says() -> None:
    async def story() -> None:
        device = Device(conduct=ContainersConduct(protected=("sys",)))
        await device.bring("boot", asked("sys"), asked("app"), config=[("systemContainers", "")])
        assert device.entries("activity")[0] == "boot: IDENTIFIED, 1 action; sys is a system container and left alone"
        assert sorted(device.running()) == ["app"]

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
        await device.agent.reports.introduce()
        device.said()
        assert re.fullmatch(r"initial-current-state-\d{13}", device.states[-1]["activityId"])
        await device.desired("a", asked("big"))
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        work = asyncio.create_task(device.agent.work())
        await asyncio.sleep(2)
        device.agent.arrived(GET, b'{"activityId":"q"}')
        await device.agent.reports.answer()
        device.said()
        assert device.states[-1]["activityId"] == "q"
        assert not work.done()
        await work
        await device.commands("a", "UPDATE", "ACTIVATE", "CLEANUP")
        assert device.states[-1]["activityId"] == "a"
        count = len(device.states)
        await device.agent.reports.report_news()
        device.said()
        assert len(device.states) == count
        device.engine.kill("big")
        await device.agent.reports.report_news()
        device.said()
        assert re.fullmatch(r"current-state-\d{13}", device.states[-1]["activityId"])
        assert len(device.states) == count + 1

    run(story())


def test_compatibility_md_names_tests_that_exist() -> None:
    page = (ROOT / "docs/compatibility.md").read_text()
    existing = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in (file.name, *re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))
    }
    named = set(re.findall(r"`(?:[a-z]+/)?(test_\w+(?:\.py)?)`", page))
    assert len(named) > 50
    assert named <= existing
