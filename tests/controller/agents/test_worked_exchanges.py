"""The exchanges that Kanto's agent was seen to have (container-management.md §2.9), had again with this one.

`exchanges.txt` is the recording. Every message is compared: activity, status, baseline, texts, every action with status and
message, in order. Where this agent answers otherwise on purpose the test says what instead, and why.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.controller.agents.harness import COMMAND, DESIRED, GET, Device, Said, asked, lines
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.participants.containers.conduct import ContainersConduct
from evenkeel.specs.containers.actions import Start

TOPICS = {"desiredstate": DESIRED, "desiredstate/command": COMMAND, "currentstate/get": GET}
GHOST = "docker.io/library/missing:1"


class Exchange(NamedTuple):
    """One message sent, and what was published: full messages, or condensed lines."""

    topic: str
    message: dict[str, Any]
    published: tuple[dict[str, Any], ...]
    condensed: tuple[str, ...]


def recorded() -> Mapping[str, Sequence[Exchange]]:
    found: dict[str, list[Exchange]] = {}
    title, activity = "", ""
    for line in (Path(__file__).with_name("exchanges.txt")).read_text().splitlines():
        if header := re.match(r"== (.*?) — ", line):
            title = header[1]
        elif sent := re.match(r"-> (\S+) (\{.*)", line):
            message = json.loads(sent[2])
            activity = message["activityId"]
            found.setdefault(title, []).append(Exchange(TOPICS[sent[1]], message, (), ()))
        elif sent := re.match(r"-> cmd (\w+) ?(\S*)", line):
            payload = {"command": sent[1]} | ({"baseline": sent[2]} if sent[2] else {})
            message = {"activityId": activity, "timestamp": 1, "payload": payload}
            found[title].append(Exchange(COMMAND, message, (), ()))
        elif full := re.match(r"<- (desiredstatefeedback|currentstate) (\{.*)", line):
            last = found[title][-1]
            found[title][-1] = last._replace(published=(*last.published, json.loads(full[2])))
        elif line.startswith("   <- "):
            last = found[title][-1]
            text = line.removeprefix("   <- ").removeprefix("(none) ").strip()
            found[title][-1] = last._replace(condensed=(*last.condensed, text))
    return found


RECORDED = recorded()


async def had_again(device: Device, exchange: Exchange) -> tuple[list[dict[str, Any]], list[Said]]:
    """What is published now: messages as in the recording, and the same as values."""
    before = len(device.raw)
    said = await device.send(exchange.topic, json.dumps(exchange.message).encode())
    return [plain(content) for topic, content in device.raw[before:] if not topic.endswith("/currentstate")], said


def plain(message: dict[str, Any]) -> dict[str, Any]:
    """A copy without its time stamp."""
    assert isinstance(message["timestamp"], int)
    return copy.deepcopy({key: value for key, value in message.items() if key != "timestamp"})


async def all_as_recorded(device: Device, exchanges: Sequence[Exchange]) -> None:
    for exchange in exchanges:
        published, said = await had_again(device, exchange)
        if exchange.condensed:
            assert lines(said) == list(exchange.condensed)
        else:
            assert published == [plain(each) for each in exchange.published]


async def with_lamp(level: int) -> Device:
    """Where W1 (`level` 1) or W2 (`level` 2) ended."""
    device = Device(conduct=ContainersConduct(system_containers=("sua",), reported_values="unmarked"))
    await all_as_recorded(device, RECORDED["W0"])
    await all_as_recorded(device, RECORDED["W1"])
    if level == 2:
        await all_as_recorded(device, RECORDED["W2"])
    return device


def test_the_recording_is_read_whole() -> None:
    assert list(RECORDED) == [
        "W0", "W1", "W1b", "W2", "W3", "W4", "W5", "W6", "W6b", "W7", "W8", "W9, W10, W12", "W13",
    ]  # fmt: skip
    assert sum(len(each.published) + len(each.condensed) for all_ in RECORDED.values() for each in all_) == 107


def test_w0_system_container_is_bootstrapped_by_an_empty_list() -> None:
    async def exchange() -> None:
        device = Device(system=("sua",))
        await all_as_recorded(device, RECORDED["W0"])
        assert device.running() == {"sua": "reg.example/sua:1.0"}

    run(exchange())


def test_w1_create() -> None:
    async def exchange() -> None:
        device = await with_lamp(1)
        assert device.running() == {"sua": "reg.example/sua:1.0", "lamp": "reg.example/lamp:1.4"}

    run(exchange())


def test_w1b_inventory() -> None:
    """Differs: nodes are in order of name, where Kanto's order is one of chance."""

    async def exchange() -> None:
        device = await with_lamp(1)
        question = RECORDED["W1b"][0]
        await device.send(question.topic, json.dumps(question.message).encode())
        assert without_times(plain(device.states[-1])) == without_times(in_order(plain(question.published[0])))

    run(exchange())


def in_order(state: dict[str, Any]) -> dict[str, Any]:
    agent, *nodes = state["payload"]["softwareNodes"]
    state["payload"]["softwareNodes"] = [agent, *sorted(nodes, key=lambda node: node["id"])]
    state["payload"]["associations"].sort(key=lambda association: association["targetId"])
    return state


def without_times(state: dict[str, Any]) -> dict[str, Any]:
    for node in state["payload"]["softwareNodes"]:
        for parameter in node["parameters"]:
            if parameter["key"] == "created":
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", parameter.pop("value"))
    return state


def test_w2_recreate() -> None:
    async def exchange() -> None:
        device = await with_lamp(1)
        old = device.id_of("lamp")
        await all_as_recorded(device, RECORDED["W2"])
        assert device.id_of("lamp") != old
        assert len(device.kept()) == 2

    run(exchange())


def test_w3_update_in_place() -> None:
    async def exchange() -> None:
        device = await with_lamp(2)
        old = device.id_of("lamp")
        await all_as_recorded(device, RECORDED["W3"])
        assert device.id_of("lamp") == old
        assert device.container("lamp").resources.memory == 96 << 20
        assert device.container("lamp").restart.policy == "on-failure"

    run(exchange())


def test_w4_check_and_a_system_container_that_is_left_alone() -> None:
    async def exchange() -> None:
        device = await with_lamp(2)
        await all_as_recorded(device, RECORDED["W3"])
        await all_as_recorded(device, RECORDED["W4"])
        assert device.running()["sua"] == "reg.example/sua:1.0"

    run(exchange())


def test_w5_destroy_and_create() -> None:
    """Differs in the world only: what was stopped stays stopped until it is removed (defect B6)."""

    async def exchange() -> None:
        device = await with_lamp(2)
        await all_as_recorded(device, RECORDED["W3"])
        *before, activate, clean_up = RECORDED["W5"]
        await all_as_recorded(device, before)
        assert "lamp" not in device.running()
        await all_as_recorded(device, [activate, clean_up])
        assert device.running() == {"sua": "reg.example/sua:1.0", "horn": "reg.example/horn:2.0"}
        assert len(device.kept()) == 2

    run(exchange())


async def with_failed_pull() -> tuple[Device, Sequence[Exchange]]:
    """W6 up to DOWNLOAD; what is left of it."""
    device = Device(system=("sua",), catalogue={GHOST: Image(pull="missing")})
    await device.bring("w5", asked("horn", "2.0"))
    identify, download, *rest = RECORDED["W6"]
    await all_as_recorded(device, [identify])
    published, _ = await had_again(device, download)
    # the text of a failed pull is the runtime's, and varies (§2.9)
    ghost = published[-1]["payload"]["actions"][-1]
    assert ghost.pop("message") == f"manifest for {GHOST} not found"
    expected = [plain(each) for each in download.published]
    del expected[-1]["payload"]["actions"][-1]["message"]
    assert published == expected
    return device, rest


def test_w6_failed_pull_can_be_rolled_back() -> None:
    """Differs: Kanto refuses ROLLBACK after DOWNLOAD_FAILURE, where one wants it most (defect B7). What CLEANUP says after
    it is Kanto's again, but nothing is left behind (defect B4)."""

    async def exchange() -> None:
        device, (rollback, clean_up) = await with_failed_pull()
        published, said = await had_again(device, rollback)
        assert rollback.published[0]["payload"]["status"] == "ROLLBACK_FAILURE"
        assert lines(said) == [
            "ROLLBACK horn=IDENTIFIED fog=UPDATING ghost=DOWNLOAD_FAILURE",
            "ROLLBACK horn=IDENTIFIED fog=UPDATE_FAILURE ghost=DOWNLOAD_FAILURE",
            "ROLLBACK_SUCCESS horn=IDENTIFIED fog=UPDATE_FAILURE ghost=DOWNLOAD_FAILURE",
        ]
        gone = "Update unsuccessful, but rollback succeeded - new container instance destroyed."
        assert published[-1]["payload"]["actions"][1]["message"] == gone
        assert said[-1].of("ghost")[1] == f"manifest for {GHOST} not found", "why it failed stays to be read"
        assert device.instances() == [row for row in device.instances() if row[0] == "horn"]
        _, said = await had_again(device, clean_up)
        assert [each.status for each in said] == [each["payload"]["status"] for each in clean_up.published]
        assert device.running() == {"horn": "reg.example/horn:2.0"}

    run(exchange())


def test_w6_failed_pull_is_cleaned_up_without_rollback() -> None:
    """As recorded, word for word, but `fog` does not stay behind (W6b differs: Kanto reports it as Created; defect B4)."""

    async def exchange() -> None:
        device, (_, clean_up) = await with_failed_pull()
        published, _ = await had_again(device, clean_up)
        for mine, theirs in zip(published, clean_up.published, strict=True):
            expected = plain(theirs)
            expected["payload"]["actions"][-1]["message"] = f"manifest for {GHOST} not found"
            assert mine == expected
        nodes = [node["id"] for node in (await device.inventory())["payload"]["softwareNodes"]]
        recorded_nodes = [node["id"] for node in RECORDED["W6b"][0].published[0]["payload"]["softwareNodes"]]
        assert "containers:fog" in recorded_nodes
        assert nodes == ["containers-update-agent", "containers:horn"]

    run(exchange())


def test_w7_failed_start_and_rollback() -> None:
    """As recorded. (That `fog` is a Check there is because W6 had left it behind; here it was asked for before.)"""

    async def exchange() -> None:
        device = Device()
        await device.bring("w6", asked("horn", "2.0"), asked("fog", "3"))
        device.fail(Start, message="failed to create task: exec format error", times=1)
        old = device.id_of("horn")
        await all_as_recorded(device, RECORDED["W7"])
        assert device.running() == {"horn": "reg.example/horn:2.0", "fog": "reg.example/fog:3"}
        assert device.id_of("horn") == old
        assert len(device.kept()) == 2

    run(exchange())


def test_w8_one_baseline_after_the_other() -> None:
    """Differs in the very last word: COMPLETED, because every baseline was activated and `containers:remove-components` had
    nothing to do; Kanto judges by the last baseline alone (defect B18)."""

    async def exchange() -> None:
        device = Device()
        await device.bring("w7", asked("horn", "2.0"), asked("fog", "3"))
        *before, last = RECORDED["W8"]
        await all_as_recorded(device, before)
        _, said = await had_again(device, last)
        assert last.condensed[-1].startswith("INCOMPLETE ")
        assert lines(said) == [last.condensed[0], last.condensed[-1].replace("INCOMPLETE", "COMPLETED")]
        assert device.running() == {
            "horn": "reg.example/horn:2.0", "fog": "reg.example/fog:4", "mist": "reg.example/mist:1",
        }  # fmt: skip

    run(exchange())


@pytest.mark.parametrize(("number", "where"), [(0, "payload.domains[0].components[0]"), (1, "payload.domains[0].id")])
def test_w9_w10_rejected(number: int, where: str) -> None:
    """Differs: behind Kanto's text stand where the fault is and what helps, and in W9 the missing image is named as well,
    because every reason is given, not only the first."""

    async def exchange() -> None:
        device = Device()
        wrong = RECORDED["W9, W10, W12"][number]
        published, _ = await had_again(device, wrong)
        (theirs,) = (plain(each) for each in wrong.published)
        (mine,) = published
        text = mine["payload"].pop("message")
        assert f"{theirs['payload'].pop('message')} [{where}" in text
        assert mine == theirs

    run(exchange())


def test_w12_nothing_to_do() -> None:
    async def exchange() -> None:
        await all_as_recorded(Device(), RECORDED["W9, W10, W12"][2:])

    run(exchange())


def test_w13_wrong_order() -> None:
    async def exchange() -> None:
        device = Device()
        await device.desired("act-11", asked("web"))
        await all_as_recorded(device, RECORDED["W13"])
        assert (await device.command("act-11", "DOWNLOAD"))[-1].status == "DOWNLOAD_SUCCESS"

    run(exchange())
