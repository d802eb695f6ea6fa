"""One desired state over the operating system, containers and other control units, from message to message."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.controller.operations.conftest import Play
from tests.controller.operations.device import DECISIONS, Device, demand
from tests.reconcilers.operations.agents import Agent

from evenkeel.controller.drivers.slots.memory import Bundle
from evenkeel.specs.preconditions.source import TopicSource
from evenkeel.templates.operation_text import operation_lines, operation_value


def test_containers_alone(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("a", web="1"))
        await device.plays(60)
        assert device.statuses("a") == ["IDENTIFYING", "IDENTIFIED", "RUNNING", "COMPLETED"]
        assert device.web == "web:1"

    play(story)


def test_the_system_boots_before_containers_are_touched_and_all_end_well(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("a", web="1"))
        await device.plays(60)
        device.asks(demand("b", os="2", web="2", others={"safety-ecu": "2"}))
        await device.plays(600)
        assert (device.end(), device.os, device.web) == (("COMPLETED", ""), "2", "web:2")
        assert device.others["safety-ecu"].runs == "2"

    play(story, Agent("safety-ecu"))


async def begun(device: Device) -> None:
    """Version 1 of everything runs."""
    device.asks(demand("a", web="1"))
    await device.plays(60)
    assert (device.os, device.web) == ("1", "web:1")


def test_a_container_that_does_not_stay_up_on_the_new_system_takes_both_back(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.breaks("2")
        device.asks(demand("b", os="2", web="2"))
        await device.plays(900)
        assert device.end()[0] == "INCOMPLETE"
        assert "containers" in device.end()[1]
        assert (device.os, device.web) == ("1", "web:1")

    play(story)


def test_a_system_that_does_not_boot_leaves_containers_untouched(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.world.served["https://updates.example/v2.raucb"] = Bundle("2", boots=False)
        before = device.containers.running()
        device.asks(demand("b", os="2", web="2"))
        await device.plays(900)
        assert device.end()[0] == "INCOMPLETE"
        assert "self-update:os-image is 1" in device.end()[1]
        assert (device.os, device.containers.running()) == ("1", before)

    play(story)


def test_another_control_unit_that_refuses_takes_all_back(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.asks(demand("b", os="2", web="2", others={"safety-ecu": "2"}))
        await device.plays(900)
        assert device.end() == ("INCOMPLETE", "safety-ecu: ACTIVATE went wrong")
        assert (device.os, device.web, device.others["safety-ecu"].runs) == ("1", "web:1", "1")

    play(story, Agent("safety-ecu", fails="ACTIVATE"))


# ── the owner ──────────────────────────────────────────────────────────────────────────────────────────────────────

ASKS = DECISIONS._replace(consent=("DOWNLOAD", "UPDATE", "ACTIVATE"))
QUESTION, ANSWER = "vehicleupdate/ownerconsent", "vehicleupdate/ownerconsentfeedback"


def questions(device: Device) -> list[str]:
    return [each.content["payload"]["command"] for each in device.said(QUESTION)]


@pytest.mark.parametrize("refused", ["DOWNLOAD", "UPDATE", "ACTIVATE"])
def test_a_refusal_of_the_owner_takes_all_back(play: Play, refused: str) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("b", web="2"))
        for command in ("DOWNLOAD", "UPDATE", "ACTIVATE"):
            await device.plays(30)
            assert questions(device)[-1] == command
            device.sends(ANSWER, "b", status="APPROVED" if command != refused else "DENIED", number=command)
            if command == refused:
                break
        await device.plays(100)
        assert device.end() == ("INCOMPLETE", f"the owner answered DENIED to {refused}")
        assert device.web == ""
        assert questions(device)[-1] == refused

    play(story, decisions=ASKS)


def test_the_same_answer_twice_answers_one_question(play: Play) -> None:
    """B-13."""

    async def story(device: Device) -> None:
        device.asks(demand("b", web="2"))
        await device.plays(30)
        device.sends(ANSWER, "b", status="APPROVED")
        device.sends(ANSWER, "b", status="APPROVED")
        await device.plays(60)
        device.sends(ANSWER, "b", status="APPROVED")
        await device.plays(60)
        assert questions(device) == ["DOWNLOAD", "UPDATE"]
        assert device.statuses("b")[-1] == "RUNNING"

    play(story, decisions=ASKS)


def test_a_question_outlives_the_phase_and_a_restart_and_ends_by_its_own_time(play: Play) -> None:
    """B-11: the clock of the phase stands still."""

    async def story(device: Device) -> None:
        device.asks(demand("b", web="2"))
        await device.plays(700)
        await device.restarts()
        await device.plays(700)
        assert questions(device) == ["DOWNLOAD", "DOWNLOAD"]
        assert device.statuses("b")[-1] == "RUNNING"
        await device.plays(1200)
        assert device.end() == ("INCOMPLETE", "the owner did not answer within 1800 s")
        device.sends(ANSWER, "b", status="APPROVED")
        await device.plays(60)
        assert device.end()[0] == "INCOMPLETE"
        assert device.web == ""

    play(story, decisions=ASKS)


# ── several at once ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_again_while_it_is_at_work_changes_nothing_and_is_answered(play: Play) -> None:
    """Leda's own test sends it every three seconds (INT-4)."""

    async def story(device: Device) -> None:
        for _ in range(20):
            device.asks(demand("b", os="2", web="2"))
            await device.plays(3)
        await device.plays(600)
        assert device.statuses("b") == ["IDENTIFYING", "IDENTIFIED", "RUNNING", "COMPLETED"]
        assert (device.os, device.web) == ("2", "web:2")

    play(story)


def test_another_one_waits_for_the_end_also_over_a_restart(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("b", os="2"))
        await device.plays(20)
        device.asks(demand("c", web="2"))
        device.asks(demand("c", web="2"))
        await device.plays(5)
        assert device.statuses("c") == []
        await device.restarts()
        await device.plays(900)
        assert device.statuses("b")[-1] == device.statuses("c")[-1] == "COMPLETED"
        assert device.statuses("c").count("IDENTIFYING") == 1
        assert (device.os, device.web) == ("2", "web:2")

    play(story)


def test_another_one_takes_the_place_where_the_settings_say_so(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("b", web="1", others={"safety-ecu": "2"}))
        await device.plays(2)
        device.asks(demand("c", web="2"))
        await device.plays(300)
        assert device.statuses("b")[-1] == "SUPERSEDED"
        assert device.statuses("c")[-1] == "COMPLETED"
        assert device.web == "web:2"
        assert device.others["safety-ecu"].runs == "1"

    play(story, Agent("safety-ecu", "evenkeel", silent="DOWNLOAD"), supersedes=True)


@pytest.mark.parametrize("command", ["ROLLBACK", "CLEANUP"])
def test_a_cancel_from_outside_takes_all_back(play: Play, command: str) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.asks(demand("b", os="2", web="2"))
        await device.plays(25)
        device.sends("vehicleupdate/desiredstate/command", "other", command=command)
        device.sends("vehicleupdate/desiredstate/command", "b", command=command)
        await device.plays(600)
        assert device.end() == ("INCOMPLETE", f"it was cancelled by {command}")
        assert (device.os, device.web) == ("1", "web:1")

    play(story)


# ── bad input ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"domains": "x"}, "`payload.domains`"),
        ({"domains": [None]}, "domains"),
        ({"domains": [{"id": "containers"}, {"id": "containers"}]}, "the domain containers stands at"),
        ({"domains": [{"id": "containers", "components": [{"id": "a", "version": 1}]}]}, "version"),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_place(play: Play, payload: object, text: str) -> None:
    async def story(device: Device) -> None:
        device.asks(json.dumps({"activityId": "b", "timestamp": 1, "payload": payload}))
        await device.plays(10)
        assert device.end()[0] == "IDENTIFICATION_FAILED"
        assert text.strip("`") in device.end()[1]

    play(story)


def test_a_domain_without_an_agent_is_named_and_passed_over(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("b", web="2", others={"container": "1"}))
        await device.plays(100)
        assert device.end() == ("COMPLETED", "the domain container has no agent here, did you mean `containers`?")

    play(story)


def test_a_domain_without_an_agent_is_refused_where_the_settings_say_so(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("b", web="2", others={"firmware": "1"}))
        await device.plays(100)
        assert device.end() == (
            "IDENTIFICATION_FAILED",
            "the domain firmware has no agent here, expected one of: `containers`, `self-update`",
        )
        assert device.web == ""

    play(story, decisions=DECISIONS._replace(unknown_domains="fail"))


@pytest.mark.parametrize("payload", [{}, {"domains": []}, {"domains": [{"id": "firmware"}]}])
def test_nothing_for_anybody_ends_under_its_own_name(play: Play, payload: object) -> None:
    """B-08: the original's answer names no activity."""

    async def story(device: Device) -> None:
        device.asks(json.dumps({"activityId": "b", "timestamp": 1, "payload": payload}))
        await device.plays(60)
        assert device.statuses("b") == ["INCOMPLETE"]
        assert device.said("vehicleupdate/currentstate")[-1].content["activityId"] == "b"

    play(story)


# ── agents that are away ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_agent_that_was_away_is_asked_again_when_it_is_back(play: Play) -> None:
    async def story(device: Device) -> None:
        device.is_away = True
        device.asks(demand("b", web="2", others={"safety-ecu": "2"}))
        await device.plays(60)
        assert device.statuses("b")[-1] == "IDENTIFYING"
        device.is_away = False
        device.reports(device.others["safety-ecu"], "initial-current-state-1")
        await device.plays(100)
        assert device.end()[0] == "COMPLETED"
        assert device.others["safety-ecu"].runs == "2"

    play(story, Agent("safety-ecu", "kanto"))


def test_an_agent_that_stays_away_is_named(play: Play) -> None:
    async def story(device: Device) -> None:
        device.is_away = True
        device.sends("vehicleupdate/currentstate/get", "q")
        await device.plays(40)
        reachable = device.journal.condition("AgentReachable", "safety-ecu")
        assert reachable is not None
        assert (reachable.holds, reachable.message) == (False, "the agent of safety-ecu did not answer within 30 s")
        device.asks(demand("b", web="2", others={"safety-ecu": "2"}))
        await device.plays(700)
        assert device.end() == (
            "IDENTIFICATION_FAILED",
            "safety-ecu: its agent did not answer within 600 s",
        )
        assert device.web == ""

    play(story, Agent("safety-ecu"))


# ── the current state ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_current_state_of_all_is_one_report_and_retained(play: Play) -> None:
    async def story(device: Device) -> None:
        first = device.said("vehicleupdate/currentstate")
        assert first[-1].content["activityId"].startswith("initial-current-state-")
        await begun(device)
        assert device.said("vehicleupdate/currentstate")[-1].content["activityId"] == "a"
        device.sends("vehicleupdate/currentstate/get", "q")
        await device.plays(2)
        report = device.said("vehicleupdate/currentstate")[-1]
        assert (report.content["activityId"], report.retain) == ("q", True)
        nodes = [each["id"] for each in report.content["payload"]["softwareNodes"]]
        assert nodes == [
            "vehicle-update-manager", "self-update-agent", "self-update:os-image", "containers-update-agent",
            "containers:web", "safety-ecu-agent", "safety-ecu:app",
        ]  # fmt: skip
        links = [(each["sourceId"], each["targetId"]) for each in report.content["payload"]["associations"]]
        assert ("vehicle-update-manager", "safety-ecu-agent") in links

    play(story, Agent("safety-ecu"))


def test_news_of_agents_are_one_report_after_a_while(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        count = len(device.said("vehicleupdate/currentstate"))
        device.others["safety-ecu"].runs = "7"
        device.reports(device.others["safety-ecu"], "")
        device.reports(device.others["safety-ecu"], "")
        await device.plays(29)
        assert len(device.said("vehicleupdate/currentstate")) == count
        await device.plays(5)
        report = device.said("vehicleupdate/currentstate")[-1]
        assert len(device.said("vehicleupdate/currentstate")) == count + 1
        assert report.content["activityId"] == ""

    play(story, Agent("safety-ecu"))


# ── for people ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_status_tells_how_far_it_is_and_what_is_waited_for(play: Play, snapshot: SnapshotAssertion) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("b", os="2", web="2"))
        await device.plays(30)
        asked = device.journal.operations.newest()
        assert asked is not None
        device.sends(ANSWER, "b", status="APPROVED")
        await device.plays(40)
        later = device.journal.operations.newest()
        assert later is not None
        assert [*operation_lines(asked), *operation_lines(later), operation_value(later)] == snapshot

    play(story, decisions=DECISIONS._replace(consent=("UPDATE",)))


# ── preconditions ──────────────────────────────────────────────────────────────────────────────────────────────────

PARKED = {"vehicle.parked": TopicSource("vehicle/parked", None, timedelta(seconds=30))}


def conditioned(activity: str, condition: str = "vehicle.parked == true") -> str:
    """A desired state with a baseline that has preconditions, and one that has none."""
    text = demand(
        activity, web="2", others={"safety-ecu": "2"}, baselines={"a": ["containers:web"], "b": ["safety-ecu:app"]}
    )
    message = json.loads(text)
    message["payload"]["baselines"][0]["preconditions"] = condition
    return json.dumps(message)


def test_a_baseline_waits_for_its_preconditions_and_says_why_and_others_go_on(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(conditioned("b"))
        await device.plays(60)
        reasons = [each.content["payload"].get("message", "") for each in device.said()]
        assert any("`a` waits for its preconditions: " in each and "vehicle.parked" in each for each in reasons)
        assert (device.web, device.others["safety-ecu"].runs) == ("", "2")
        device.link.deliver("vehicle/parked", "false")
        await device.plays(10)
        assert device.web == ""
        device.link.deliver("vehicle/parked", "true")
        await device.plays(60)
        assert (device.end()[0], device.web) == ("COMPLETED", "web:2")

    play(story, Agent("safety-ecu"), values=PARKED)


def test_preconditions_that_cannot_be_read_never_hold_and_are_told_with_their_place(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(conditioned("b", "vehicle.parked =="))
        await device.plays(60)
        assert device.web == ""
        reasons = [each.content["payload"].get("message", "") for each in device.said()]
        assert any("cannot be read" in each for each in reasons)
        device.sends("vehicleupdate/desiredstate/command", "b", command="ROLLBACK")
        await device.plays(60)
        assert device.end()[0] == "INCOMPLETE"

    play(story, Agent("safety-ecu"), values=PARKED)
