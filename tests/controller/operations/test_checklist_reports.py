"""Kanto's checklist of its update manager (update-manager.md §6): the owner, several at once, feedback, inventory, reboot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.controller.operations.conftest import Play, TalkPlay
from tests.controller.operations.device import DECISIONS, Device, demand
from tests.controller.operations.talk import (
    ONE,
    ONE_CLEANS_UP,
    ONE_UPDATES,
    TWO,
    Talk,
    tell,
)
from tests.reconcilers.operations.agents import Agent

from evenkeel.controller.drivers.slots.memory import Bundle
from evenkeel.reconcilers.operations.inventory import aggregated
from evenkeel.reconcilers.operations.telling import feedback
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.operation import DomainPart, Operation, ToldAction

STATE = "vehicleupdate/currentstate"
FEEDBACK = "vehicleupdate/desiredstatefeedback"
ALL = Conduct(consent=("DOWNLOAD", "UPDATE", "ACTIVATE"))
LATER = Conduct(consent=("UPDATE", "ACTIVATE"))

# ── the owner ──────────────────────────────────────────────────────────────────────────────────────────────────────

ASKED = """
ask c        → IDENTIFYING | c slice
c IDENTIFIED → IDENTIFIED | RUNNING | owner? DOWNLOAD
"""
REFUSED = f"""{ONE}
c DOWNLOAD_SUCCESS → RUNNING | owner? UPDATE
owner DENIED → c ROLLBACK
c ROLLBACK_SUCCESS → RUNNING | c CLEANUP
c CLEANUP_SUCCESS → RUNNING
wait 5.1 → INCOMPLETE: the owner answered DENIED to UPDATE
"""
CON: dict[str, tuple[Conduct, str]] = {
    "CON-1": (Conduct(consent=("CLEANUP", "ROLLBACK")), f"{ONE_CLEANS_UP}cancel ROLLBACK →"),
    "CON-2": (Conduct(), ONE_CLEANS_UP),
    "CON-5": (
        ALL,
        f"""{ASKED}
        owner APPROVED → c DOWNLOAD
        c DOWNLOAD_SUCCESS → RUNNING | owner? UPDATE
        owner APPROVED → c UPDATE
        c UPDATE_SUCCESS → RUNNING | owner? ACTIVATE
        owner APPROVED → c ACTIVATE
        c ACTIVATION_SUCCESS → RUNNING | c CLEANUP
        """,
    ),
    "CON-6": (ALL, f"{ASKED}owner MAYBE → c ROLLBACK"),
    "CON-7": (ALL._replace(consent_timeout_s=60.0), f"{ASKED}wait 59 →\nwait 1 → c ROLLBACK"),
    "CON-8": (
        ALL,
        f"""{ASKED}
        owner DENIED → c ROLLBACK
        c ROLLBACK_FAILURE →  RUNNING | c CLEANUP
        c INCOMPLETE → INCOMPLETE: the owner answered DENIED to DOWNLOAD
        """,
    ),
    "CON-9": (LATER, REFUSED),
    "CON-10": (ALL, f"{ASKED}owner [b] APPROVED →\nowner [b] DENIED →\nowner APPROVED → c DOWNLOAD"),
    "CON-11": (
        ALL._replace(consent_timeout_s=3600.0),
        f"{ASKED}wait 3000 →\nowner APPROVED → c DOWNLOAD\nwait 599 →\nwait 1 → c ROLLBACK",
    ),
    "RB-11": (
        LATER,
        f"""{ONE}
        c DOWNLOAD_SUCCESS → RUNNING | owner? UPDATE
        owner APPROVED → c UPDATE
        c UPDATE_SUCCESS → RUNNING | owner? ACTIVATE
        owner DENIED → c ROLLBACK
        c ROLLBACK_SUCCESS → RUNNING | c CLEANUP
        c CLEANUP_SUCCESS → RUNNING
        wait 5.1 → INCOMPLETE: the owner answered DENIED to ACTIVATE
        """,
    ),
    "RB-12": (
        LATER,
        f"""{TWO}
        c DOWNLOAD_SUCCESS → RUNNING
        s DOWNLOAD_SUCCESS → RUNNING | owner? UPDATE
        owner DENIED → c ROLLBACK | s ROLLBACK
        c ROLLBACK_SUCCESS → RUNNING
        s ROLLBACK_SUCCESS → RUNNING | c CLEANUP | s CLEANUP
        c INCOMPLETE → RUNNING
        s INCOMPLETE → INCOMPLETE: the owner answered DENIED to UPDATE
        """,
    ),
}


@pytest.mark.parametrize("id_", CON)
def test_con_questions(tmp_path: Path, id_: str) -> None:
    decisions, story = CON[id_]
    tell(tmp_path, story, decisions)


@pytest.mark.parametrize("many", [1, 2, 10, 1000])
def test_con_12_an_answer_answers_one_question_and_any_number_holds_up_nothing(talk: TalkPlay, many: int) -> None:
    """The original takes the second APPROVED for the next question, and the fourth ends its reading for good."""

    async def story(device: Talk) -> None:
        await device.act("ask c")
        await device.act("c IDENTIFIED")
        for _ in range(many):
            device.deliver("vehicleupdate/ownerconsentfeedback", "a", {"status": "APPROVED"})
        assert await device.act("wait 1") == ["c DOWNLOAD"]
        assert await device.act("c DOWNLOAD_SUCCESS") == ["RUNNING", "owner? UPDATE"]
        assert await device.act("wait 60") == []

    talk(story, decisions=ALL)


# ── several at once ────────────────────────────────────────────────────────────────────────────────────────────────

QUE = {
    "QUE-2": f"""{ONE_CLEANS_UP}
        ask [b] s →
        ask [b] s →
        c COMPLETED → COMPLETED | [b] IDENTIFYING | [b] s slice
        s [b] COMPLETED → [b] IDENTIFIED | [b] COMPLETED
        wait 60 →
    """,
    "QUE-3": """
        ask c s → IDENTIFYING | c slice | s slice
        c IDENTIFICATION_FAILED: no →
        s IDENTIFICATION_FAILED: no → IDENTIFICATION_FAILED: containers: no; self-update: no
        wait 3000 →
    """,
    "QUE-4": f"""
        c IDENTIFIED →
        c [b] COMPLETED →
        {ONE}
        c [b] DOWNLOAD_SUCCESS →
        s DOWNLOAD_SUCCESS →
        c DOWNLOAD_SUCCESS → RUNNING | c UPDATE
    """,
    "INT-3": f"{ONE_UPDATES}c COMPLETED → COMPLETED\n{ONE_UPDATES}c COMPLETED → COMPLETED",
    "INT-4": f"{ONE_UPDATES}ask c → RUNNING\nask c → RUNNING\nc UPDATE_SUCCESS → RUNNING | c ACTIVATE",
}


@pytest.mark.parametrize("id_", QUE)
def test_que_several_at_once(tmp_path: Path, id_: str) -> None:
    tell(tmp_path, QUE[id_])


def test_que_1_a_newer_one_takes_the_place_where_the_settings_say_so(tmp_path: Path) -> None:
    """The original means to refuse the newer one, and never does; the settings have an order of arrival, and this."""
    tell(
        tmp_path,
        f"{ONE}ask [b] s → c ROLLBACK | c CLEANUP | SUPERSEDED: b takes its place | [b] IDENTIFYING | [b] s slice",
        supersedes=True,
    )


# ── feedback ───────────────────────────────────────────────────────────────────────────────────────────────────────

SLOW = 60.0
FB: dict[str, tuple[float, str]] = {
    "FB-1": (SLOW, f"{ONE}c INCOMPLETE: no → INCOMPLETE: containers: no"),
    "FB-2": (SLOW, f"{ONE}c INCOMPLETE: no → INCOMPLETE: containers: no\nwait 300 →"),
    "FB-3": (0.0, "ask c → IDENTIFYING | c slice\nc IDENTIFIED → IDENTIFIED | c DOWNLOAD\nc DOWNLOADING →\nwait 300 →"),
    "FB-4": (SLOW, f"{ONE}c DOWNLOADING →\nwait 30 →\nc DOWNLOAD_SUCCESS → c UPDATE\nwait 29 →\nwait 1 → RUNNING\nwait 100 →"),
    "FB-5": (SLOW, f"""{ONE}
        c DOWNLOADING →
        wait 60 → RUNNING
        wait 60 →
        c DOWNLOADING →
        c DOWNLOAD_SUCCESS → RUNNING | c UPDATE
    """),
    "FB-6": (SLOW, f"{ONE}c COMPLETED → COMPLETED\n{ONE}wait 300 →"),
    "FB-9": (SLOW, f"""{ONE}
        c DOWNLOADING →
        wait 660 → RUNNING | c ROLLBACK | c CLEANUP
        wait 610 → INCOMPLETE: containers: no answer to DOWNLOAD within 600 s
        ask [b] c → [b] IDENTIFYING | [b] c slice
        wait 300 →
    """),
    "FB-10": (SLOW, """
        ask c → IDENTIFYING | c slice
        c IDENTIFICATION_FAILED: disk 100% full %s %d → IDENTIFICATION_FAILED: containers: disk 100% full %s %d
    """),
}  # fmt: skip


@pytest.mark.parametrize("id_", FB)
def test_fb_feedback_of_an_operation(tmp_path: Path, id_: str) -> None:
    every_s, story = FB[id_]
    tell(tmp_path, story, running_every_s=every_s)


@pytest.mark.parametrize(
    ("told", "passed"),
    [
        ("ACTIVATING", "UPDATING"),
        ("ACTIVATION_SUCCESS", "UPDATE_SUCCESS"),
        ("ACTIVATION_FAILURE", "UPDATE_FAILURE"),
        *(
            (status, status)
            for status in (
                *("IDENTIFIED", "DOWNLOADING", "DOWNLOAD_FAILURE", "DOWNLOAD_SUCCESS", "UPDATING", "UPDATE_FAILURE"),
                *("UPDATE_SUCCESS", "REMOVING", "REMOVAL_FAILURE", "REMOVAL_SUCCESS", "UPDATED", ""),
            )
        ),
    ],
)
def test_fb_7_words_for_actions(told: str, passed: str) -> None:
    part = DomainPart("c", b"{}", actions=(ToldAction("c:app", "2", told, 40, "half"),))
    action = feedback(Operation("a", "", (), (part,)), "RUNNING").actions[0]
    assert (action.status, action.progress, action.message) == (passed, 40, "half")
    assert (action.component.id, action.component.version) == ("c:app", "2")


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ("INCOMPLETE_INCONSISTENT", "INCOMPLETE"),
        ("INCOMPLETE", "INCOMPLETE"),
        ("COMPLETED", "COMPLETED"),
        ("COMPLETE", "COMPLETED"),
    ],
)
def test_fb_8_an_inconsistent_end_is_incomplete(talk: TalkPlay, told: str, end: str) -> None:
    async def story(device: Talk) -> None:
        for line in ("ask c", "c IDENTIFIED", f"c {told}"):
            await device.act(line)
        assert device.end()[0] == end

    talk(story)


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
        assert reports(device)[-1] == "r 1"

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
