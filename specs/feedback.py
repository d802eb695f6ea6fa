"""Feedback of evenkeel about its work: numbered entries, and conditions.

Feedback is a stream of events; each entry gets a number and is stored before anybody is told, so that nothing said is
lost and nothing is said twice under one number. A condition is a named truth about the device now. Wire dialects
(Kanto's status messages and others) are made from these two at the edge and from nothing else.
"""

from __future__ import annotations

import re
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
    "operation",
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


_OF_MANY: tuple[Kind, ...] = (
    "revision-failed",
    "rolling-back",
    "rolled-back",
    "settled",
    "stalled",
    "health",
    "left-over",
)
"""Kinds of entries that tell of many subjects in one sentence (`reconcilers.counted`)."""
OF_ONE_DOMAIN: tuple[Kind, ...] = ("health", "left-over")
"""Kinds of entries that name subjects of their own domain only, without being about one of them."""
_AND_MORE = re.compile(r"\band [\d,]+ more\b")


def is_about(entry: Feedback, subject: str) -> bool:
    """Whether an entry is about a subject, or may be. An entry that names only some of many subjects may be about any,
    and reading it in vain is better than missing it. The others are not stored: they would be as long as the fleet, in
    every such entry."""
    is_counted = not entry.subject and entry.kind in _OF_MANY and _AND_MORE.search(entry.message) is not None
    return is_counted or is_surely_about(entry, subject)


def is_surely_about(entry: Feedback, subject: str) -> bool:
    """Whether an entry is about a subject, or names it: an entry about a whole revision names the subjects that it
    failed by."""
    return subject in (entry.subject, entry.message) or (not entry.subject and names(entry.message, subject))


def names(text: str, subject: str) -> bool:
    """Whether a text names a subject."""
    return re.search(rf"(?<![\w.-]){re.escape(subject)}(?![\w-])", text) is not None


ConditionName = Literal[
    "SourceValid",
    "EngineReachable",
    "BrokerReachable",
    "ConnectorReachable",
    "Settled",
    "Healthy",
    "ContentCurrent",
    "CleanedUp",
    "ActivityCompleted",
    "AgentReachable",
    "OperationCompleted",
    "StateWritable",
    "Defect",
]
"""In the order in which they are shown."""


class SetAside(Struct, frozen=True):
    """Content that was tried and failed: the tag that names it, and why it is not used."""

    image: str
    why: str


class Refused(Struct, frozen=True):
    """A desired state over MQTT that became no activity: why, and when (epoch seconds)."""

    text: str
    at: float


class Condition(Struct, frozen=True):
    """A named truth: whether it holds, a CamelCase reason, a sentence for people, and since when (epoch seconds).
    `set_aside`: the content that `ContentCurrent` is about, by subject. `refused`: with `ActivityCompleted`, the newest message
    that was refused since the end of which the rest tells. `domain`: the domain that it is a truth of; "" for the device.
    `groups`: with `Settled`, the groups that cannot be had, and why; `waiting`: those that are not fetched yet. "" is what
    is in no group."""

    name: ConditionName
    holds: bool
    reason: str
    message: str = ""
    since: float = 0.0
    set_aside: dict[str, SetAside] = {}
    refused: Refused | None = None
    domain: str = ""
    groups: dict[str, str] = {}
    waiting: dict[str, str] = {}


class StepAtWork(Struct, frozen=True):
    """A step that is being performed. `text`: its action. `far`: its progress, in words. `for_s`: for how many seconds
    it has been at work. `done` of `total`: bytes of a pull, seconds of a proof; a `total` of 0 is unknown. `domain`: that of
    the subject; subjects of two domains may have one name."""

    subject: str
    phase: str
    text: str
    for_s: float = 0.0
    far: str = ""
    done: int = 0
    total: int = 0
    domain: str = ""


class Work(Struct, frozen=True):
    """The work of the controller. `error`: why the newest try failed, "" when nothing fails. `waits_for`: the part of
    the world without which nothing can be done. `again_s`: seconds until it looks again by itself for either of the
    two, 0 when it does not know."""

    steps: tuple[StepAtWork, ...] = ()
    error: str = ""
    waits_for: str = ""
    again_s: float = 0.0


class Standing(Struct, frozen=True):
    """The state of the device now, in the words of the controller at work. `trouble`: why it works from memory; "" when
    it does not, and the journal holds the same conditions and digests. `work` is stored nowhere."""

    conditions: tuple[Condition, ...]
    desired: str = ""
    last_good: str = ""
    trouble: str = ""
    work: Work = Work()
