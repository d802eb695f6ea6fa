"""The feature UpdateManager of a thing: the messages of an update manager's backend in Ditto's words, and back.

Inside of evenkeel an update manager speaks as on its topics (update-manager.md §1.2, §2), whatever its backend is. `wrapped`
makes a message for `e` of one of its own; `read_request` finds in a command the message that would have come on a topic.
"""

from __future__ import annotations

import uuid
from typing import Any, Literal, NamedTuple

import msgspec

from evenkeel.specs.codec import encode, fields_of
from evenkeel.specs.kanto.things.identity import Identity
from evenkeel.specs.kanto.things.message import ThingMessage, event, field
from evenkeel.specs.problem import Flaw, nearest
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import in_words, type_words

FEATURE = "UpdateManager"
DEFINITION = "com.bosch.iot.suite.edge.update:UpdateManager:1.0.0"

Said = Literal["state", "feedback", "question"]

_ROOT = f"/features/{FEATURE}"
_INBOX = f"{_ROOT}/inbox/messages/"
_KEYS: dict[Said, str] = {"state": "inventory", "feedback": "desiredStateFeedback", "question": "ownerConsent"}
_SUBJECTS: dict[Said, str] = {"feedback": "feedback", "question": "consent"}
_JSON = {"content-type": "application/json"}


class Apply(NamedTuple):
    """`content`: the message as it would come on `desiredstate`."""

    content: bytes


class Refresh(NamedTuple):
    """The current state is asked for."""

    activity_id: str


class Consent(NamedTuple):
    """The owner has answered."""

    activity_id: str
    status: str


Request = Apply | Refresh | Consent


def registration(identity: Identity, domain: str) -> bytes:
    """The feature itself, with the domain of the update manager."""
    value = {"definition": [DEFINITION], "properties": {"domain": domain}}
    return event(_modify(identity), _ROOT, value, {"response-required": False})


def wrapped(said: Said, identity: Identity, domain: str, content: bytes) -> bytes:
    """A message of an update manager, in the form of its topics, as an event of the feature."""
    fields = {key: msgspec.Raw(value) for key, value in fields_of(content).items()}
    value: dict[str, Any] = {"activityId": fields["activityId"], "timestamp": fields["timestamp"]}
    if said == "state":
        value |= {"domain": domain, _KEYS[said]: fields["payload"]}
        return event(_modify(identity), f"{_ROOT}/properties", value, _JSON | {"response-required": False})
    value[_KEYS[said]] = fields["payload"]
    subject = _SUBJECTS[said]
    headers: dict[str, Any] = {**_JSON, "response-required": False}
    if said == "question":
        headers = {**_JSON, "correlation-id": correlation_of(content), "response-required": True}
    topic = f"{identity.thing}/things/live/messages/{subject}"
    return event(topic, f"{_ROOT}/outbox/messages/{subject}", value, headers)


def correlation_of(question: bytes) -> str:
    """The correlation id of a question, which its answer has to have. It follows from the message, which has the time of the
    question in it: asked again it is the same, and no other question has it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, question.decode()))


def is_for(message: ThingMessage, identity: Identity) -> bool:
    """Whether a message is for the feature of this thing; other programs of the device may have others."""
    return message.thing == identity.thing and message.path.startswith(f"{_ROOT}/")


def read_request(message: ThingMessage) -> Request | tuple[Flaw, ...]:
    """The request in a message for the feature, or why it is none."""
    subject = message.path.removeprefix(_INBOX)
    match subject:
        case "apply":
            keys = "`activityId` and `desiredState`"
            value, flaws = _value(message, keys, "desiredState")
            content = encode(_named(value) | {"payload": field(value, "desiredState")})
            return tuple(flaws) or Apply(content)
        case "refresh":
            value, flaws = _value(message, "`activityId`")
            return tuple(flaws) or Refresh(str(field(value, "activityId") or ""))
        case "consent":
            keys = "`activityId` and `ownerConsentFeedback`"
            value, flaws = _value(message, keys, "ownerConsentFeedback")
            answer = field(value, "ownerConsentFeedback")
            status = field(answer, "status") if isinstance(answer, dict) else None
            if not flaws and not isinstance(status, str):
                path = ("value", "ownerConsentFeedback", "status")
                flaws.append(Flaw(path, f"expected `APPROVED` or `DENIED`, got {in_words(status)}"))
            return tuple(flaws) or Consent(str(field(value, "activityId") or ""), str(status))
        case _:
            hint = nearest(subject, ("apply", "refresh", "consent"))
            return (Flaw(("path",), f"expected a message of {FEATURE}, got {in_words(message.path)}", hint),)


def _modify(identity: Identity) -> str:
    return f"{identity.thing}/things/twin/commands/modify"


def _value(message: ThingMessage, keys: str, needed: str = "") -> tuple[dict[str, Value], list[Flaw]]:
    """The value of a message, and its flaws. `keys`: its keys for people; `needed`: the one that has to be a mapping."""
    flaws = list(message.flaws)
    value = message.value if message.value is not None or needed else {}
    if not isinstance(value, dict):
        return {}, [*flaws, Flaw(("value",), f"expected a mapping with {keys}, got {type_words(value)}")]
    id_, timestamp = field(value, "activityId"), field(value, "timestamp")
    if not isinstance(id_, str | None):
        flaws.append(Flaw(("value", "activityId"), f"expected a text, got {in_words(id_)}"))
    if timestamp is not None and (not isinstance(timestamp, int) or isinstance(timestamp, bool)):
        said = f"expected a whole number of milliseconds, got {in_words(timestamp)}"
        flaws.append(Flaw(("value", "timestamp"), said))
    content = field(value, needed) if needed else None
    if needed and content is None:
        flaws.append(Flaw(("value", needed), "is missing"))
    elif needed and not isinstance(content, dict):
        flaws.append(Flaw(("value", needed), f"expected a mapping, got {type_words(content)}"))
    return value, flaws


def _named(value: dict[str, Value]) -> dict[str, Value]:
    """The envelope of a message on a topic."""
    found = {key: field(value, key) for key in ("activityId", "timestamp")}
    return {key: each for key, each in found.items() if each is not None}
