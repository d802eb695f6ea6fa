"""The endings of a cycle of one domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.counted import listed
from evenkeel.specs.plan import Phase

PROVEN = "everything asked for is there and proven"


class Settled(NamedTuple):
    """The observed state is the desired one. `left_over`: old instances that could not be removed, and why; their
    removal is tried again in `again_s` seconds. `unwell`: subjects that are there and not well by the same look, and
    why. `ended`: subjects that have ended well, as they may."""

    left_over: str = ""
    again_s: float = 0.0
    unwell: Mapping[str, str] = {}
    ended: tuple[str, ...] = ()

    @property
    def how(self) -> str:
        """The ending in words."""
        if self.unwell:
            return f"everything asked for is there; not well: {listed(self.unwell, 10)}"
        return f"{PROVEN}; ended with exit code 0: {listed(self.ended, 10)}" if self.ended else PROVEN


class Progressed(NamedTuple):
    """A stage ended well; look again at once."""


class Waiting(NamedTuple):
    """A stage or a verdict has to wait for `why`. A nudge will come, or the next look is due in `again_s` seconds."""

    why: str
    again_s: float = 0.0


class Retrying(NamedTuple):
    """A failure that may pass; the next try is due after `after_s` seconds at the earliest (0: the back-off decides).
    `phase`: of the stage that failed; `None` when none was tried. `failed`: the reason, by subject. `counts`: it was
    one of the tries of the revision."""

    why: str
    after_s: float
    phase: Phase | None
    failed: Mapping[str, str] = {}
    counts: bool = True


class Stalled(NamedTuple):
    """Nothing more will be tried until something changes. `blocked`: the subjects that cannot be had, and why."""

    why: str
    blocked: Mapping[str, str] = {}


Ending = Settled | Progressed | Waiting | Retrying | Stalled


def foremost(endings: Sequence[Ending]) -> Ending:
    """The ending of all domains together. An ending that goes on comes before one that retries, and that before one
    that waits. Without any of these, all have settled or one is stalled."""
    order = (Progressed, Retrying, Waiting, Stalled, Settled)
    found = min(endings, key=lambda each: order.index(type(each)))
    if not isinstance(found, Settled) or len(endings) == 1:
        return found
    unwell = {subject: why for each in endings if isinstance(each, Settled) for subject, why in each.unwell.items()}
    ended = tuple(subject for each in endings if isinstance(each, Settled) for subject in each.ended)
    left = [each for each in endings if isinstance(each, Settled) and each.left_over]
    why, again_s = "; ".join(each.left_over for each in left), min((each.again_s for each in left), default=0.0)
    return Settled(why, again_s, unwell, ended)


STOPPED = Waiting("told to stop")
