"""Stored conditions, activities and operations that cannot be read: a damaged body, or a noun of another version of
evenkeel.

Such a row is read as absent, so that it stops neither the repair of what is in force nor the next message. Only its
owner sets it aside, for people to look at, and says so once. A condition is written anew by the part that knows it. An
activity ends as INCOMPLETE: its result is not known, the state in force stays so, and cycles undo the rest. So does an
operation, and its agents have to be told to go back: how far they are is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from evenkeel.controller.journal.ending import tell_ended
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.mailbox import Mailbox
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.specs.codec import decode
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.kanto.activity import name_of
from evenkeel.specs.kanto.updateagent import FeedbackMessage, feedback_bytes
from evenkeel.specs.reading.sound import foreign_json, sound_text

_WHY = "evenkeel cannot read what it had stored of this activity and ends it; what was in force stays in force"
_WHY_OPERATION = "evenkeel cannot read what it had stored of this operation and ends it; its agents are told to go back"
_UNKNOWN_ID = "(its activityId cannot be read)"
_TEXT = r'("(?:[^"\\]|\\.)*")'
_HEAD = re.compile(rf'\{{"id":{_TEXT}(?:,"topic":{_TEXT})?')
_LONGEST_HEAD = 64 * 1024
_TOPIC = re.compile(r"[a-z0-9]+update/desiredstate")


def set_aside_unreadable(
    journal: Journal, domain: str, say: Callable[[Feedback], object], now_s: float, topic: str = ""
) -> None:
    """Set aside rows that cannot be read: conditions, and the open activity of a domain. `topic`: the topic of its desired
    states; without it the end of the activity is published by the topic that the activity names, if that can be read."""
    mail = journal.mailbox(domain)
    activity, conditions = mail.unreadable_activity(), journal.unreadable_conditions()
    if activity is None and not conditions:
        return
    with journal.at_once():
        for owner, name, body, why in conditions:
            mail.set_aside(f"journal: condition {name}", body, why)
            journal.drop_condition(name, owner)
            say(Feedback("state-lost", f"the condition {name} could not be read and is set aside: {why}"))
        if activity is not None:
            body, why = activity
            mail.set_aside("journal: activity", body, why)
            say(Feedback("state-lost", f"the open activity could not be read and is set aside: {why}"))
            _end(journal, mail, body, say, now_s, topic)


def _end(
    journal: Journal, mail: Mailbox, body: bytes, say: Callable[[Feedback], object], now_s: float, topic: str
) -> None:
    id_, named = _rescued(body)
    if not topic and _TOPIC.fullmatch(named):
        topic = named
    name = name_of(id_) if id_ is not None else _UNKNOWN_ID
    say(Feedback("activity", f"{name}: INCOMPLETE, {_WHY}"))
    tell_ended(journal, mail.domain, name, "INCOMPLETE", _WHY)
    said = []
    if id_ is not None and topic:
        feedback = FeedbackMessage(status="INCOMPLETE", message=_WHY)
        said.append(Outgoing(f"{topic}feedback", feedback_bytes(id_, int(now_s * 1000), feedback)))
    mail.record(None, said)


def set_aside_unreadable_operation(
    journal: Journal, domain: str, say: Callable[[Feedback], object], now_s: float, topic: str
) -> str | None:
    """Set aside the open operation of an update manager's domain, if it cannot be read, and tell its end on the `topic` of
    feedback. Returns its id; `None` when there is none, or its id cannot be read either."""
    found = journal.operations.unreadable(domain)
    if found is None:
        return None
    body, why = found
    id_, _ = _rescued(body)
    text = f"{name_of(id_) if id_ is not None else _UNKNOWN_ID}: INCOMPLETE, {_WHY_OPERATION}"
    with journal.at_once():
        journal.mailbox(domain).set_aside("journal: operation", body, why)
        journal.operations.drop(domain)
        say(Feedback("state-lost", f"the open operation could not be read and is set aside: {why}"))
        say(Feedback("operation", text))
        journal.drop_condition("OperationCompleted")
        journal.set_condition(Condition("OperationCompleted", False, "Incomplete", f"operation {text}"))
        if id_ is not None:
            told = FeedbackMessage(status="INCOMPLETE", message=_WHY_OPERATION)
            journal.outbox.send(Outgoing(topic, feedback_bytes(id_, int(now_s * 1000), told)))
    return id_


def _rescued(body: bytes) -> tuple[str | None, str]:
    """Id and topic of an activity that cannot be read: `None` and "" when they cannot be told. Where the body is no
    JSON any more, they are only taken from its beginning, because the desired state behind it may hold the same
    keys."""
    try:
        fields: dict[str, object] = decode(body, dict)
    except (ValueError, RecursionError):
        head = _HEAD.match(body[:_LONGEST_HEAD].decode(errors="replace"))
        if head is None or "\ufffd" in head[0]:
            return None, ""
        try:
            fields = {"id": foreign_json(head[1].encode()), "topic": foreign_json((head[2] or '""').encode())}
        except ValueError:
            return None, ""
    id_, topic = fields.get("id"), fields.get("topic")
    return sound_text(id_) if isinstance(id_, str) else None, topic if isinstance(topic, str) else ""
