"""Old instances that could not be removed.

A leftover is no reason to take back what is proven, and does not hold up the next revision. Its removal is tried again
after a pause that doubles. Nothing here is kept over a restart: the leftover is seen again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from evenkeel.reconcilers.counted import reasons
from evenkeel.specs.plan import Done, Outcome, Step

_FIRST_S, _LONGEST_S = 1.0, 600.0


class _Leftover(NamedTuple):
    """`due` is a time of the event loop."""

    subject: str
    why: str
    failures: int
    due: float


class Leftovers:
    """The leftovers of one domain, by the id of the step that removes each."""

    def __init__(self) -> None:
        self._of: dict[str, _Leftover] = {}

    def note(self, steps: Iterable[Step], outcomes: Mapping[str, Outcome]) -> None:
        """Remember the removals that failed."""
        now = asyncio.get_running_loop().time()
        for step in steps:
            outcome = outcomes.get(step.id)
            if outcome is None:
                continue
            if isinstance(outcome, Done):
                self._of.pop(step.id, None)
                continue
            failures = self._of[step.id].failures + 1 if step.id in self._of else 1
            pause_s = min(_LONGEST_S, _FIRST_S * 2.0 ** min(failures - 1, 30))
            self._of[step.id] = _Leftover(step.subject, outcome.message, failures, now + pause_s)

    def is_due(self, step: Step) -> bool:
        """Whether a step may be performed now. Only a removal that failed a moment ago may not."""
        leftover = self._of.get(step.id)
        return leftover is None or asyncio.get_running_loop().time() >= leftover.due

    def keep(self, steps: Iterable[Step]) -> None:
        """Forget the leftovers that are gone, so that no step removes them any more."""
        ids = {step.id for step in steps}
        self._of = {id_: leftover for id_, leftover in self._of.items() if id_ in ids}

    @property
    def why(self) -> str:
        """The leftovers with their reasons; "" when there are none."""
        return reasons((leftover.subject, leftover.why) for leftover in self._of.values())

    def due_in_s(self) -> float:
        """Seconds until the next removal is tried; meaningful while something is left over."""
        now = asyncio.get_running_loop().time()
        return max(0.0, min((leftover.due for leftover in self._of.values()), default=now) - now)
