"""Old instances that could not be removed.

A leftover is no reason to take back what is proven, and does not hold up the next revision. Its removal is tried again
after a pause that doubles. Nothing here is kept over a restart: the leftover is seen again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from evenkeel.controller.cycle.pauses import Pauses
from evenkeel.reconcilers.counted import reasons
from evenkeel.specs.plan import Done, Outcome, Step

_FIRST_S, _LONGEST_S = 1.0, 600.0


class _Leftover(NamedTuple):
    subject: str
    why: str


class Leftovers:
    """The leftovers of one domain, by the id of the step that removes each."""

    def __init__(self) -> None:
        self._of: dict[str, _Leftover] = {}
        self._pauses = Pauses(_FIRST_S, _LONGEST_S)

    def note(self, steps: Iterable[Step], outcomes: Mapping[str, Outcome]) -> None:
        """Remember the removals that failed."""
        for step in steps:
            outcome = outcomes.get(step.id)
            if isinstance(outcome, Done):
                self._of.pop(step.id, None)
                self._pauses.forget(step.id)
            elif outcome is not None:
                self._of[step.id] = _Leftover(step.subject, outcome.message)
                self._pauses.failed(step.id)

    def is_due(self, step: Step) -> bool:
        """Whether a step may be performed now. Only a removal that failed a moment ago may not."""
        return self._pauses.is_over(step.id)

    def keep(self, steps: Iterable[Step]) -> None:
        """Forget the leftovers that are gone, so that no step removes them any more."""
        ids = {step.id for step in steps}
        self._of = {id_: leftover for id_, leftover in self._of.items() if id_ in ids}
        self._pauses.keep(ids)

    @property
    def why(self) -> str:
        """The leftovers with their reasons; "" when there are none."""
        return reasons(self._of.values())

    def due_in_s(self) -> float:
        """Seconds until the next removal is tried; meaningful while something is left over."""
        return min(self._pauses.left_s(), default=0.0)
