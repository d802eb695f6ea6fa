"""The agent's messages: written as Kanto writes them, read from anybody without ever raising."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.codec import changed
from evenkeel.specs.kanto.desired import desired_state_drafts
from evenkeel.specs.kanto.heard import heard_from
from evenkeel.specs.kanto.updateagent import (
    Action,
    Command,
    Component,
    FeedbackMessage,
    Inventory,
    feedback_bytes,
    inventory_bytes,
    read_command,
    read_envelope,
    shortened_feedback,
)
from evenkeel.specs.problem import Flaw, Problem, place_text, problem_text
from evenkeel.specs.reading.wire import MOST_BYTES

CREATE = "New container will be created and started."


def said(content: bytes, topic: str = "") -> list[str]:
    return [f"{problem.path}: {problem.message}" for problem in read_envelope(content, topic).problems]


# ── written: the exchanges of container-management.md §2.9, byte for byte ───────────────────────────────────────────────


def test_identifying_is_as_kanto_writes_it() -> None:
    expected = b'{"activityId":"w1","timestamp":1160,"payload":{"status":"IDENTIFYING"}}'
    assert feedback_bytes("w1", 1160, FeedbackMessage(status="IDENTIFYING")) == expected


def test_actions_are_as_kanto_writes_them() -> None:
    feedback = FeedbackMessage(
        status="IDENTIFIED", actions=(Action(Component("containers:lamp", "1.4"), "IDENTIFIED", message=CREATE),)
    )
    assert feedback_bytes("w1", 1170, feedback) == (
        b'{"activityId":"w1","timestamp":1170,"payload":{"status":"IDENTIFIED","actions":[{"component":'
        b'{"id":"containers:lamp","version":"1.4"},"status":"IDENTIFIED","message":"'
        b'New container will be created and started."}]}}'
    )


def test_baseline_message_and_progress_stand_where_kanto_has_them() -> None:
    feedback = FeedbackMessage(
        "nope", "DOWNLOAD_FAILURE", "Unknown baseline nope", (Action(Component("containers:web"), "DOWNLOADING", 7),)
    )
    assert feedback_bytes("act-11", 4, feedback) == (
        b'{"activityId":"act-11","timestamp":4,"payload":{"baseline":"nope","status":"DOWNLOAD_FAILURE","message":'
        b'"Unknown baseline nope","actions":[{"component":{"id":"containers:web"},"status":"DOWNLOADING","progress":7}]}}'
    )


def test_nothing_empty_is_written_but_the_envelope_and_the_component() -> None:
    assert feedback_bytes("", 0, FeedbackMessage()) == b'{"activityId":"","timestamp":0,"payload":{}}'
    assert inventory_bytes("", 0, Inventory()) == b'{"activityId":"","timestamp":0,"payload":{}}'
    action = FeedbackMessage(actions=(Action(Component(), "IDENTIFIED"),))
    assert json.loads(feedback_bytes("a", 1, action))["payload"]["actions"] == [
        {"component": {}, "status": "IDENTIFIED"}
    ]


@pytest.mark.parametrize(("progress", "written"), [(-5, None), (0, None), (55, 55), (300, 100)])
def test_progress_stays_what_an_update_manager_accepts(progress: int, written: int | None) -> None:
    feedback = FeedbackMessage(actions=(Action(Component("c:a"), "DOWNLOADING", progress),))
    (action,) = json.loads(feedback_bytes("a", 1, feedback))["payload"]["actions"]
    assert action.get("progress") == written


@given(st.text(), st.text(alphabet=st.characters(codec=None)))
def test_whatever_an_engine_says_can_be_written(activity_id: str, said: str) -> None:
    feedback = FeedbackMessage(message=said, actions=(Action(Component(said), "UPDATE_FAILURE", message=said),))
    envelope = json.loads(feedback_bytes(activity_id, 1, feedback))
    assert envelope["activityId"] == activity_id
    assert len(envelope["payload"].get("message", "")) == len(said)


def test_half_characters_are_replaced() -> None:
    content = feedback_bytes("a", 1, FeedbackMessage(message="x\ud800y"))
    assert json.loads(content)["payload"]["message"] == "x\ufffdy"


# ── envelopes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_envelope_is_taken_apart() -> None:
    received = read_envelope(b'{"activityId":"a1","timestamp":1,"payload":{"domains":[]}}')
    assert received == ("a1", {"domains": []}, (), 1)


@pytest.mark.parametrize(
    ("content", "activity_id"),
    [
        (b"{}", ""),
        (b"null", ""),
        (b' {"activityId":null,"timestamp":null,"payload":null}\n', ""),
        (b'{"activityId":"q1"}', "q1"),
        (b'{"activityId":"q1","from":"somebody","payload":null}', "q1"),
    ],
)
def test_everything_may_be_missing_and_unknown_keys_are_ignored(content: bytes, activity_id: str) -> None:
    assert read_envelope(content) == (activity_id, None, (), 0)


def test_keys_are_taken_in_any_case() -> None:
    received = read_envelope(
        b'{"ActivityID":"a","Timestamp":1,"PAYLOAD":{"Domains":[{"ID":"containers","Components":[{"Id":"web",'
        b'"VERSION":"1","Config":[{"Key":"image","VALUE":"reg.example/web:1"}]}]}]}}'
    )
    assert received.activity_id == "a"
    assert not received.problems
    flaws: list[Flaw] = []
    (draft,) = desired_state_drafts(received.payload, flaws)
    assert (draft.name, flaws) == ("web", [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", ": the message is empty"),
        (b" \n", ": the message is empty"),
        (b"[]", ": expected a mapping with `activityId`, `timestamp` and `payload`, got a list"),
        (b'"a"', ": expected a mapping with `activityId`, `timestamp` and `payload`, got a text"),
        (b"{", ": no valid JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"{} {}", ": no valid JSON: Extra data at line 1, column 4"),
        (b'\xef\xbb\xbf{"activityId":"a"}', ": no valid JSON: Unexpected UTF-8 BOM (decode using utf-8-sig) at line 1, column 1"),  # noqa: E501
        (b'{"payload":{"x":"\xff"}}', ": expected UTF-8 text"),
        (b'{"payload":' + b"[" * 100_000, ": nested deeper than 64 levels"),
        (b'{"payload":{"a":' + b"[" * 80 + b"]" * 80 + b"}}", "payload.a[0]: nested deeper than 64 levels"),
        (b'{"timestamp":' + b"9" * 10_000 + b"}", ": no valid JSON: a number has too many digits"),
        (b'{"timestamp":99999999999999999999}', "timestamp: the number is too large"),
        (b'{"timestamp":"1"}', "timestamp: expected a whole number of milliseconds, got the text `1`"),
        (b'{"timestamp":1.5}', "timestamp: expected a whole number of milliseconds, got the number 1.5"),
        (b'{"timestamp":true}', "timestamp: expected a whole number of milliseconds, got true"),
        (b'{"x":NaN}', "x: expected a number"),
        (b'{"x":-1e999}', "x: expected a number"),
        (b'{"activityId":5}', "activityId: expected a text, got the number 5"),
        (b'{"payload":"x"}', "payload: expected a mapping, got a text"),
        (b'{"payload":{"id":"a","ID":"b"}}', "payload.id: the key `id` stands here again"),
        (b'{"payload":{"id":"a\\u0000b"}}', "payload.id: a text cannot hold the character NUL"),
        (b'{"payload":{"id":"\\ud83d"}}', "payload.id: half of a surrogate pair is no character"),
        (b" " * MOST_BYTES + b"{}", ": the message is larger than 4 MiB"),
    ],
)  # fmt: skip
def test_whatever_is_wrong_is_said_once(content: bytes, problem: str) -> None:
    assert said(content) == [problem]


@pytest.mark.parametrize(
    "content",
    [
        b'{"activityId":"a\\"1","payload":{"x":"\xff"}}',
        b'{"activityId":"a\\"1","payload":{"x":',
        b'{"activityId" : "a\\"1","payload":' + b"[" * 100_000,
        b'{"ACTIVITYID":"a\\"1","timestamp":"never","payload":[]}',
        b'{"timestamp":12345678901234567890,"payload":7,"activityId":"a\\"1"}',
        b'{"activityId":"a\\"1"}' + b" " * MOST_BYTES,
    ],
)
def test_the_activity_is_found_in_a_message_that_is_wrong(content: bytes) -> None:
    received = read_envelope(content, "containersupdate/desiredstate")
    assert received.activity_id == 'a"1'
    assert received.problems
    assert {place_text(each.place) for each in received.problems} == {'containersupdate/desiredstate (a"1)'}


def test_problems_stay_short_whatever_the_keys_are() -> None:
    key, known = "k" * 1_000_000, "k" * 150
    flawed = json.dumps({"payload": {key: ["\0"], known: {known: ["\0"] * 5000}}}).encode()
    problems = read_envelope(flawed).problems
    assert len(problems) == 1000
    assert max(len(problem.path) for problem in problems) == 200


def test_an_activity_is_bounded_and_known_all_the_same() -> None:
    longest, longer = "ä" * 1000, "ä" * 200_000
    assert said(json.dumps({"activityId": longest}).encode()) == []
    content = json.dumps({"activityId": longer, "payload": {"command": "UPDATE", "status": "IDENTIFIED"}}).encode()
    received = read_envelope(content, "topic")
    assert received.activity_id == longer
    (problem,) = received.problems
    assert (problem.path, problem.message) == ("activityId", "expected at most 1000 characters, got 200000")
    assert len(problem_text(problem)) < 400
    command = read_command(content, "topic")
    assert isinstance(command, tuple)
    assert [problem_text(each) for each in command] == [problem_text(problem)]
    assert read_command(content.replace(b"\\u00e4" * 199_000, b"")) == Command("UPDATE", "", longest)


def test_what_an_agent_answers_is_heard_whatever_activity_it_was_given() -> None:
    content = feedback_bytes("a" * 2000, 1, FeedbackMessage(status="IDENTIFICATION_FAILED"))
    heard = heard_from(content)
    assert heard is not None
    assert (heard.activity_id, heard.status) == ("a" * 2000, "IDENTIFICATION_FAILED")


# ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def command(**payload: Any) -> Command | tuple[Problem, ...]:
    return read_command(json.dumps({"activityId": "a", "timestamp": 1, "payload": payload}).encode(), "t")


@pytest.mark.parametrize("name", ["DOWNLOAD", "UPDATE", "ACTIVATE", "ROLLBACK", "CLEANUP"])
@pytest.mark.parametrize("baseline", ["", "*", "front"])
def test_commands_are_read(name: str, baseline: str) -> None:
    assert command(command=name, baseline=baseline) == Command(name, baseline, "a")  # type: ignore[arg-type]
    assert command(COMMAND=name, Baseline=baseline) == Command(name, baseline, "a")  # type: ignore[arg-type]


def test_a_command_needs_no_baseline() -> None:
    assert command(command="CLEANUP") == Command("CLEANUP", "", "a")
    assert command(command="CLEANUP", baseline=None) == Command("CLEANUP", "", "a")


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"command": "DO"}, "payload.command: expected a command, got the text `DO`"),
        ({"command": "download"}, "payload.command: expected a command, got the text `download`; did you mean `DOWNLOAD`?"),
        ({}, "payload.command: expected a command, got nothing"),
        ({"command": ["UPDATE"]}, "payload.command: expected a command, got a list"),
        ({"command": "UPDATE", "baseline": 1}, "payload.baseline: expected a text, got the number 1"),
    ],
)  # fmt: skip
def test_what_is_no_command_is_said(payload: dict[str, Any], problem: str) -> None:
    found = command(**payload)
    assert isinstance(found, tuple)
    (only,) = found
    assert (only.place.topic, only.place.activity_id) == ("t", "a")
    text = f"{only.path}: {only.message}"
    assert problem in (text, f"{text}; {only.hint}")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"activityId":"a"}', b'{"payload":null}', b'{"payload":[]}', b"no"])
def test_a_command_without_payload_is_none(content: bytes) -> None:
    assert isinstance(read_command(content), tuple)
    assert read_command(content)


# ── nothing raises ──────────────────────────────────────────────────────────────────────────────────────────────────────

KEYS = st.sampled_from(
    ["activityId", "ACTIVITYID", "timestamp", "payload", "command", "baseline", "domains", "id", "x"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["UPDATE", "\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Nearly good messages, some of them damaged."""
    content = json.dumps(draw(st.dictionaries(KEYS, VALUES))).encode(errors="surrogatepass")
    if draw(st.booleans()):
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(st.binary(max_size=4)) + content[at + draw(st.integers(0, 4)) :]
    return content


@given(st.binary() | messages())
def test_reading_never_raises_and_what_is_read_can_be_written(content: bytes) -> None:
    received = read_envelope(content, "topic")
    assert isinstance(received.activity_id, str)
    assert received.payload is None or isinstance(received.payload, dict)
    feedback_bytes(received.activity_id, 1, FeedbackMessage(message="\n".join(p.message for p in received.problems)))
    json.dumps(received.payload, allow_nan=False).encode()
    found = read_command(content, "topic")
    assert isinstance(found, Command) or found
    desired_state_drafts({"payload": received.payload}, [])


# ── made shorter ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_shortened_feedback_loses_text_and_no_status() -> None:
    action = Action(Component("containers:hvac", "1"), "DOWNLOAD_FAILURE", 7, "no such image")
    whole = feedback_bytes("w1", 1, FeedbackMessage("front", "DOWNLOAD_FAILURE", "x" * 50, (action, action)))
    assert shortened_feedback(whole, 100) == whole
    cut = changed(action, message="no suc…")
    assert shortened_feedback(whole, 7) == feedback_bytes(
        "w1", 1, FeedbackMessage("front", "DOWNLOAD_FAILURE", "xxxxxx…", (cut, cut))
    )
    bare = changed(action, message="")
    assert shortened_feedback(whole, 0) == feedback_bytes(
        "w1", 1, FeedbackMessage("front", "DOWNLOAD_FAILURE", "", (bare, bare))
    )
