"""Kanto's checklist of its update manager (update-manager.md §6): topics, envelopes, slices, and how an operation begins."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.controller.operations.conftest import TalkPlay
from tests.controller.operations.talk import ONE, ONE_ACTIVATES, Talk, tell
from tests.virtual import EPOCH_S

from evenkeel.controller.agents.conduct import topic_prefix
from evenkeel.controller.operations.conduct import operations_topics
from evenkeel.specs.operations.conduct import Conduct

SLICE = "containersupdate/desiredstate"


# ── topics ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("domain", "prefix"),
    [
        ("test", "testupdate"),
        ("testupdate", "testupdate"),
        ("test-withdash", "testwithdashupdate"),
        ("test-withdash-update", "testwithdashupdate"),
        ("", "update"),
    ],
)
def test_top_1_to_5_the_prefix_of_a_domain(domain: str, prefix: str) -> None:
    topics = operations_topics(domain)
    assert topics.desired == f"{prefix}/desiredstate"
    assert {topic.partition("/")[0] for topic in topics} == {prefix}


def test_top_6_what_is_heard(tmp_path: Path) -> None:
    """The answers of the owner are heard all the time: no answer is lost because a subscription was late (better)."""
    talk = tell(tmp_path, "wait 1 →")
    assert {topic for topic in talk.link._topics if topic.startswith("vehicle")} == {
        "vehicleupdate/desiredstate",
        "vehicleupdate/desiredstate/command",
        "vehicleupdate/currentstate/get",
        "vehicleupdate/ownerconsentfeedback",
    }
    assert talk.said("containersupdate/currentstate/get")[0].content["activityId"].startswith("initial-current-state-")


def test_top_9_the_agents_are_heard(tmp_path: Path) -> None:
    talk = tell(tmp_path, "wait 1 →")
    assert {topic for topic in talk.link._topics if not topic.startswith("vehicle")} == {
        f"{prefix}/{what}"
        for prefix in ("containersupdate", "selfupdate")
        for what in ("currentstate", "desiredstatefeedback")
    }


def test_top_11_to_13_what_is_published_and_what_of_it_is_retained(tmp_path: Path) -> None:
    """All with QoS 1, as the stage's broker asserts."""
    decisions = Conduct(consent=("DOWNLOAD",))
    talk = tell(
        tmp_path,
        """
        ask c → IDENTIFYING | c slice
        c IDENTIFIED → IDENTIFIED | RUNNING | owner? DOWNLOAD
        owner APPROVED → c DOWNLOAD
        """,
        decisions,
    )
    retained = {each.topic: each.retain for each in (*talk.everything, *talk.link.published)}
    assert retained == {
        "vehicleupdate/currentstate": True,
        "vehicleupdate/desiredstatefeedback": False,
        "vehicleupdate/ownerconsent": False,
        "containersupdate/currentstate/get": False,
        "selfupdate/currentstate/get": False,
        "containersupdate/desiredstate": False,
        "containersupdate/desiredstate/command": False,
    }


# ── envelopes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_env_1_to_2_what_is_around_each_message(tmp_path: Path) -> None:
    talk = tell(tmp_path, ONE)
    for each in (*talk.everything, *talk.link.published):
        assert list(each.content) == ["activityId", "timestamp", "payload"]
        assert each.content["timestamp"] >= EPOCH_S * 1000
        assert (each.content["payload"] is None) == each.topic.endswith("/get")
        assert each.topic.endswith(("/get", "currentstate")) or each.content["activityId"] == "a"


TOPICS = (
    "vehicleupdate/desiredstate/command",
    "vehicleupdate/currentstate/get",
    "vehicleupdate/ownerconsentfeedback",
    "containersupdate/desiredstatefeedback",
    "containersupdate/currentstate",
)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("text", ["", "{no json", "[]", '{"activityId": 1}', '{"payload": "x", "activityId": "a"}'])
def test_env_3_to_4_what_is_no_message_is_passed_over(talk: TalkPlay, topic: str, text: str) -> None:
    """Nothing is answered, and what is at work goes on."""

    async def story(device: Talk) -> None:
        await device.act("ask c")
        reports = len(device.said("vehicleupdate/currentstate"))
        device.link.deliver(topic, text)
        assert await device.act("wait 3") == []
        assert len(device.said("vehicleupdate/currentstate")) == reports
        assert await device.act("c IDENTIFIED") == ["IDENTIFIED", "RUNNING", "c DOWNLOAD"]

    talk(story)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"activityId": "b", "timestamp": "x", "payload": {}}', "timestamp"),
        ('{"activityId": "b", "payload": "x"}', "payload"),
        ('{"activityId": "b", "payload": {"domains": "x"}}', "payload.domains"),
        ('{"activityId": "b", "payload": {"domains": [{"id": "containers"', "line 1"),
    ],
)
def test_env_5_a_desired_state_that_cannot_be_read_is_answered(talk: TalkPlay, text: str, names: str) -> None:
    async def story(device: Talk) -> None:
        device.asks(text)
        await device.plays(1)
        assert device.statuses("b") == ["IDENTIFICATION_FAILED"]
        assert names in device.end()[1]

    talk(story)


def test_env_6_keys_count_in_any_case_and_unknown_ones_are_not_passed_on(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        domain = {"ID": "containers", "Components": [{"Id": "app", "VERSION": "1", "color": "red"}], "size": 1}
        device.asks(json.dumps({"ActivityID": "a", "more": 1, "PAYLOAD": {"Domains": [domain]}}))
        await device.plays(1)
        slices = [each.content["payload"] for each in device.said(SLICE)]
        assert slices == [{"domains": [{"id": "containers", "components": [{"id": "app", "version": "1"}]}]}]

    talk(story)


def test_env_7_a_message_needs_no_time(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        device.asks('{"activityId": "a", "payload": {"domains": [{"id": "containers"}]}}')
        await device.plays(1)
        assert device.statuses("a") == ["IDENTIFYING"]

    talk(story)


BASELINES = [
    {
        "title": "one",
        "description": "d",
        "preconditions": "x=1",
        "components": ["self-update:os", "containers:b", "containers:a"],
    },
    {"title": "two", "components": ["containers:c"]},
    {"title": "three", "components": ["other:a"]},
]
WHOLE = {
    "baselines": BASELINES,
    "domains": [
        {
            "id": "containers",
            "config": [{"key": "k", "value": "v"}],
            "components": [
                {"id": "a", "version": "1", "config": [{"key": "env", "value": "A=1"}, {"key": "env", "value": "B=2"}]},
                {"id": "b"},
                {"id": "c", "version": "2"},
            ],
        },
        {"id": "self-update", "components": [{"id": "os", "version": "3"}]},
    ],
}


def slices(talk: TalkPlay, payload: Any, domain: str = "containers") -> list[Any]:
    """What the agent of a domain gets of a desired state."""
    found: list[Any] = []

    async def story(device: Talk) -> None:
        device.deliver("vehicleupdate/desiredstate", "a", payload)
        await device.plays(1)
        found.extend(device.payloads(f"{topic_prefix(domain)}/desiredstate"))

    talk(story)
    return found


def test_env_8_nothing_of_a_desired_state_is_lost(talk: TalkPlay) -> None:
    assert slices(talk, WHOLE) == [
        {
            "baselines": [{**BASELINES[0], "components": ["containers:b", "containers:a"]}, BASELINES[1]],
            "domains": [WHOLE["domains"][0]],
        }
    ]


# ── slices ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_spl_1_to_4_a_slice_has_one_domain_and_its_part_of_each_baseline(talk: TalkPlay) -> None:
    own = {**BASELINES[0], "components": ["self-update:os"]}
    assert slices(talk, WHOLE, "self-update") == [{"baselines": [own], "domains": [WHOLE["domains"][1]]}]


@pytest.mark.parametrize("payload", [{}, {"domains": []}, {"baselines": BASELINES}])
def test_spl_2_without_domains_there_is_no_slice(talk: TalkPlay, payload: Any) -> None:
    assert slices(talk, payload) == []


def test_spl_5_a_domain_that_stands_twice_is_refused(talk: TalkPlay) -> None:
    assert slices(talk, {"domains": [{"id": "containers"}, {"id": "containers"}]}) == []


def test_spl_6_what_is_empty_is_left_out(talk: TalkPlay) -> None:
    domain = {"id": "containers", "config": [], "components": []}
    assert slices(talk, {"domains": [domain], "baselines": []}) == [{"domains": [{"id": "containers"}]}]


# ── the beginning ──────────────────────────────────────────────────────────────────────────────────────────────────

NOBODY = "INCOMPLETE: no domain of this desired state has an agent here"
STRANGE = "the domain firmware has no agent here, expected one of: `containers`, `self-update`"
OP = {
    "OP-1": "ask c s → IDENTIFYING | c slice | s slice",
    "OP-2": ONE_ACTIVATES,
    "OP-3": f"ask → {NOBODY}",
    "OP-4": f"ask [b] → [b] {NOBODY}",
    "OP-5": f"ask c firmware → IDENTIFYING: {STRANGE} | c slice",
    "OP-6": "ask c → IDENTIFYING | c slice\nwait 60 →",
    "OP-8": f"""{ONE}
        c INCOMPLETE: no → INCOMPLETE: containers: no
        ask [b] c → [b] IDENTIFYING | [b] c slice
        c IDENTIFIED →
    """,
}


@pytest.mark.parametrize("id_", OP)
def test_op_how_an_operation_begins(tmp_path: Path, id_: str) -> None:
    tell(tmp_path, OP[id_])


def test_op_7_a_slice_that_cannot_be_sent_waits(talk: TalkPlay) -> None:
    """The original gives up; here the message is kept until the broker has it (better)."""

    async def story(device: Talk) -> None:
        publish, is_back = device.link.publish, asyncio.Event()

        async def late(*arguments: Any, **more: Any) -> None:
            await is_back.wait()
            await publish(*arguments, **more)

        device.link.publish = late  # type: ignore[method-assign]
        assert await device.act("ask c") == []
        is_back.set()
        assert await device.act("wait 1") == ["IDENTIFYING", "c slice"]

    talk(story)
