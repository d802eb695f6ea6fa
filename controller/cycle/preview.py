"""The plans of a controller, without one: observe and decide, and nothing else.

The same pure functions as in a cycle are applied to the desired state, a journal that is only read, and one look at
each engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evenkeel.controller.cycle.domain import AnyDomain
from evenkeel.controller.cycle.in_force import failed_groups
from evenkeel.controller.cycle.proven import kept_text, proven_in
from evenkeel.controller.journal.journal import Journal
from evenkeel.reconcilers.capabilities import revealing, tagged
from evenkeel.reconcilers.ports import AnyReconciler, Former
from evenkeel.reconcilers.transaction.groups import group_text, groups, has_groups
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Observation
from evenkeel.specs.plan import Plan
from evenkeel.templates.planned import Planned as PlanTexts
from evenkeel.templates.planned import planned


class DomainPlan(NamedTuple):
    """The plan of one domain, and its inputs."""

    reconciler: AnyReconciler
    plan: Plan
    seen: Observation

    def revealed(self) -> DomainPlan:
        """The same plan with secret values, for a terminal only."""
        return self._replace(plan=revealing(self.reconciler).revealed(self.plan, self.seen))


class Preview(NamedTuple):
    """The plans of all domains, in the order of their switches, with their notes. `fails_at`: the faults at which they
    would fail now; these are among the notes. `groups`: the group of each subject by its domain and name, where the
    desired state has groups."""

    plans: tuple[DomainPlan, ...]
    notes: tuple[str, ...]
    fails_at: tuple[str, ...] = ()
    groups: Mapping[tuple[str, str], str] = {}

    def texts(self, *, show_values: bool = False) -> list[PlanTexts]:
        """The plans in the form in which they are printed. `show_values`: with secret values, for a terminal only."""
        plans = [each.revealed() for each in self.plans] if show_values else self.plans
        return [planned(each.plan, each.seen) for each in plans]

    @property
    def does_something(self) -> bool:
        """Whether any plan has a step."""
        return any(each.plan.stages for each in self.plans)

    @property
    def is_blocked(self) -> bool:
        """Whether something in the desired state cannot be done."""
        return any(difference.verb == "blocked" for each in self.plans for difference in each.plan.differences)


async def preview(domains: Sequence[AnyDomain], journal: Journal, desired: DesiredState) -> Preview:
    """The plans for `desired`, and the faults at which they would fail now. A domain that cannot be looked at is a note
    when nothing is asked of it. Raises Unavailable, TimedOut, Refused, JournalError."""
    good = journal.readable_revision("last-good")
    plans: list[DomainPlan] = []
    asides: list[str] = []
    fails_at: list[str] = []
    notes: list[str] = []
    for each in domains:
        reconciler = each.reconciler
        want, memory = reconciler.select(desired), journal.memories.of(reconciler.memory)
        former = Former(reconciler.select(good) if good is not None else None, want)
        if reconciler.is_idle([want, *([former.good] if former.good is not None else [])], memory):
            continue
        try:
            seen = await each.driver.observe(reconciler.look(want, memory))
        except (Unavailable, TimedOut, Refused) as error:
            if want.subjects or len(domains) == 1:
                raise
            notes.append(f"{each.name}: nothing is asked for, and nobody could look: {error.message}")
            continue
        plan = reconciler.plan(reconciler.diff(want, seen, memory), seen, memory, former)
        foreseen = await each.foresee(plan, seen, _provided(plans))
        plans.append(DomainPlan(reconciler, plan, foreseen.seen))
        kept = "the content before is kept until the tag names another one or somebody runs `evenkeel retry`"
        aside = tagged(reconciler).set_aside(want, foreseen.seen, memory, {})
        asides += [f"{name}: {each.why}; {kept}" for name, each in aside.items()]
        fails_at += foreseen.fails_at
        notes += foreseen.notes
    told = revision_notes(journal, [each.name for each in domains], desired)
    of = groups(desired, good).of if has_groups(desired) else {}
    return Preview(tuple(plans), (*told, *asides, *fails_at, *notes), tuple(fails_at), of)


def _provided(plans: Sequence[DomainPlan]) -> frozenset[str]:
    """Paths of the host that these plans provide."""
    steps = [step for each in plans for stage in each.plan.stages for step in stage.steps]
    return frozenset(step.action.traits.provides for step in steps) - {""}


def revision_notes(journal: Journal, domains: Sequence[str], desired: DesiredState) -> tuple[str, ...]:
    """The remarks of the journal about this revision, in sentences."""
    attempt = journal.attempts.of(desired.digest)
    if attempt is None:
        until = "it stays as it was good until its specs change or somebody runs `evenkeel retry`"
        return tuple(
            f"{group_text(each)} failed before: {why}; {until}" for each, why in failed_groups(journal, desired).items()
        )
    if not attempt.failed:
        times = "once" if attempt.failures == 1 else f"{attempt.failures} times"
        return (f"revision {desired.digest} failed {times} so far: {attempt.why}",)
    good = journal.digest("last-good")
    kept = f"the controller keeps {good} (last good)" if good and good != desired.digest else ""
    kept = kept or kept_text(*(proven_in(journal, domain, desired.digest) for domain in domains))
    return (
        f"revision {desired.digest} failed before: {attempt.why}",
        f"{kept} until the specs change or somebody runs `evenkeel retry`; the plan is what a retry would do",
    )
