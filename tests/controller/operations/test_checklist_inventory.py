"""Kanto's checklist of its update manager (update-manager.md §6): the inventory, the reboot, what Leda's own tests ask for."""

from __future__ import annotations

from typing import Any

import pytest
from tests.controller.operations.conftest import Play, TalkPlay
from tests.controller.operations.device import DECISIONS, Device, demand
from tests.controller.operations.talk import (
    Talk,
)
from tests.reconcilers.operations.agents import Agent

from evenkeel.controller.drivers.slots.memory import Bundle
from evenkeel.controller.journal.outbox import MOST_UNSENT
from evenkeel.reconcilers.operations.inventory import aggregated
from evenkeel.specs.errors import Refused

STATE = "vehicleupdate/currentstate"

# ── inventory ──────────────────────────────────────────────────────────────────────────────────────────────────────


def node(id_: str, type_: str = "APPLICATION", domain: str = "") -> dict[str, Any]:
    parameters = {"parameters": [{"key": "domain", "value": domain}]} if domain else {}
    return {"id": id_, "type": type_, **parameters}


UM = {"id": "vehicle-update-manager", "version": "1", "name": "Update Manager", "type": "APPLICATION"}
HARD = {"id": "h", "addressable": True}
BELOW = {"sourceId": "x", "targetId": "y"}
OTHER = {**node("y"), "parameters": [{"key": "name", "value": "c"}]}
MERGED: tuple[tuple[str, dict[str, Any], list[str], list[str]], ...] = (
    ("nobody", {}, [], []),
    ("hardware alone", {"c": {"hardwareNodes": [HARD]}}, [], []),
    ("its links stay (CS-2, better)", {"c": {"hardwareNodes": [HARD], "associations": [BELOW]}}, [], ["x y"]),
    ("no application", {"c": {"softwareNodes": [node("x", "IMAGE"), node("y", "IMAGE")]}}, ["x", "y"], ["UM x"]),
    ("another parameter", {"c": {"softwareNodes": [node("x"), OTHER]}}, ["x", "y"], ["UM x"]),
    ("another domain", {"c": {"softwareNodes": [node("x"), node("y", domain="d")]}}, ["x", "y"], ["UM x"]),
    ("its own node", {"c": {"softwareNodes": [node("x"), node("y", domain="c")]}}, ["x", "y"], ["UM y"]),
    (
        "two agents, and several levels",
        {"c": {"softwareNodes": [node("x"), node("y")], "associations": [BELOW]}, "d": {"softwareNodes": [node("z")]}},
        ["x", "y", "z"],
        ["UM x", "x y", "UM z"],
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("states", "software", "links"), [each[1:] for each in MERGED], ids=[each[0] for each in MERGED]
)
def test_cs_1_to_2_the_states_of_all_agents_as_one(states: Any, software: list[str], links: list[str]) -> None:
    whole = aggregated("vehicle", "1", states)
    assert whole["softwareNodes"][0] == UM
    assert [each["id"] for each in whole["softwareNodes"][1:]] == software
    assert whole.get("hardwareNodes", []) == [
        each for state in states.values() for each in state.get("hardwareNodes", ())
    ]
    found = [f"{each['sourceId']} {each['targetId']}".replace(UM["id"], "UM") for each in whole.get("associations", ())]
    assert found == links


def reports(device: Talk) -> list[str]:
    """Reports of the current state: names, and which version of the application of `containers` they have."""
    found = []
    for each in device.said(STATE):
        nodes = [node for node in each.content["payload"]["softwareNodes"] if node["id"].startswith("containers:")]
        name = each.content["activityId"]
        found.append(f"{name.partition('-')[0]} {' '.join(node.get('version', '') for node in nodes)}".strip())
    return found


def app(version: str) -> list[dict[str, Any]]:
    return [{"id": "containers:app", "version": version}]


def test_cs_3_to_4_a_question_is_answered_when_all_have_answered_or_were_waited_for(talk: TalkPlay) -> None:
    """Of an agent that does not answer in time the last state counts, also one that came meanwhile under another name."""

    async def story(device: Talk) -> None:
        device.deliver("vehicleupdate/currentstate/get", "q", {})
        await device.act("wait 0.1")
        assert reports(device) == ["initial 1", "q 1"]
        device.tell_state = lambda *_: None  # type: ignore[method-assign, assignment]
        device.deliver("vehicleupdate/currentstate/get", "r", None)
        await device.act("wait 0.5")
        Talk.tell_state(device, "c", "another", app("7"))
        await device.act("wait 1.4")
        assert reports(device) == ["initial 1", "q 1"]
        await device.act("wait 0.2")
        assert reports(device) == ["initial 1", "q 1", "r 7"]

    talk(story, state_delay_s=60.0)


def test_cs_5_which_report_is_the_newest(talk: TalkPlay) -> None:
    """An older one is passed over. The original passes over one without a time, too, and is left with what was (better)."""

    async def story(device: Talk) -> None:
        device.tell_state("c", "", app("2"))
        await device.act("wait 2")
        device.tell_state("c", "", app("3"), timestamp=1)
        await device.act("wait 2")
        assert reports(device) == ["initial 1", "2"]
        device.tell_state("c", "", app("4"), timestamp=None)
        await device.act("wait 2")
        assert reports(device) == ["initial 1", "2", "4"]

    talk(story)


def test_cs_6_news_are_reported_under_no_name(talk: TalkPlay) -> None:
    """Also those to which their agent gave one (better)."""

    async def story(device: Talk) -> None:
        device.tell_state("c", "news", app("2"))
        await device.act("wait 2")
        assert reports(device) == ["initial 1", "2"]

    talk(story)


@pytest.mark.parametrize("delay_s", [0.0, 30.0])
def test_cs_7_news_are_gathered_from_the_first_one_on(talk: TalkPlay, delay_s: float) -> None:
    async def story(device: Talk) -> None:
        for version in ("2", "3", "4"):
            device.tell_state("c", "", app(version))
            await device.act("wait 9")
        assert reports(device) == (["initial 1", "2", "3", "4"] if not delay_s else ["initial 1"])
        await device.act("wait 3.5")
        assert reports(device)[-1] == "4"
        assert len(reports(device)) == (4 if not delay_s else 2)
        device.tell_state("c", "", app("5"))
        await device.act("wait 1")
        device.deliver("vehicleupdate/currentstate/get", "q", {})
        await device.act("wait 60")
        assert reports(device)[-1] == "q 1"

    talk(story, state_delay_s=delay_s)


def test_cs_8_after_a_connection_all_agents_are_asked_and_reported(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        first = device.said("containersupdate/currentstate/get")[0].content["activityId"]
        assert first.removeprefix("initial-current-state-").isdigit()
        assert [each.content["activityId"] for each in device.said("selfupdate/currentstate/get")] == [first]
        assert [each.content["activityId"] for each in device.said(STATE)] == [first]

    talk(story)


def test_cs_9_an_agent_that_is_away_is_waited_for_and_left_out(play: Play) -> None:
    async def story(device: Device) -> None:
        device.is_away = True
        await device.restarts()
        before = len(device.said(STATE))
        await device.plays(28)
        assert len(device.said(STATE)) == before
        await device.plays(2)
        nodes = [each["id"] for each in device.said(STATE)[-1].content["payload"]["softwareNodes"]]
        assert nodes == [
            "vehicle-update-manager",
            "self-update-agent",
            "self-update:os-image",
            "containers-update-agent",
        ]

    play(story, Agent("safety-ecu"))


@pytest.mark.parametrize("end", ["c IDENTIFICATION_FAILED: no", "c INCOMPLETE: no", "c COMPLETED"])
def test_cs_10_each_operation_ends_with_a_report_under_its_name(talk: TalkPlay, end: str) -> None:
    async def story(device: Talk) -> None:
        for line in ("ask c", end):
            await device.act(line)
        await device.act("wait 1")
        assert reports(device) == ["initial 1", "a 1"]
        assert len(device.said("selfupdate/currentstate/get")) == 2

    talk(story)


def test_cs_11_a_question_holds_up_nothing(talk: TalkPlay) -> None:
    """The original reads no message for the whole time limit, and answers with what was (better)."""

    async def story(device: Talk) -> None:
        device.tell_state = lambda *_: None  # type: ignore[method-assign, assignment]
        await device.act("ask c")
        device.deliver("vehicleupdate/currentstate/get", "q", {})
        device.deliver("vehicleupdate/currentstate/get", "r", {})
        assert await device.act("c IDENTIFIED") == ["IDENTIFIED", "RUNNING", "c DOWNLOAD"]
        assert await device.act("c DOWNLOAD_SUCCESS") == ["RUNNING", "c UPDATE"]
        assert reports(device) == ["initial 1"]
        await device.act("wait 2")
        assert reports(device) == ["initial 1", "q 1", "r 1"]

    talk(story)


def test_each_of_many_questions_is_answered_under_its_own_name(talk: TalkPlay) -> None:
    """Recordings: act-e1, act-e2, act-e3. They end at one moment, because the agents are away."""

    async def story(device: Talk) -> None:
        device.tell_state = lambda *_: None  # type: ignore[method-assign, assignment]
        names = [f"q{number}" for number in range(20)]
        for name in names:
            device.deliver("vehicleupdate/currentstate/get", name, {})
        await device.act("wait 3")
        assert reports(device) == ["initial 1", *(f"{name} 1" for name in names)]
        assert all(each.retain for each in device.said(STATE))

    talk(story)


def test_answers_that_cannot_be_sent_do_not_grow_without_end(talk: TalkPlay) -> None:
    """A broker may deny this topic alone."""

    async def story(device: Talk) -> None:
        publish = device.link.publish

        async def refusing(topic: str, payload: bytes, **how: Any) -> None:
            if topic == STATE:
                raise Refused("broker:memory", "not authorized")
            await publish(topic, payload, **how)

        device.link.publish = refusing  # type: ignore[method-assign]
        for number in range(2 * MOST_UNSENT):
            device.deliver("vehicleupdate/currentstate/get", f"q{number}", {})
            if number % 50 == 0:
                await device.act("wait 0.1")
        await device.act("wait 1")
        waiting = [message.payload for _, message in device.journal.outbox.first(10_000) if message.topic == STATE]
        assert len(waiting) == MOST_UNSENT + 1
        assert f'"q{2 * MOST_UNSENT - 1}"'.encode() in waiting[-1]

    talk(story)


@pytest.mark.parametrize("is_at_work", [False, True])
def test_cs_12_after_a_new_connection_all_is_asked_again(talk: TalkPlay, is_at_work: bool) -> None:
    """An agent that answers has not begun anew: an operation goes on where it was."""

    async def story(device: Talk) -> None:
        if is_at_work:
            await device.act("ask c")
            await device.act("c IDENTIFIED")
        device.link.reconnects()
        assert await device.act("wait 3") == []
        assert reports(device) == ["initial 1", "initial 1"]
        if is_at_work:
            assert await device.act("c DOWNLOAD_SUCCESS") == ["RUNNING", "c UPDATE"]

    talk(story)


def test_cs_13_agents_that_answer_at_the_same_moment_are_all_heard(talk: TalkPlay) -> None:
    """The original writes to one map from two threads, and ends."""

    async def story(device: Talk) -> None:
        for number in range(100):
            device.deliver("vehicleupdate/currentstate/get", f"q{number}", {})
        await device.act("wait 1")
        assert reports(device)[-1] == "q99 1"
        assert len(device.said("containersupdate/currentstate/get")) == 101

    talk(story)


# ── the reboot, and what Leda's own tests ask for ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("is_enabled", "os"), [(True, "2"), (True, ""), (False, "2"), (False, "")])
def test_rbt_1_to_5_the_device_reboots_when_that_is_allowed_and_needed(play: Play, is_enabled: bool, os: str) -> None:
    """After the pause, and in order; COMPLETED comes after it (better)."""

    async def story(device: Device) -> None:
        boot = device.world.boot
        device.asks(demand("b", os=os, web="2"))
        await device.plays(600)
        has_rebooted = is_enabled and bool(os)
        assert (device.world.boot != boot) == has_rebooted
        assert device.statuses("b")[-1] == ("RUNNING" if os and not is_enabled else "COMPLETED")
        is_reported = "b" in [each.content["activityId"] for each in device.said(STATE)]
        assert is_reported == (device.statuses("b")[-1] == "COMPLETED")

    play(story, reboots_after_s=30.0 if is_enabled else None)


def test_cl_9_a_domain_without_actions_reboots_nothing(play: Play) -> None:
    async def story(device: Device) -> None:
        boot = device.world.boot
        device.asks(demand("b", os="1", web="2"))
        await device.plays(300)
        assert (device.end()[0], device.web, device.world.boot) == ("COMPLETED", "web:2", boot)

    play(story)


def test_cl_12_a_domain_that_failed_reboots_nothing(play: Play) -> None:
    async def story(device: Device) -> None:
        boot = device.world.boot
        device.world.served["https://updates.example/v2.raucb"] = Bundle("2", flaw="missing")
        device.asks(demand("b", os="2", web="2"))
        await device.plays(600)
        assert (device.end()[0], device.os, device.web, device.world.boot) == ("INCOMPLETE", "1", "", boot)

    play(story)


@pytest.mark.parametrize("fails", ["", "DOWNLOAD", "UPDATE", "ACTIVATE", "IDENTIFY"])
def test_int_1_every_failure_has_a_text(play: Play, fails: str) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("b", others={"safety-ecu": "2"}))
        await device.plays(60)
        status, text = device.end()
        assert (status == "COMPLETED") == (not fails)
        assert bool(text) == bool(fails)

    play(story, Agent("safety-ecu", "kanto", fails=fails))


def test_int_2_containers_that_nobody_wants_any_more_are_removed(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("a", web="1"))
        await device.plays(60)
        device.sends("vehicleupdate/desiredstate", "b", domains=[{"id": "containers", "components": []}])
        await device.plays(60)
        assert (device.end()[0], device.web) == ("COMPLETED", "")

    play(story, decisions=DECISIONS)
