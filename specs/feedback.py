"""What evenkeel says about its work: numbered feedback, and conditions.

Feedback is a stream of things that happened; each entry gets a number and is stored before anybody is told, so that nothing
said is lost and nothing is said twice under one number. A condition is a named truth about the device now. Wire dialects
(Kanto's status messages and others) are made from these two at the edge and from nothing else.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal[
    "source-broken",
    "source-restored",
    "source-empty",
    "source-overruled",
    "revision-accepted",
    "revision-good",
    "revision-failed",
    "revision-retried",
    "rolling-back",
    "rolled-back",
    "plan",
    "step-started",
    "step-done",
    "step-retrying",
    "step-failed",
    "settled",
    "stalled",
    "drift",
    "engine-lost",
    "engine-found",
    "health",
    "left-over",
    "adopted",
    "activity",
    "message-ignored",
    "message-refused",
    "released",
    "defect",
    "defect-over",
    "state-lost",
    "state-restored",
    "entries-dropped",
    "started",
    "stopped",
]
"""Every kind of entry; docs/reference/events.md explains each."""


class Feedback(Struct, frozen=True, omit_defaults=True):
    """One thing that happened. `at` is seconds since the epoch; `seq` rises by one and is 0 until the journal has it."""

    kind: Kind
    message: str
    seq: int = 0
    at: float = 0.0
    domain: str = ""
    revision: str = ""
    cycle: str = ""
    subject: str = ""
    phase: str = ""
    step: str = ""
    place: str = ""
    seconds: float = 0.0


ConditionName = Literal[
    "SourceValid",
    "EngineReachable",
    "BrokerReachable",
    "Settled",
    "Healthy",
    "ContentCurrent",
    "CleanedUp",
    "ActivityCompleted",
    "StateWritable",
    "Defect",
]
"""In the order in which they are shown."""


class SetAside(Struct, frozen=True):
    """Content that was tried and failed: the tag that names it, and why it is not used."""

    image: str
    why: str


class Condition(Struct, frozen=True):
    """A named truth: whether it holds, a CamelCase reason, a sentence for people, and since when (epoch seconds).
    `set_aside`: the content that `ContentCurrent` is about, by subject."""

    name: ConditionName
    holds: bool
    reason: str
    message: str = ""
    since: float = 0.0
    set_aside: dict[str, SetAside] = {}


class Standing(Struct, frozen=True):
    """How the device is now, in the words of the controller at work: for when it cannot store that. `trouble`: why it works
    from memory, "" when it does not, and the journal tells the same."""

    conditions: tuple[Condition, ...]
    desired: str = ""
    last_good: str = ""
    trouble: str = ""
