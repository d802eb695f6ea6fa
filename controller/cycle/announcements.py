"""The announcements of a plan that is being carried out: one for each subject.

A plan is made anew at every look, so the same difference is seen many times until it is gone. A difference that appears
while others are being repaired comes from no request. It is drift, and has an entry of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from evenkeel.controller.cycle.record import Record
from evenkeel.controller.journal.journal import Journal, Role, at_once
from evenkeel.reconcilers.counted import listed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Kind
from evenkeel.specs.plan import NOTHING_DONE, NOTIFIED, OUTSTANDING, Difference, Plan
from evenkeel.specs.problem import place_text

Differing = Callable[[DesiredState, DesiredState], tuple[str, ...]]
"""The subjects of the domain that differ between two states."""
_SWITCHES = ("create", "recreate", "remove", "install", "boot")
_BACK = "it goes back to last-good"


@dataclass
class _Said:
    """The announcements of one revision: the subjects that had drifted at the first, all that differ since, and those that
    were announced."""

    digest: str
    drifted: set[str]
    differing: set[str]
    announced: set[str] = field(default_factory=set)


class Announcements:
    """The announcements of each role."""

    def __init__(self, journal: Journal, record: Record, differing: Differing) -> None:
        self._journal, self._record, self._differing = journal, record, differing
        self._said: dict[Role, _Said] = {}

    @at_once
    def announce(self, role: Role, state: DesiredState, plan: Plan, *, is_repair: bool = False) -> None:
        """Announce a plan once, and whether it is drift: a difference that no request made. All of a plan that
        `is_repair` is drift."""
        good = self._journal.digest("last-good")
        is_drift = is_repair or (self._record.was_settled() and good == state.digest and role == "desired")
        by = role if good else self._role_of(state.digest) or role  # the state that is kept up is the desired one
        begins = self._begin(by, state.digest, plan, is_drift=is_drift, is_repair=is_repair)
        news = tuple(self._news(by, plan))
        back, label = self._going_back(role, state), self._record.label(state.digest)
        for difference, by_nobody in news:
            kind: Kind = "drift" if by_nobody and difference.verb not in (NOTIFIED, OUTSTANDING) else "plan"
            is_back = difference.subject in back and difference.verb in _SWITCHES
            message = f"{difference.verb}: {_BACK if is_back else difference.why}"
            place = place_text(difference.asked)
            self._record.say(kind, message, subject=difference.subject, place=place, label=label)
        if not begins and not news:
            return
        names = [each.subject for each in plan.differences if each.verb not in NOTHING_DONE]
        self._record.settled_is(False, "Converging", f"{listed(names)} differ{'s' * (len(names) == 1)}")

    def _going_back(self, role: Role, state: DesiredState) -> tuple[str, ...]:
        """The subjects that were changed by a revision which just failed. Every step on them takes that change back,
        and is announced as that only."""
        if role != "last-good" or not self._record.is_going_back():
            return ()
        desired = self._journal.readable_revision("desired")
        return self._differing(desired, state) if desired is not None else ()

    def over(self, role: Role) -> None:
        """Nothing differs any more: the next plan is announced anew."""
        self._said.pop(role, None)

    def _role_of(self, digest: str) -> Role | None:
        """The role for which a plan of this revision is being carried out."""
        return next((role for role, said in self._said.items() if said.digest == digest), None)

    def _begin(self, role: Role, digest: str, plan: Plan, *, is_drift: bool, is_repair: bool) -> bool:
        """Begin to announce a plan; True when it is the first of its revision. A repair leaves alone what has not drifted."""
        said = self._said.get(role)
        if said is not None and said.digest == digest:
            return False
        left = NOTHING_DONE if is_repair else ()
        drifted = {each.subject for each in plan.differences if is_drift and each.verb not in left}
        self._said[role] = _Said(digest, drifted, {each.subject for each in plan.differences})
        return True

    def _news(self, role: Role, plan: Plan) -> Iterator[tuple[Difference, bool]]:
        """The differences that were not announced yet, each with whether it is drift. A subject that did not differ at
        the last look is new again."""
        said = self._said[role]
        differing = {each.subject for each in plan.differences}
        said.announced &= differing
        for each in plan.differences:
            if each.verb in NOTHING_DONE or each.subject in said.announced:
                continue
            said.announced.add(each.subject)
            yield each, each.subject in said.drifted or each.subject not in said.differing
        said.differing = {subject for subject in said.differing if subject in differing}
