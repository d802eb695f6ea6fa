"""The plans of a controller, without one: observe and decide, and nothing else.

The same pure functions as in a cycle are applied to the desired state, a journal that is only read, and one look at
each engine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from evenkeel.controller.cycle.domain import AnyDomain, Groundwork
from evenkeel.controller.cycle.in_force import failed_groups
from evenkeel.controller.cycle.proven import kept_text, proven_in
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.transaction.preconditions import Present, has_preconditions, no_values, waiting_groups
from evenkeel.reconcilers.capabilities import revealing, tagged
from evenkeel.reconcilers.counted import reasons
from evenkeel.reconcilers.fold import blocked_subjects
from evenkeel.reconcilers.ports import AnyReconciler, Former
from evenkeel.reconcilers.transaction.groups import Groups, group_text, groups, has_groups
from evenkeel.reconcilers.wanted import differing
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Observation
from evenkeel.specs.plan import NOTHING_DONE, Plan
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


class _Looked(NamedTuple):
    """The plans for one state, with what is said about them."""

    plans: tuple[DomainPlan, ...]
    notes: tuple[str, ...]
    asides: tuple[str, ...]
    fails_at: tuple[str, ...]
    unseen: Mapping[str, str] = {}
    """Groups that change what cannot be looked at, and why."""


async def preview(
    domains: Sequence[AnyDomain], journal: Journal, desired: DesiredState, present: Present = no_values
) -> Preview:
    """The plans for `desired`, and the faults at which they would fail now. Nothing is done for a group of which a subject
    is blocked: its subjects are shown as blocked, and planned is what the controller does instead. A domain that cannot
    be looked at is a note when nothing else is asked of it than was good; groups of which that is not so wait for it. So do
    groups whose preconditions do not hold by the `present` values.
    Raises Unavailable, TimedOut, Refused, JournalError."""
    good = journal.readable_revision("last-good")
    found = groups(desired, good) if has_groups(desired) else None
    looked = whole = await _looked(domains, journal, desired, good, found)
    held: dict[str, str] = {}
    unmet = waits = waiting_groups(journal, found, present) if found is not None and has_preconditions(desired) else {}
    while found is not None and (
        more := {**_blocked(found, looked.plans, held, desired, good), **looked.unseen, **unmet}
    ):
        unmet, waits = {}, {**looked.unseen, **waits}
        held |= more
        held |= found.along(held)
        looked = await _looked(domains, journal, found.without(held), good)
    if found is not None and held:
        repaired = _repaired(found, looked.plans, held)
        looked = looked._replace(
            plans=tuple(_with_held(each, looked.plans, found, held, waits) for each in whole.plans),
            notes=(
                *looked.notes,
                *(f"{group_text(each)} {_stays(each, held, waits)}; it is repaired" for each in repaired),
            ),
        )
    looked = looked._replace(
        notes=(*looked.notes, *(f"{group_text(each)} waits: {why}" for each, why in waits.items()))
    )
    told = revision_notes(journal, [each.name for each in domains], desired)
    notes = *told, *looked.asides, *looked.fails_at, *looked.notes
    return Preview(looked.plans, notes, looked.fails_at, found.of if found is not None else {})


async def _looked(
    domains: Sequence[AnyDomain],
    journal: Journal,
    state: DesiredState,
    good: DesiredState | None,
    found: Groups | None = None,
) -> _Looked:
    """The plans for a state. `found`: its groups, where some may wait for a domain that cannot be looked at."""
    plans: list[DomainPlan] = []
    asides: list[str] = []
    fails_at: list[str] = []
    notes: list[str] = []
    unseen: dict[str, str] = {}
    away: list[Unavailable | TimedOut | Refused] = []
    for each in domains:
        reconciler = each.reconciler
        want, memory = reconciler.select(state), journal.memories.of(reconciler.memory)
        former = Former(reconciler.select(good) if good is not None else None, want)
        if reconciler.is_idle([want, *([former.good] if former.good is not None else [])], memory):
            continue
        try:
            seen = await each.driver.observe(reconciler.look(want, memory))
        except (Unavailable, TimedOut, Refused) as error:
            changed_here = differing(want, former.good) if former.good is not None else tuple(want.subjects)
            waiting = found.of_subjects(each.name, changed_here) if found is not None else frozenset()
            if waiting and found is not None and not found.changed().keys() <= waiting:
                unseen |= dict.fromkeys(sorted(waiting), f"{each.name} cannot be looked at: {error.message}")
                continue
            if changed_here or len(domains) == 1:
                raise
            if want.subjects:
                away.append(error)
            what = "nothing else is asked for than was good" if want.subjects else "nothing is asked for"
            notes.append(f"{each.name}: {what}, and nobody could look: {error.message}")
            continue
        plan = reconciler.plan(reconciler.diff(want, seen, memory), seen, memory, former)
        foreseen = await each.foresee(plan, seen, _groundwork(plans))
        plans.append(DomainPlan(reconciler, plan, foreseen.seen))
        kept = "the content before is kept until the tag names another one or somebody runs `evenkeel retry`"
        aside = tagged(reconciler).set_aside(want, foreseen.seen, memory, {})
        asides += [f"{name}: {each.why}; {kept}" for name, each in aside.items()]
        fails_at += foreseen.fails_at
        notes += foreseen.notes
    if away and not any(each.plan.stages for each in plans):
        raise away[0]  # nothing is to be done elsewhere, and what is to be done here nobody knows
    return _Looked(tuple(plans), tuple(notes), tuple(asides), tuple(fails_at), unseen)


def _blocked(
    found: Groups, plans: Sequence[DomainPlan], held: Collection[str], desired: DesiredState, good: DesiredState | None
) -> dict[str, str]:
    """The groups that would change, and of which a subject that changes cannot be had, with the reasons; without those that
    are held."""
    changing = found.changed().keys() - held
    return {
        group: reasons(found.own(group, each.plan.domain, blocked).items())
        for each in plans
        for changes in (_changes(each, desired, good),)
        for blocked in ({name: why for name, why in blocked_subjects(each.plan).items() if name in changes},)
        for group in sorted(found.of_subjects(each.plan.domain, blocked))
        if group in changing
    }


def _changes(plan: DomainPlan, desired: DesiredState, good: DesiredState | None) -> Collection[str]:
    """The subjects of a domain that differ from last-good."""
    want = plan.reconciler.select(desired)
    return differing(want, plan.reconciler.select(good)) if good is not None else want.subjects


def _repaired(found: Groups, plans: Sequence[DomainPlan], held: Collection[str]) -> list[str]:
    """The groups that are held, and of which something is done to be as it was."""
    steps = {(each.plan.domain, step.subject) for each in plans for stage in each.plan.stages for step in stage.steps}
    return sorted({found.of[each] for each in steps if each in found.of} & set(held))


def _stays(group: str, held: Mapping[str, str], waits: Collection[str]) -> str:
    return f"{'waits' if group in waits else 'cannot be had'}: {held[group]}"


def _with_held(
    whole: DomainPlan, rest: Sequence[DomainPlan], found: Groups, held: Mapping[str, str], waits: Collection[str]
) -> DomainPlan:
    """The plan of a domain for the state without the groups that are held, with the differences of their subjects from the
    plan for all."""
    domain = whole.plan.domain
    instead = next((each for each in rest if each.plan.domain == domain), None)
    plan = instead.plan if instead is not None else Plan(domain)
    shown = {each.subject: each for each in plan.differences}
    for each in whole.plan.differences:
        group = found.of.get((domain, each.subject), "")
        stays = each.subject not in shown or shown[each.subject].verb in NOTHING_DONE
        if group in held and each.verb != "keep" and stays:
            why = each.why if each.verb == "blocked" else f"{group_text(group)} {_stays(group, held, waits)}"
            shown[each.subject] = changed(each, verb="blocked", why=why)
    return (instead or whole)._replace(plan=changed(plan, differences=tuple(shown[name] for name in sorted(shown))))


def _groundwork(plans: Sequence[DomainPlan]) -> Groundwork:
    """The work of these plans that the next one can rely on."""
    traits = [step.action.traits for each in plans for stage in each.plan.stages for step in stage.steps]
    paths = [PurePosixPath(path) for each in traits for path in each.provides]
    places = frozenset(each.opens for each in traits if each.opens)
    return Groundwork(frozenset(str(found) for path in paths for found in (path, *path.parents)), places)


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
