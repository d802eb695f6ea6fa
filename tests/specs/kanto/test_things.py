"""Ditto's messages for the feature UpdateManager: written as Kanto writes them, read from anybody without ever raising."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.kanto.things.identity import Identity, read_identity
from evenkeel.specs.kanto.things.message import ThingMessage, answer, read_message, request_of
from evenkeel.specs.kanto.things.update_manager import (
    Apply,
    Consent,
    Refresh,
    correlation_of,
    is_for,
    read_request,
    registration,
    wrapped,
)
from evenkeel.specs.kanto.updateagent import read_envelope
from evenkeel.specs.problem import Flaw, Problem

EDGE = Identity("edge:device", "t", "p")
TOPIC = "command///req/r1/apply"
KEYS = (
    *("topic", "headers", "path", "value", "activityId", "timestamp", "desiredState", "ownerConsentFeedback", "status"),
    *("correlation-id", "response-required", "deviceId", "tenantId", "policyId"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner),
    max_leaves=12,
)


# ── written: update-manager.md §8.10 and the recording, byte for byte ──────────────────────────────────────────────────


def test_a_registration_is_as_kanto_writes_it() -> None:
    assert registration(EDGE, "vehicle") == (
        b'{"topic":"edge/device/things/twin/commands/modify","headers":{"response-required":false},'
        b'"path":"/features/UpdateManager","value":{"definition":'
        b'["com.bosch.iot.suite.edge.update:UpdateManager:1.0.0"],"properties":{"domain":"vehicle"}}}'
    )


def test_feedback_is_as_kanto_writes_it() -> None:
    message = b'{"activityId":"a-110","timestamp":1767227100000,"payload":{"status":"IDENTIFYING"}}'
    assert wrapped("feedback", EDGE, "vehicle", message) == (
        b'{"topic":"edge/device/things/live/messages/feedback","headers":{"content-type":"application/json",'
        b'"response-required":false},"path":"/features/UpdateManager/outbox/messages/feedback","value":'
        b'{"activityId":"a-110","timestamp":1767227100000,"desiredStateFeedback":{"status":"IDENTIFYING"}}}'
    )


def test_a_state_is_as_kanto_writes_it() -> None:
    message = b'{"activityId":"","timestamp":1,"payload":{"softwareNodes":[]}}'
    assert wrapped("state", EDGE, "vehicle", message) == (
        b'{"topic":"edge/device/things/twin/commands/modify","headers":{"content-type":"application/json",'
        b'"response-required":false},"path":"/features/UpdateManager/properties","value":{"activityId":"","timestamp":1,'
        b'"domain":"vehicle","inventory":{"softwareNodes":[]}}}'
    )


def test_a_question_is_as_kanto_writes_it() -> None:
    message = b'{"activityId":"a","timestamp":1,"payload":{"command":"DOWNLOAD"}}'
    assert wrapped("question", EDGE, "vehicle", message) == (
        b'{"topic":"edge/device/things/live/messages/consent","headers":{"content-type":"application/json",'
        b'"correlation-id":"' + correlation_of(message).encode() + b'","response-required":true},'
        b'"path":"/features/UpdateManager/outbox/messages/consent","value":{"activityId":"a","timestamp":1,'
        b'"ownerConsent":{"command":"DOWNLOAD"}}}'
    )


def test_a_question_has_a_correlation_id_of_its_own() -> None:
    questions = [
        f'{{"activityId":"{id_}","timestamp":{at},"payload":{{"command":"{command}"}}}}'.encode()
        for id_ in ("a", "b")
        for at in (1, 2)
        for command in ("DOWNLOAD", "UPDATE")
    ]
    assert len({correlation_of(each) for each in questions}) == len(questions)


def test_answers_are_as_kanto_writes_them() -> None:
    message = ThingMessage(
        "edge/device/things/live/messages/apply", "", "/features/UpdateManager/inbox/messages/apply", "c-1", True
    )
    taken, refused = answer(message), answer(message, "no")
    assert (taken[0], refused[0]) == (204, 400)
    assert taken[1] == (
        b'{"topic":"edge/device/things/live/messages/apply","headers":{"correlation-id":"c-1","response-required":false},'
        b'"path":"/features/UpdateManager/outbox/messages/apply","status":204}'
    )
    assert refused[1] == (
        b'{"topic":"edge/device/things/live/messages/apply","headers":{"content-type":"application/json",'
        b'"correlation-id":"c-1","response-required":false},"path":"/features/UpdateManager/outbox/messages/apply",'
        b'"value":{"error":"messages:parameter.invalid","status":400,"message":"no"},"status":400}'
    )


# ── read ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def message(subject: str, value: Any, thing: str = "edge/device") -> ThingMessage:
    whole = {
        "topic": f"{thing}/things/live/messages/{subject}",
        "headers": {"correlation-id": "c"},
        "path": f"/features/UpdateManager/inbox/messages/{subject}",
        "value": value,
    }
    found = read_message(json.dumps(whole).encode(), TOPIC)
    assert isinstance(found, ThingMessage)
    return found


@pytest.mark.parametrize(
    ("device", "thing"),
    [
        ("edge:device", "edge/device"),
        ("ns:other:x", "ns/other:x"),
        ("org.example:gw1", "org.example/gw1"),
        (":x", "/x"),
    ],
)
def test_the_namespace_ends_at_the_first_colon(device: str, thing: str) -> None:
    found = read_identity(json.dumps({"deviceId": device}).encode())
    assert isinstance(found, Identity)
    assert (found.device, found.thing) == (device, thing)
    assert is_for(message("refresh", {}, thing), found)
    assert not is_for(message("refresh", {}, f"{thing}2"), found)


def test_requests_are_what_topics_would_have_had() -> None:
    desired = {"domains": [{"id": "containers"}]}
    apply = read_request(message("apply", {"activityId": "a", "timestamp": 5, "desiredState": desired}))
    assert isinstance(apply, Apply)
    received = read_envelope(apply.content)
    assert (received.activity_id, received.payload, received.problems) == ("a", desired, ())
    assert received.timestamp_ms == 5
    assert read_request(message("refresh", {"activityId": "q"})) == Refresh("q")
    assert read_request(message("refresh", None)) == Refresh("")
    given = {"activityId": "a", "ownerConsentFeedback": {"status": "DENIED"}}
    assert read_request(message("consent", given)) == Consent("a", "DENIED")


def test_a_flaw_of_the_value_is_one_of_the_request() -> None:
    """So that its sender can be answered."""
    path = "/features/UpdateManager/inbox/messages/apply"
    text = f'{{"topic":"e/d/things/live/messages/apply","path":"{path}","value":{{"desiredState":{{"a":1,"a":2}}}}}}'
    found = read_message(text.encode(), TOPIC)
    assert isinstance(found, ThingMessage)
    request = read_request(found)
    assert [flaw.path for flaw in request if isinstance(flaw, Flaw)] == [("value", "desiredState", "a")]


@pytest.mark.parametrize(
    ("topic", "request_"),
    [
        ("command///req/r1/apply", "r1"),
        ("command///req//apply", ""),
        ("command///req/r1", None),
        ("command///req/r1/a/b", None),
        ("command//x/req/r1/apply", None),
    ],
)
def test_the_request_in_a_topic(topic: str, request_: str | None) -> None:
    assert request_of(topic) == request_


@given(st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode())))
def test_nothing_raises_whatever_is_sent(content: bytes) -> None:
    identity, found = read_identity(content), read_message(content, TOPIC)
    assert isinstance(identity, Identity) or all(isinstance(each, Problem) for each in identity)
    if isinstance(found, ThingMessage):
        answer(found)
        is_for(found, EDGE)
    else:
        assert found
        assert all(each.place.topic == TOPIC for each in found)


@given(st.sampled_from(("apply", "refresh", "consent", "x")), JSON)
def test_a_request_is_read_or_has_flaws(subject: str, value: Any) -> None:
    request = read_request(message(subject, value))
    if isinstance(request, Apply):
        assert read_envelope(request.content).payload is not None
    elif not isinstance(request, Refresh | Consent):
        assert request
        assert all(isinstance(each, Flaw) for each in request)
