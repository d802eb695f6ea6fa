"""The content of a desired-state message of Leda's Self Update Agent, or every reason why it cannot be followed. Pure."""

from __future__ import annotations

import hashlib

from evenkeel.reconcilers.agents.request import Request
from evenkeel.reconcilers.counted import joined
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.kanto import updateagent
from evenkeel.specs.leda.desired import Manner, asked_system
from evenkeel.specs.problem import Flaw, Place, Problem, problem_text
from evenkeel.specs.reading.secrecy import shown_address

_KIND = "OperatingSystem"
_NO_ACTIVITY = "mandatory field 'activityId' is missing"


def read_request(payload: bytes, topic: str, domain: str, manner: Manner) -> Request:
    """The content of a message on `topic` for `domain`. Never raises, whatever the message holds. A message without an
    activity is refused, because nobody could command it."""
    received = updateagent.read_envelope(payload, topic)
    id_ = received.activity_id
    if received.problems:
        return Request(id_, tuple(problem_text(changed(problem, place=Place())) for problem in received.problems))
    if not id_:
        return Request(id_, (_NO_ACTIVITY,))
    value = received.payload
    flaws: list[Flaw] = []
    asked = asked_system(value if isinstance(value, dict) else {}, flaws, domain, manner)
    if asked is None:
        return Request(id_, tuple(_reason(flaw) for flaw in flaws if not flaw.warning))
    system, place = asked.system, Place(topic=topic, activity_id=id_)
    target = desired_state([Document(_KIND, system.name, system, place)])
    notes = [_reason(flaw) for flaw in flaws]
    if asked.passed_over:
        notes.append(f"these settings are passed over: {', '.join(asked.passed_over)}")
    return Request(
        id_,
        content=hashlib.sha256(encode(value)).hexdigest()[:16],
        target=target,
        components=((system.name, system.version),),
        notes=joined(notes),
    )


def read_command(payload: bytes, topic: str) -> updateagent.Command | tuple[Problem, ...]:
    """The command of a message. It is for everything: the original ignores the baseline, and there is only one (§2.2)."""
    command = updateagent.read_command(payload, topic)
    return changed(command, baseline="") if isinstance(command, updateagent.Command) else command


def _reason(flaw: Flaw) -> str:
    message = shown_address(flaw.message)
    return f"{message}, {shown_address(flaw.hint)}" if flaw.hint else message
