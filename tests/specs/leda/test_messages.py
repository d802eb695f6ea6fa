"""The shapes of the Self Update Agent's messages, byte by byte (self-update-agent.md §2.4, §2.5)."""

from __future__ import annotations

from evenkeel.specs.kanto.updateagent import (
    Component,
    feedback_bytes,
    inventory_bytes,
    shortened_feedback,
    split_feedback,
)
from evenkeel.specs.leda.messages import Action, FeedbackMessage, inventory, unknown_inventory


def test_feedback_has_all_its_keys() -> None:
    assert feedback_bytes("a", 1, FeedbackMessage("IDENTIFYING", "m")) == (
        b'{"activityId":"a","timestamp":1,"payload":{"status":"IDENTIFYING","message":"m","actions":[]}}'
    )
    action = Action(Component("self-update:os-image", "2"), "UPDATED", 0, "t")
    assert feedback_bytes("a", 1, FeedbackMessage("ACTIVATION_SUCCESS", "m", (action,))) == (
        b'{"activityId":"a","timestamp":1,"payload":{"status":"ACTIVATION_SUCCESS","message":"m","actions":['
        b'{"component":{"id":"self-update:os-image","version":"2"},"status":"UPDATED","progress":0,"message":"t"}]}}'
    )


def test_texts_are_escaped() -> None:
    content = feedback_bytes('a"', 1, FeedbackMessage("UPDATE_FAILURE", 'x"\ny'))
    assert content.startswith(
        b'{"activityId":"a\\"","timestamp":1,"payload":{"status":"UPDATE_FAILURE","message":"x\\"\\ny"'
    )


def test_a_message_without_actions_is_stored_as_a_whole() -> None:
    content = feedback_bytes("a", 1, FeedbackMessage("IDENTIFYING", "m"))
    assert split_feedback(content) == (content, [])


def test_texts_can_be_shortened_for_a_broker() -> None:
    content = feedback_bytes("a", 1, FeedbackMessage("INCOMPLETE", "x" * 50))
    assert b"xxxxxx\xe2\x80\xa6" in shortened_feedback(content, 7)


def test_the_inventory_names_the_system_that_runs() -> None:
    assert inventory_bytes("q", 1, inventory("e-1", "12")) == (
        b'{"activityId":"q","timestamp":1,"payload":{"softwareNodes":['
        b'{"id":"self-update-agent","version":"e-1","name":"OTA NG Self Update Agent","type":"APPLICATION"},'
        b'{"id":"self-update:os-image","version":"12","name":"Official Leda device image","type":"IMAGE"}],'
        b'"hardwareNodes":[],"associations":[{"sourceId":"self-update-agent","targetId":"self-update:os-image"}]}}'
    )


def test_an_inventory_without_an_updater_says_why() -> None:
    assert inventory_bytes("q", 1, unknown_inventory("e-1", "away")) == (
        b'{"activityId":"q","timestamp":1,"payload":{"softwareNodes":['
        b'{"id":"self-update-agent","version":"e-1","name":"OTA NG Self Update Agent",'
        b'"parameters":[{"key":"osUnknown","value":"away"}],"type":"APPLICATION"}],"hardwareNodes":[],"associations":[]}}'
    )
