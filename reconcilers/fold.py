"""The meaning of one stage's outcomes for the revision.

Three endings of a step become one decision about the revision: go on, try again later, or give it up. Fetching may fail
for ever without harm, because nothing was disturbed yet; in every later phase a revision has a number of tries.
Last-good is never given up: there is nothing better to go back to.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.counted import reasons
from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Difference, Done, Failed, Outcome, Phase, Plan, Retry, Stage


class GoOn(NamedTuple):
    """Every step of the stage ended well."""


class TryAgain(NamedTuple):
    """Some step may succeed later; not before `after_s` seconds (0: the back-off decides). `counts`: it was one of the tries of
    the revision."""

    why: str
    after_s: float
    counts: bool = True


class GiveUp(NamedTuple):
    """The revision will not succeed. `blamed`: the subjects for which it is given up, and why: those that failed for good;
    where none did, those that would be tried again."""

    why: str
    blamed: Mapping[str, str] = {}


Decision = GoOn | TryAgain | GiveUp


def fold(
    stage: Stage,
    outcomes: Mapping[str, Outcome],
    *,
    failures: int,
    tries: int,
    is_last_good: bool,
    has_way_back: bool = True,
    changes: Container[str] | None = None,
    sick: Container[str] | None = None,
) -> Decision:
    """The decision about a revision. `failures`: how often it failed before; `tries`: how often a disturbing phase may.
    A step without an outcome was cancelled; that is no failure.

    A revision fails by what it `changes` (`None`: the changes are unknown). Another subject counts only where it was
    well before the revision disturbed anything: `sick` are those that were not (`None`: nothing was disturbed yet). A
    defect of evenkeel's own at such a subject never counts, because going back does not help.

    Without a way back, an external cause is waited for as long as it takes, because nothing better can be put in place,
    and so is a defect.
    """
    bad = [(step.subject, o) for step in stage.steps if isinstance(o := outcomes.get(step.id), Failed | Retry)]
    if is_last_good:
        return TryAgain(_why(bad), 0.0) if bad else GoOn()
    own = [(subject, o) for subject, o in bad if not _is_blameless(subject, o, changes, sick)]
    if not own:
        return TryAgain(_why(bad), max(_after_s(o) for _, o in bad), counts=False) if bad else GoOn()
    if any(isinstance(o, Failed) for _, o in own):
        return GiveUp(_why(own), {subject: o.message for subject, o in own if isinstance(o, Failed)})
    waits = not has_way_back and all(isinstance(o, Retry) and (o.outside or o.defect) for _, o in own)
    after_s = max(_after_s(o) for _, o in own)
    if stage.phase == Phase.DOWNLOAD or waits:
        return TryAgain(_why(own), after_s)
    return one_more(_why(own), failures, tries, after_s, {subject: o.message for subject, o in own})


def _is_blameless(subject: str, outcome: Outcome, changes: Container[str] | None, sick: Container[str] | None) -> bool:
    if changes is None or subject in changes:
        return False
    return sick is None or subject in sick or (isinstance(outcome, Retry) and outcome.defect)


def _why(bad: Sequence[tuple[str, Failed | Retry]]) -> str:
    """Those that failed for good come first."""
    final = [(subject, o.message) for subject, o in bad if isinstance(o, Failed)]
    passing = [(subject, o.message) for subject, o in bad if isinstance(o, Retry)]
    return "; ".join(filter(None, (reasons(final), reasons(passing))))


def _after_s(outcome: Outcome) -> float:
    return outcome.after_s if isinstance(outcome, Retry) else 0.0


def one_more(
    why: str, failures: int, tries: int, after_s: float = 0.0, blamed: Mapping[str, str] = {}
) -> TryAgain | GiveUp:
    """The decision after one more failure of a revision that had so many `failures`."""
    if failures + 1 >= tries:
        return GiveUp(f"{why} (tried {failures + 1} times)", blamed)
    return TryAgain(why, after_s)


def failures(stage: Stage, outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """The subjects that have failed, with the reasons."""
    return {
        step.subject: outcome.message
        for step in stage.steps
        if isinstance(outcome := outcomes.get(step.id), Failed | Retry)
    }


def started(plan: Plan, outcomes: Mapping[str, Outcome]) -> Stage | None:
    """The proofs of a plan whose needs have all ended well; `None` when there are none. Where there is nothing to go back
    to, they are made although other steps have failed, because only what is proven is kept up."""
    proofs = [step for stage in plan.stages for step in stage.steps if step.phase == Phase.VERIFY]
    ready = [
        step
        for step in proofs
        if step.id not in outcomes and all(isinstance(outcomes.get(need), Done) for need in step.needs)
    ]
    return Stage(Phase.VERIFY, tuple(ready)) if ready else None


def set_aside(difference: Difference, stuck: Mapping[str, str]) -> Difference:
    """The difference, with the reason why nothing is done, if its subject is `stuck`. A subject that could not be
    changed in place is at work all the same, and holds up none that depend on it."""
    if difference.subject not in stuck:
        return difference
    return changed(difference, verb="keep" if difference.in_place else "blocked", why=stuck[difference.subject])


def blocked(plan: Plan) -> str:
    """The reason why a plan without steps is not settled; "" when it is."""
    return reasons(blocked_subjects(plan).items())


def blocked_subjects(plan: Plan) -> dict[str, str]:
    """The subjects of a plan that cannot be had, and why."""
    return {each.subject: each.why for each in plan.differences if each.verb == "blocked"}


def at_most_cleans(plan: Plan) -> bool:
    """Whether no stage but CLEANUP is left: only old instances have to be removed."""
    return all(stage.phase == Phase.CLEANUP for stage in plan.stages)


def unfinished(plan: Plan) -> set[str]:
    """Subjects that need more than the removal of old instances, or that are blocked."""
    steps = (step for stage in plan.stages for step in stage.steps)
    blocked = {each.subject for each in plan.differences if each.verb == "blocked"}
    return blocked | {step.subject for step in steps if step.phase != Phase.CLEANUP}
