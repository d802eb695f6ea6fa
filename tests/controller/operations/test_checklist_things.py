"""Kanto's checklist of its update manager (update-manager.md §6.14): its backend over Things."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.controller.operations.device import played
from tests.controller.operations.talk import ONE, PREFIXES
from tests.controller.operations.thing import COMMAND, Thing
from tests.virtual import EPOCH_S, run

from evenkeel.specs.operations.conduct import Conduct

Play = Callable[..., None]
ASKS = Conduct(consent=("DOWNLOAD", "UPDATE"))
LIVE, TWIN = "edge/device/things/live/messages", "edge/device/things/twin/commands/modify"
BEGINS = ["204", "IDENTIFYING", "c slice"]
GOES_ON = ["IDENTIFIED", "RUNNING", "c DOWNLOAD"]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Play a story on a device whose backend uses Things; `connector`: whether there is an edge connector."""

    def device(connector: bool, settings: dict[str, Any]) -> Thing:
        found = Thing(tmp_path, **settings)
        found.connector = connector
        return found

    return lambda story, connector=True, **settings: played(story, lambda: device(connector, settings))


async def says(device: Thing, *lines: str) -> None:
    """Lines of a story, as those of `talk`."""
    for line in lines:
        what, _, expected = (part.strip() for part in line.partition("→"))
        said = " | ".join(await device.act(what))
        assert said == expected, f"{what} → {said}"


# ── the connection ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_thg_1_the_feature_is_registered_once_and_before_anything_is_told_in_its_name(play: Play) -> None:
    """A registration that cannot be sent waits, and the rest behind it (better: the original gives up)."""

    async def story(device: Thing) -> None:
        await says(device, "ask c →", "wait 1 →")
        publish, is_back = device.link.publish, asyncio.Event()

        async def late(topic: str, payload: bytes, **more: Any) -> None:
            await (is_back.wait() if topic == "e" else asyncio.sleep(0))
            await publish(topic, payload, **more)

        device.link.publish = late  # type: ignore[method-assign]
        await says(device, "edge edge:device →", "edge edge:device →", "wait 5 →")
        is_back.set()
        await says(device, "wait 1 → +edge/device | 204 | IDENTIFYING | c slice", "edge edge:device →")
        assert [each["path"] for each in device.events("")[:2]] == [
            "/features/UpdateManager",
            "/features/UpdateManager/outbox/messages/feedback",
        ]

    play(story, connector=False)


def test_thg_2_what_the_feature_tells(play: Play) -> None:
    """The examples of update-manager.md §8.10."""

    async def story(device: Thing) -> None:
        await says(device, "ask c → 204 | IDENTIFYING | c slice")
        await says(device, "c IDENTIFIED → IDENTIFIED | RUNNING | owner? DOWNLOAD")
        assert device.events("UpdateManager") == [
            {
                "topic": TWIN,
                "headers": {"response-required": False},
                "path": "/features/UpdateManager",
                "value": {
                    "definition": ["com.bosch.iot.suite.edge.update:UpdateManager:1.0.0"],
                    "properties": {"domain": "vehicle"},
                },
            }
        ]
        (state,), feedback = device.events("/properties"), device.events("/feedback")[0]
        named = state["value"].pop("activityId")
        assert named.startswith("initial-current-state-")
        assert state["value"].pop("timestamp") >= EPOCH_S * 1000
        assert [node["id"] for node in state["value"].pop("inventory")["softwareNodes"]][:2] == [
            "vehicle-update-manager",
            "containers-agent",
        ]
        headers = {"content-type": "application/json", "response-required": False}
        path = "/features/UpdateManager/properties"
        assert state == {"topic": TWIN, "headers": headers, "path": path, "value": {"domain": "vehicle"}}
        assert feedback["value"].pop("timestamp") >= EPOCH_S * 1000
        assert feedback == {
            "topic": f"{LIVE}/feedback",
            "headers": headers,
            "path": "/features/UpdateManager/outbox/messages/feedback",
            "value": {"activityId": "a", "desiredStateFeedback": {"status": "IDENTIFYING"}},
        }
        (question,) = device.events("/consent")
        assert question["value"].pop("timestamp") >= EPOCH_S * 1000
        assert len(question["headers"].pop("correlation-id")) == 36
        assert question == {
            "topic": f"{LIVE}/consent",
            "headers": {**headers, "response-required": True},
            "path": "/features/UpdateManager/outbox/messages/consent",
            "value": {"activityId": "a", "ownerConsent": {"command": "DOWNLOAD"}},
        }
        assert not any(each.retain for each in device.said("e"))
        assert {topic for topic in {each.topic for each in device.link.published} if "vehicle" in topic} == set()

    play(story, decisions=ASKS)


def test_thg_2_what_is_told_waits_for_the_connector_also_over_a_restart(play: Play) -> None:
    """The original drops it without a word (better)."""

    async def story(device: Thing) -> None:
        await says(device, "ask c → 204 | IDENTIFYING | c slice")
        device.connector = False
        await says(device, "reconnect → edge?", "c IDENTIFIED → c DOWNLOAD", "restart → c DOWNLOAD | edge?")
        device.thing = "edge:other"
        await says(device, "edge edge:other → +edge/other | IDENTIFIED | RUNNING")
        told = [each["topic"].partition("/things")[0] for each in device.events("/feedback")]
        assert told == ["edge/device", "edge/other", "edge/other"]

    play(story)


# ── requests ───────────────────────────────────────────────────────────────────────────────────────────────────────

DESIRED = {"domains": [{"id": "containers", "components": [{"id": "app", "version": "2"}]}]}
OURS = "/features/UpdateManager/inbox/messages/"
REFUSED = {
    "apply without anything": ("apply", None, {}, "value: expected a mapping with `activityId` and `desiredState`"),
    "apply a text": ("apply", "str", {}, "value: expected a mapping with `activityId` and `desiredState`, got a text"),
    "apply without desired state": ("apply", {"activityId": "b"}, {}, "value.desiredState: is missing"),
    "apply null": ("apply", {"desiredState": None}, {}, "value.desiredState: is missing"),
    "apply a list": ("apply", {"desiredState": []}, {}, "value.desiredState: expected a mapping, got a list"),
    "apply for a number": ("apply", {"activityId": 1, "desiredState": {}}, {}, "value.activityId: expected a text"),
    "apply at a text": (
        "apply",
        {"timestamp": "x", "desiredState": {}},
        {},
        "value.timestamp: expected a whole number",
    ),
    "refresh a text": ("refresh", "x", {}, "value: expected a mapping with `activityId`, got a text"),
    "refresh for a list": ("refresh", {"activityId": []}, {}, "value.activityId: expected a text, got a list"),
    "consent null": ("consent", {"ownerConsentFeedback": None}, {}, "value.ownerConsentFeedback: is missing"),
    "consent a text": ("consent", {"ownerConsentFeedback": "x"}, {}, "value.ownerConsentFeedback: expected a mapping"),
    "consent without status": (
        "consent",
        {"ownerConsentFeedback": {}},
        {},
        "value.ownerConsentFeedback.status: expected",
    ),
    "consent to nothing": ("consent", {"ownerConsentFeedback": {"status": "APPROVED"}}, {}, "no question to the owner"),
    "another message": ("aply", {}, {}, "path: expected a message of UpdateManager, got a text"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_thg_3_a_request_that_is_none_is_answered_with_the_reason(play: Play, name: str) -> None:
    subject, value, envelope, why = REFUSED[name]

    async def story(device: Thing) -> None:
        device.said_now.clear()
        device.request(subject, value, **envelope)
        await device.plays(0.02)
        (said,) = device.said_now
        assert said.startswith(f"400: {why}")
        reply = device.said(f"command///res/r{device.requests}/400")[0].content
        assert reply == {
            "topic": f"{LIVE}/{subject}",
            "headers": {"content-type": "application/json", "correlation-id": "c-1", "response-required": False},
            "path": f"/features/UpdateManager/outbox/messages/{subject}",
            "value": {"error": "messages:parameter.invalid", "status": 400, "message": said.removeprefix("400: ")},
            "status": 400,
        }
        (told,) = device.ignored()
        assert why in told
        assert await device.act("ask c") == BEGINS, "all goes on"

    play(story)


def test_thg_3_requests_that_are_taken(play: Play) -> None:
    async def story(device: Thing) -> None:
        await says(device, "refresh q → 204", "ask c → 204 | IDENTIFYING | c slice")
        assert device.states()[1:] == ["q"]
        assert device.said("command///res/r1/204")[0].content == {
            "topic": f"{LIVE}/refresh",
            "headers": {"correlation-id": "c-1", "response-required": False},
            "path": "/features/UpdateManager/outbox/messages/refresh",
            "status": 204,
        }
        device.request("refresh", None, headers={"response-required": False})
        await device.plays(1)
        assert (device.states()[2:], device.said("command///res/r3/204")) == ([""], [])

    play(story)


def test_thg_3_a_desired_state_that_cannot_be_followed_is_refused_twice(play: Play) -> None:
    """By its answer, which the original gives alone, and by feedback, for a backend that wants no answer."""

    async def story(device: Thing) -> None:
        device.said_now.clear()
        device.request("apply", {"activityId": "b", "desiredState": {"domains": "x"}})
        await device.plays(1)
        refused, told = device.said_now
        assert refused.startswith("400: ")
        assert told.startswith("[b] IDENTIFICATION_FAILED: ")
        assert "payload.domains" in refused
        assert "payload.domains" in told

    play(story)


OTHERS: dict[str, dict[str, Any]] = {
    "another thing": {"topic": "edge/other/things/live/messages/apply"},
    "another feature": {"path": "/features/ContainerFactory/inbox/messages/create"},
    "no message": {"topic": "edge/device/things/twin/events/modified"},
}


@pytest.mark.parametrize("name", OTHERS)
def test_thg_3_what_is_for_others_is_told_in_the_log_alone(
    play: Play, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(device: Thing) -> None:
        device.said_now.clear()
        device.request("apply", {"activityId": "b", "desiredState": DESIRED}, **OTHERS[name])
        await device.plays(1)
        assert (device.said_now, device.ignored()) == ([], [])

    with caplog.at_level("INFO", "evenkeel.controller.operations.things"):
        play(story)
    logged = [record.message for record in caplog.records]
    assert logged.count("command is for another thing or feature") == 1


NONE = {
    "": "the message is empty",
    "{no json": "no valid JSON",
    "[]": "expected a mapping with `topic`, `headers` and `path`, got a list",
    "null": "expected a mapping with `topic`, `headers` and `path`, got nothing",
    '"x"': "got a text",
    "{}": "topic: expected a text, got nothing",
    '{"topic": 1, "path": "/x"}': "topic: expected a text, got the number 1",
    '{"topic": "a/b/things/live/messages/x", "path": null}': "path: expected a text, got nothing",
    '{"topic": "x", "path": "/x", "headers": []}': "headers: expected a mapping, got a list",
    '{"topic": "x", "path": "/x", "headers": {"correlation-id": 5}}': "headers.correlation-id: expected a text",
}


@pytest.mark.parametrize("text", NONE)
def test_thg_3_what_is_no_message_is_told_and_ends_nothing(play: Play, text: str) -> None:
    """The original ends on some of them (B-01)."""

    async def story(device: Thing) -> None:
        device.link.deliver(f"{COMMAND}/r9/apply", text)
        await device.plays(0.02)
        (told,) = device.ignored()
        assert told.startswith(f"{COMMAND}/r9/apply: ")
        assert NONE[text] in told
        assert await device.act("ask c") == BEGINS

    play(story)


def test_thg_3_topics_of_another_form_and_requests_that_nobody_can_be_answered(play: Play) -> None:
    async def story(device: Thing) -> None:
        whole = {"topic": f"{LIVE}/refresh", "path": f"{OURS}refresh", "headers": {"response-required": True}}
        for topic in (f"{COMMAND}/r1", f"{COMMAND}/r1/refresh/more"):
            device.link.deliver(topic, json.dumps(whole))
        await device.plays(1)
        assert ["expected a topic" in told for told in device.ignored()] == [True, True]
        device.link.deliver(f"{COMMAND}//refresh", json.dumps(whole))
        await device.plays(1)
        assert device.states()[1:] == [""]
        assert not any(each.topic.startswith("command") for each in device.link.published)

    play(story)


def test_thg_3_keys_and_headers_count_in_any_case(play: Play) -> None:
    async def story(device: Thing) -> None:
        value = {"ActivityId": "q"}
        headers = {"Correlation-ID": "c", "Response-Required": True}
        whole = {"TOPIC": f"{LIVE}/refresh", "Path": f"{OURS}refresh", "Headers": headers, "Value": value}
        device.link.deliver(f"{COMMAND}/r1/refresh", json.dumps(whole))
        await device.plays(1)
        assert device.states()[1:] == ["q"]
        assert device.said("command///res/r1/204")[0].content["headers"]["correlation-id"] == "c"

    play(story)


# ── the owner ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_thg_4_an_answer_without_a_question_is_refused(play: Play) -> None:
    async def story(device: Thing) -> None:
        no = "400: no question to the owner is open"
        await says(device, f"owner APPROVED → {no}", "ask c → 204 | IDENTIFYING | c slice", f"owner APPROVED → {no}")
        await says(device, f"c IDENTIFIED → {' | '.join(GOES_ON)}")

    play(story)


def test_thg_7_a_question_has_one_answer_which_names_it(play: Play) -> None:
    """Also after a restart in between. A duplicate does not answer the next question (B-13)."""

    async def story(device: Thing) -> None:
        await says(device, "ask c → 204 | IDENTIFYING | c slice")
        await says(device, "c IDENTIFIED → IDENTIFIED | RUNNING | owner? DOWNLOAD")
        await says(device, "reconnect → edge? | +edge/device")
        first, other = device.correlation, "400: the correlation-id is not that of the open question"
        device.correlation = "wrong"
        await says(device, f"owner APPROVED → {other}")
        device.correlation = first
        again = "owner? DOWNLOAD"
        await says(device, f"restart → {other} | edge? | +edge/device | {again}")
        assert device.correlation == first, "it is the same question"
        await says(device, "owner APPROVED → c DOWNLOAD | 204")
        await says(device, "c DOWNLOAD_SUCCESS → RUNNING | owner? UPDATE")
        second, device.correlation = device.correlation, first
        await says(device, f"owner APPROVED → {other}")
        device.correlation = second
        await says(device, "owner DENIED → c ROLLBACK | 204")

    play(story, decisions=ASKS)


def test_thg_7_an_answer_for_another_operation_is_refused(play: Play) -> None:
    async def story(device: Thing) -> None:
        await says(device, "ask c → 204 | IDENTIFYING | c slice")
        await says(device, "c IDENTIFIED → IDENTIFIED | RUNNING | owner? DOWNLOAD")
        device.said_now.clear()
        value = {"activityId": "b", "ownerConsentFeedback": {"status": "APPROVED"}}
        device.request("consent", value, device.correlation)
        await device.plays(1)
        assert device.said_now == ["400: APPROVED for b answers no open question"]
        await says(device, "owner APPROVED → c DOWNLOAD | 204")

    play(story, decisions=ASKS)


# ── the edge connector ─────────────────────────────────────────────────────────────────────────────────────────────


def test_thg_5_the_connector_is_asked_and_asked_again(play: Play) -> None:
    """Better: the original asks once for each connection."""

    async def story(device: Thing) -> None:
        assert {topic for topic in device.link._topics if "update" not in topic} == {
            "edge/thing/response",
            "command///req/#",
        }
        assert [each.content for each in device.said("edge/thing/request")] == [None]
        assert device.journal.condition("ConnectorReachable") is None
        await says(device, "wait 61 → edge? | edge?")
        condition = device.journal.condition("ConnectorReachable")
        assert condition is not None
        assert (condition.holds, condition.reason) == (False, "Silent")
        device.connector = True
        await says(device, "wait 30 → edge? | +edge/device", "wait 100 →")
        condition = device.journal.condition("ConnectorReachable")
        assert condition is not None
        assert (condition.holds, condition.message) == (True, "the thing is edge:device")

    play(story, connector=False)


def test_thg_6_ids_that_change_are_another_registration(play: Play) -> None:
    async def story(device: Thing) -> None:
        assert len(device.states()) == 1
        await says(device, "edge edge:device →")
        assert len(device.states()) == 1
        await says(device, "ask c → 204 | IDENTIFYING | c slice")
        await says(device, "c IDENTIFIED → IDENTIFIED | RUNNING | owner? DOWNLOAD")
        before = device.correlation
        device.thing = "ns:other:x"
        await says(device, "edge ns:other:x → +ns/other:x | owner? DOWNLOAD")
        assert len(device.states()) == 2
        assert device.events("/properties")[-1]["topic"] == "ns/other:x/things/twin/commands/modify"
        assert device.correlation == before, "it is the same question"
        await says(device, "owner APPROVED → c DOWNLOAD | 204")
        device.edge("ns:other:x", tenantId="t2")
        await says(device, "wait 1 → +ns/other:x")

    play(story, decisions=ASKS)


def test_thg_6_an_answer_that_the_broker_has_kept_is_not_the_last_word(tmp_path: Path) -> None:
    """It comes before the subscriptions are in force, and the connector may be gone."""

    async def story() -> None:
        device, is_up = Thing(tmp_path), asyncio.Event()

        async def connections() -> AsyncIterator[bool]:
            await is_up.wait()
            yield True
            await asyncio.sleep(1e6)

        device.link.connections = connections  # type: ignore[method-assign]
        device.connector = False
        await device.starts()
        try:
            await says(device, "edge edge:device → +edge/device")
            is_up.set()
            await says(
                device, "wait 1 → edge?", "ask c →", "edge edge:device → +edge/device | 204 | IDENTIFYING | c slice"
            )
            await says(device, "wait 100 →")
        finally:
            await device.dies()

    run(story())


WRONG = {
    "": "the message is empty",
    "no json": "no valid JSON",
    "[]": "expected a mapping with `deviceId`, `tenantId` and `policyId`, got a list",
    "null": "expected a mapping with `deviceId`, `tenantId` and `policyId`, got nothing",
    "{}": "deviceId: is missing; the id of a thing is `namespace:name`",
    '{"deviceId": 5}': "deviceId: expected a text, got the number 5",
    '{"deviceId": "nocolon"}': "deviceId: expected the id of a thing, got the text `nocolon`",
    '{"deviceId": "a:b/c"}': "deviceId: expected the id of a thing",
    '{"deviceId": "a:"}': "deviceId: expected the id of a thing",
    '{"deviceId": "a:b", "tenantId": []}': "tenantId: expected a text, got a list",
}


@pytest.mark.parametrize("text", WRONG)
def test_thg_6_an_answer_that_is_none_is_an_error_with_its_place(play: Play, text: str) -> None:
    """The original works under the thing `:`, or not at all, and tells nobody."""

    async def story(device: Thing) -> None:
        device.link.deliver("edge/thing/response", text)
        await device.plays(0.1)
        condition, (told,) = device.journal.condition("ConnectorReachable"), device.ignored()
        assert condition is not None
        assert (condition.holds, condition.reason) == (False, "Invalid")
        assert told.startswith("edge/thing/response: edge/thing/response: ")
        assert WRONG[text] in told
        assert WRONG[text] in condition.message
        await says(device, "edge edge:device → +edge/device")
        device.link.deliver("edge/thing/response", text)
        assert await device.act("ask c") == BEGINS, "the ids that were right still count"

    play(story, connector=False)


def test_thg_6_requests_before_the_answer_of_the_connector_wait_for_it(play: Play) -> None:
    """The broker keeps what comes while evenkeel is away: it is there before the connector has answered."""

    async def story(device: Thing) -> None:
        await says(
            device, "ask c →", "restart → edge?", "edge edge:device → +edge/device | 204 | IDENTIFYING | c slice"
        )

    play(story, connector=False)


def test_thg_8_after_a_restart_of_the_broker_all_is_heard(play: Play) -> None:
    """B-12: the original takes the same answer for no news, and stays deaf."""

    async def story(device: Thing) -> None:
        for number in (1, 2):
            await says(device, "reconnect → edge? | +edge/device")
            assert len([id_ for id_ in device.states() if id_.startswith("initial-")]) == 1 + number
            assert await device.act(f"ask [x{number}] c") == [
                "204",
                f"[x{number}] IDENTIFYING",
                f"[x{number}] c slice",
            ]
            await says(device, f"c [x{number}] COMPLETED → [x{number}] IDENTIFIED | [x{number}] COMPLETED")

    play(story)


# ── beside the checklist ───────────────────────────────────────────────────────────────────────────────────────────


def test_topics_are_not_heard_over_things(play: Play) -> None:
    async def story(device: Thing) -> None:
        assert not any(device.link.hears(f"vehicleupdate/{what}") for what in ("desiredstate", "currentstate/get"))
        assert all(device.link.hears(f"{prefix}/currentstate") for prefix in PREFIXES.values())

    play(story)


def test_what_waits_is_told_on_topics_after_a_change_of_the_settings(tmp_path: Path) -> None:
    from tests.controller.operations.talk import Talk

    async def story() -> None:
        device = Thing(tmp_path)
        await device.starts()
        device.connector = False
        await says(device, "ask c → 204 | IDENTIFYING | c slice", "reconnect → edge?", "c IDENTIFIED → c DOWNLOAD")
        await device.dies()
        other = Talk(tmp_path)
        await other.starts()
        told = [each.content["payload"]["status"] for each in other.said()]
        await other.dies()
        assert told[:2] == ["IDENTIFIED", "RUNNING"]

    run(story())


def test_a_backend_that_is_away_for_long_does_not_hold_up_the_connector(play: Play) -> None:
    """A full outbox leaves room for the answer that empties it."""

    async def story(device: Thing) -> None:
        await says(device, "ask c → 204 | IDENTIFYING | c slice", "c IDENTIFIED → IDENTIFIED | RUNNING | c DOWNLOAD")
        device.connector = False
        await device.act("reconnect")
        for number in range(520):
            component = {"component": {"id": f"containers:{number}"}, "status": "DOWNLOADING"}
            device.deliver(
                "containersupdate/desiredstatefeedback", "a", {"status": "DOWNLOADING", "actions": [component]}
            )
            await asyncio.sleep(0.002)
        assert device.journal.outbox.is_full("vehicleupdate/desiredstatefeedback")
        told = len(device.events("/feedback"))
        await device.act("edge edge:device")
        await device.plays(5)
        assert len(device.events("/feedback")) >= told + 500
        assert device.journal.outbox.waiting() == 0

    play(story)


def test_a_command_that_the_broker_delivers_again_is_dealt_with_once(play: Play) -> None:
    async def story(device: Thing) -> None:
        whole = {
            "topic": f"{LIVE}/apply",
            "path": f"{OURS}apply",
            "value": {"activityId": "a", "desiredState": DESIRED},
        }
        device.link.deliver(f"{COMMAND}/r1/apply", json.dumps(whole))
        await says(device, "wait 1 → IDENTIFYING | c slice", "c COMPLETED → IDENTIFIED | COMPLETED")
        device.link.deliver_again(f"{COMMAND}/r1/apply")
        await says(device, "wait 1 →")
        assert device.ignored() == [f"{COMMAND}/r1/apply: it was delivered before"]

    play(story)


def test_the_same_stories_as_on_topics(play: Play) -> None:
    """The core does not know which backend there is."""

    async def story(device: Thing) -> None:
        for line in filter(None, map(str.strip, ONE.splitlines())):
            await says(device, line.replace("→ IDENTIFYING", "→ 204 | IDENTIFYING"))

    play(story)


WHOLE = (
    *("ask c", "c IDENTIFIED", "owner APPROVED", "c DOWNLOAD_SUCCESS", "owner APPROVED"),
    *("c UPDATE_SUCCESS", "c ACTIVATION_SUCCESS", "c CLEANUP_SUCCESS", "c COMPLETED"),
)


@pytest.mark.parametrize(
    ("away", "moment"), [(0, 0), *((away, each) for away in (0, 2) for each in range(1, len(WHOLE)))]
)
def test_the_process_ends_at_any_moment_and_the_backend_is_told_everything(play: Play, moment: int, away: int) -> None:
    """`away`: the edge connector is, too, during so many of the next messages, or until the owner has to be asked."""

    async def story(device: Thing) -> None:
        for number, line in enumerate(WHOLE):
            if number == moment:
                device.connector = not away
                await device.act("restart")
            if not device.connector and (number == moment + away or line.startswith("owner")):
                device.connector = True
                await device.act("edge edge:device")
            await device.act(line)
        await device.act("edge edge:device")
        await device.plays(60)
        assert [status for status in device.statuses("a") if status != "RUNNING"] == [
            "IDENTIFYING",
            "IDENTIFIED",
            "COMPLETED",
        ]
        assert {each.content["status"] for each in device.link.published if "/res/" in each.topic} <= {204}
        questions = [each["value"]["ownerConsent"]["command"] for each in device.events("/consent")]
        assert list(dict.fromkeys(questions)) == ["DOWNLOAD", "UPDATE"]

    play(story, decisions=ASKS)
