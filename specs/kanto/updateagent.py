"""The messages of Kanto's Containers Update Agent on `containersupdate/…`, out and in.

Written: feedback and inventory, with Kanto's key order; like Kanto, everything empty is left out
(container-management.md §1.2), but not the envelope's own three keys. A message that is made of nouns can always be
written.

Read: envelopes and commands, from anybody who may publish. Reading never raises and is bounded in size and depth. Keys
are taken in any case and unknown ones of the envelope are ignored, as Go does (update-manager.md §2.2). A wrong type or
a number that is none, which Go drops silently, is a problem that names its place, and so are equal keys, of which Go
takes the last. The activity is found even in a message that cannot be read otherwise, so that its sender can be
answered; one that is too long is a problem, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

import msgspec
from msgspec import Struct

from evenkeel.specs.codec import encode, fields_of, items_of
from evenkeel.specs.kanto.activity import ActionStatus, Status
from evenkeel.specs.kanto.activity import Command as CommandName
from evenkeel.specs.problem import Flaw, Place, Problem, nearest, path_text
from evenkeel.specs.reading.secrecy import shown_path
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import MOST_FAULTS, in_words, type_words
from evenkeel.specs.reading.wire import read_json, rescued_activity

LONGEST_ACTIVITY = 1000
"""In characters. An activity is repeated in every answer, in the status and in the log."""

_SHORTER = (1000, 200, 0)
"""The lengths, in characters, to which texts are shortened in feedback that is too large for a broker."""

NodeType = Literal["IMAGE", "RAW", "DATA", "APPLICATION", "CONTAINER"]


class Component(Struct, frozen=True, omit_defaults=True):
    """The subject of an action: `<domain>:<container name>`."""

    id: str = ""
    version: str = ""


class Action(Struct, frozen=True, omit_defaults=True):
    """One component's part of an operation. `component` is always written: the update manager crashes without (B-01)."""

    component: Component
    status: ActionStatus
    progress: int = 0
    """Percent."""
    message: str = ""


class FeedbackMessage(Struct, frozen=True, omit_defaults=True):
    """The progress of an operation, or of one baseline of it."""

    baseline: str = ""
    status: Status | Literal["RUNNING", ""] = ""
    message: str = ""
    actions: tuple[Action, ...] = ()


class KeyValue(Struct, frozen=True, omit_defaults=True):
    """A parameter; one without value is written as its key alone."""

    key: str
    value: str = ""


class SoftwareNode(Struct, frozen=True, omit_defaults=True):
    """The agent, or a container."""

    id: str
    version: str = ""
    name: str = ""
    parameters: tuple[KeyValue, ...] = ()
    type: NodeType | Literal[""] = ""


class Association(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Node `source_id` has node `target_id`."""

    source_id: str
    target_id: str


class Inventory(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The current state. The containers agent has no hardware nodes."""

    software_nodes: tuple[SoftwareNode, ...] = ()
    associations: tuple[Association, ...] = ()


class Envelope(Struct, frozen=True, rename="camel"):
    """Around every message. `timestamp` is milliseconds since the epoch, at which the message was made."""

    activity_id: str
    timestamp: int
    payload: Any = None


class Command(Struct, frozen=True):
    """Open one phase, for one baseline or (`""`, `"*"`) for all."""

    command: CommandName
    baseline: str = ""
    activity_id: str = ""


class Received(NamedTuple):
    """An envelope that arrived: its payload (`None` when there is none), in which keys are spelled as Kanto spells
    them, and all problems. With problems the payload may be incomplete; `activity_id` is right if it was readable.
    `timestamp_ms`: 0 without one."""

    activity_id: str
    payload: Value
    problems: tuple[Problem, ...]
    timestamp_ms: int = 0


def feedback_bytes(activity_id: str, timestamp_ms: int, feedback: Struct) -> bytes:
    """A message for `desiredstatefeedback`, in Kanto's shape or another agent's. Progress is brought into 0…100: beyond 255 the
    whole message is dropped."""
    if isinstance(feedback, FeedbackMessage):
        actions = (
            msgspec.structs.replace(action, progress=min(max(action.progress, 0), 100)) for action in feedback.actions
        )
        feedback = msgspec.structs.replace(feedback, actions=tuple(actions))
    return encode(Envelope(activity_id, timestamp_ms, feedback))


def split_feedback(content: bytes) -> tuple[bytes, list[bytes]]:
    """A message of feedback without its actions, and each of these; any other message, or one without actions, and none.
    `joined_feedback` puts it together again."""
    try:
        actions = fields_of(fields_of(content)["payload"])["actions"]
        frame, items = content.removesuffix(actions + b"}}"), items_of(actions)
    except (ValueError, KeyError):
        return content, []
    return (frame, items) if items and joined_feedback(frame, items) == content else (content, [])


def joined_feedback(frame: bytes, actions: Sequence[bytes]) -> bytes:
    """The message of which these are the parts."""
    return frame + b"[" + b",".join(actions) + b"]}}"


def shorter_feedback(content: bytes) -> Iterator[bytes]:
    """The same feedback with shorter and shorter texts, for a broker that does not take the whole."""
    return (shortened_feedback(content, most) for most in _SHORTER)


def shortened_feedback(content: bytes, most: int) -> bytes:
    """The same feedback with every text for people cut to `most` characters; statuses and actions stay. For a broker that
    does not take the whole."""
    value = msgspec.json.decode(content)
    payload = value["payload"]
    for owner in (payload, *payload.get("actions", ())):
        text = owner.get("message", "")
        if len(text) > most:
            owner["message"] = f"{text[: most - 1]}…" if most else ""
        if not owner.get("message"):
            owner.pop("message", None)
    return msgspec.json.encode(value)


def desired_bytes(activity_id: str, timestamp_ms: int, slice_: bytes) -> bytes:
    """A message for an agent's `desiredstate`; `slice_` is its payload as JSON."""
    return encode(Envelope(activity_id, timestamp_ms, msgspec.Raw(slice_)))


def command_bytes(activity_id: str, timestamp_ms: int, command: CommandName, baseline: str = "") -> bytes:
    """A message for an agent's `desiredstate/command`."""
    return encode(
        Envelope(activity_id, timestamp_ms, {"command": command} | ({"baseline": baseline} if baseline else {}))
    )


def question_bytes(activity_id: str, timestamp_ms: int) -> bytes:
    """A message for an agent's `currentstate/get` (update-manager.md §2.8)."""
    return encode(Envelope(activity_id, timestamp_ms))


def inventory_bytes(activity_id: str, timestamp_ms: int, inventory: object) -> bytes:
    """A message for `currentstate`, in Kanto's shape or another agent's."""
    return encode(Envelope(activity_id, timestamp_ms, inventory))


def read_envelope(content: bytes, topic: str = "", *, answer: bool = False) -> Received:
    """A message that arrived. `topic` is only used to name the place of problems. `answer`: an agent sent it, and its
    activity may be any, because the agent did not choose it."""
    flaws: list[Flaw] = []
    root = read_json(content, flaws)
    fields: dict[str, Value] = {}
    if isinstance(root, dict):
        fields = root
    elif root is not None:
        flaws.append(
            Flaw((), f"expected a mapping with `activityId`, `timestamp` and `payload`, got {type_words(root)}")
        )
    activity_id = fields.get("activityId")
    if activity_id is None:
        activity_id = "" if not flaws or "activityId" in fields else rescued_activity(content)
    elif not isinstance(activity_id, str):
        flaws.append(Flaw(("activityId",), f"expected a text, got {in_words(activity_id)}"))
        activity_id = ""
    elif len(activity_id) > LONGEST_ACTIVITY and not answer:
        message = f"expected at most {LONGEST_ACTIVITY} characters, got {len(activity_id)}"
        flaws.append(Flaw(("activityId",), message, "a UUID has 36"))
    timestamp, payload = fields.get("timestamp"), fields.get("payload")
    if timestamp is not None and (not isinstance(timestamp, int) or isinstance(timestamp, bool)):
        flaws.append(Flaw(("timestamp",), f"expected a whole number of milliseconds, got {in_words(timestamp)}"))
    if payload is not None and not isinstance(payload, dict):
        flaws.append(Flaw(("payload",), f"expected a mapping, got {type_words(payload)}"))
        payload = None
    place = Place(topic=topic, activity_id=_short(activity_id))
    problems = (
        Problem(place, _short(path_text(shown_path(flaw.path))), flaw.message, flaw.hint)
        for flaw in flaws[:MOST_FAULTS]
    )
    return Received(activity_id, payload, tuple(problems), timestamp if isinstance(timestamp, int) else 0)


def read_command(content: bytes, topic: str = "") -> Command | tuple[Problem, ...]:
    """The command, or why the message is none; every problem's place has the activity."""
    received = read_envelope(content, topic)
    place = Place(topic=topic, activity_id=_short(received.activity_id))
    problems = list(received.problems)
    payload = received.payload if isinstance(received.payload, dict) else {}
    command, baseline = payload.get("command"), payload.get("baseline")
    if not isinstance(baseline, str | None):
        problems.append(Problem(place, "payload.baseline", f"expected a text, got {in_words(baseline)}"))
    for known in get_args(CommandName):
        if command == known and not problems:
            return Command(known, str(baseline or ""), received.activity_id)
    if command not in get_args(CommandName) and not (problems and command is None):
        hint = nearest(command if isinstance(command, str) else "", get_args(CommandName))
        problems.append(Problem(place, "payload.command", f"expected a command, got {in_words(command)}", hint))
    return tuple(problems)


def _short(text: str) -> str:
    """A path or an activity for people, shortened, because strangers may choose long names."""
    return text if len(text) <= 200 else f"{text[:199]}…"
