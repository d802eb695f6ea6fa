"""What was said of a plan that is being carried out, so that each subject is announced once.

A plan is made anew at every look, so that the same difference is seen many times until it is gone. What begins to differ while
others are being repaired was asked for by nobody: it is drift, and has an entry of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from evenkeel.specs.plan import Difference, Plan

_NOTHING_DONE = ("keep", "blocked")


@dataclass
class _Said:
    """Of one revision: the kind of its first announcement, all subjects that differ since, and those that were announced."""

    digest: str
    is_drift: bool
    differing: set[str]
    announced: set[str] = field(default_factory=set)


class News(NamedTuple):
    """A difference to announce. `is_drift`: nobody asked for it."""

    difference: Difference
    is_drift: bool


class Announcements:
    """What was said in the name of each role."""

    def __init__(self) -> None:
        self._said: dict[str, _Said] = {}

    def role_of(self, digest: str) -> str:
        """The role for which a plan of this revision is being carried out, "" when there is none."""
        return next((role for role, said in self._said.items() if said.digest == digest), "")

    def begin(self, role: str, digest: str, plan: Plan, *, is_drift: bool) -> bool:
        """A plan is about to be carried out; whether it is the first of its revision."""
        said = self._said.get(role)
        if said is not None and said.digest == digest:
            return False
        self._said[role] = _Said(digest, is_drift, {each.subject for each in plan.differences})
        return True

    def news(self, role: str, plan: Plan) -> Iterator[News]:
        """What of the plan was not announced yet. A subject that did not differ at the last look is new again."""
        said = self._said[role]
        differing = {each.subject for each in plan.differences}
        said.announced &= differing
        for each in plan.differences:
            if each.verb in _NOTHING_DONE or each.subject in said.announced:
                continue
            said.announced.add(each.subject)
            yield News(each, said.is_drift or each.subject not in said.differing)
        said.differing = {subject for subject in said.differing if subject in differing}

    def over(self, role: str) -> None:
        """Nothing differs any more."""
        self._said.pop(role, None)
