"""The facts about one subject of any domain, from the journal and the controller at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from evenkeel.reconcilers.ports import Remembered, Seen, Want

if TYPE_CHECKING:
    from collections.abc import Collection

    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.journal.journal import Journal, Role
    from evenkeel.reconcilers.ports import Reconciler
    from evenkeel.specs.desired import DesiredState, Document
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.feedback import StepAtWork
    from evenkeel.specs.repeats import Repeated
    from evenkeel.specs.settings.settings import Settings

_MOST_ENTRIES = 15


class Facts(NamedTuple):
    """The facts of one subject. `state` is in force, in the role `in_force`; `document` asks for the subject in it,
    `wish` in the desired one. `happened`: it has entries of its own. The others are as in
    `templates.describe_text.Described`."""

    state: DesiredState
    in_force: Role
    document: Document | None
    wish: Document | None
    roles: tuple[tuple[str, str], ...]
    group: str | None
    failure: str
    given_up: bool
    blocked: str
    happened: bool
    entries: tuple[Repeated, ...]
    steps: tuple[StepAtWork, ...]


class Sight(NamedTuple, Generic[Want, Seen, Remembered]):
    """One look at a domain for a state. `away`: why it could not be looked at; then `seen` is empty."""

    want: Want
    memory: Remembered
    seen: Seen
    away: EvenkeelError | None


async def look_at(
    domain: Domain[Want, Seen, Remembered], journal: Journal, state: DesiredState, empty: Seen
) -> Sight[Want, Seen, Remembered]:
    """Look at this device alone, without registries. `empty`: an observation of nothing."""
    from evenkeel.specs.codec import changed
    from evenkeel.specs.errors import Refused, TimedOut, Unavailable

    decisions = domain.reconciler
    want, memory = decisions.select(state), journal.memories.of(decisions.memory)
    try:
        seen = await domain.driver.observe(changed(decisions.look(want, memory), here_only=True))
    except (Unavailable, TimedOut, Refused) as error:
        return Sight(want, memory, empty, error)
    return Sight(want, memory, seen, None)


class LookedUp(NamedTuple, Generic[Want, Seen, Remembered]):
    """All that a description begins with: the facts of a subject, one look at its domain for the state in force, and the
    domain's decisions. `wanted`: the domain's part of the desired state."""

    facts: Facts
    sight: Sight[Want, Seen, Remembered]
    wanted: Want
    decisions: Reconciler[Want, Seen, Remembered]


async def looked_up(
    settings: Settings, journal: Journal, domain: str, name: str, empty: Seen
) -> LookedUp[Any, Seen, Any]:
    """The subject `name` of a domain. `empty`: an observation of nothing. Raises JournalError."""
    from evenkeel.controller.cli.reaching import open_domain
    from evenkeel.specs.desired import DesiredState

    facts = facts_of(settings, journal, domain, name)
    async with open_domain(settings, domain) as found:
        sight = await look_at(found, journal, facts.state, empty)
    wanted = found.reconciler.select(journal.revision("desired") or DesiredState())
    return LookedUp(facts, sight, wanted, found.reconciler)


def facts_of(settings: Settings, journal: Journal, domain: str, name: str) -> Facts:
    """The facts about the subject `name` of a domain. Raises JournalError."""
    from evenkeel.controller.cli.history import Wanted, entries
    from evenkeel.controller.cycle.in_force import failed_groups, role_in_force
    from evenkeel.reconcilers.transaction.groups import groups, has_groups
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.feedback import names
    from evenkeel.specs.repeats import folded

    in_force = role_in_force(journal)
    desired, good = journal.revision("desired") or DesiredState(), journal.revision("last-good")
    attempt, failed = journal.attempts.of(journal.digest("desired")), failed_groups(journal)
    blocked = {each: why for condition in journal.conditions() for each, why in condition.groups.items()}
    group = groups(desired, good).of.get((domain, name)) if has_groups(desired) else None
    is_whole = attempt is not None and attempt.failed
    if (failed or blocked) and not is_whole:  # each group is by itself
        is_back = good is not None and group is not None and (group in failed or group in blocked)
        in_force = "last-good" if is_back else "desired"
    state = (good if in_force == "last-good" else desired) or DesiredState()
    subject = (domain, name)
    document, wish = state.subjects().get(subject), desired.subjects().get(subject)
    both = (("desired", desired), ("last-good", good))
    is_asked = document is not None or wish is not None
    is_given_up = is_asked and (is_whole or group in failed)
    why = attempt.why if attempt is not None else failed.get(group or "", "") if group in failed else ""
    happened = entries(journal, 0, Wanted(name, domain=domain))[0]
    return Facts(
        state,
        in_force,
        document,
        wish,
        tuple((role, each.digest) for role, each in both if each is not None and subject in each.subjects()),
        group,
        why if is_given_up or names(why, name) else "",
        is_given_up,
        blocked.get(group, "") if group is not None and not is_given_up else "",
        any(each.subject == name for each in happened),
        tuple(folded(happened)[-_MOST_ENTRIES:]),
        _at_work(settings, domain, name),
    )


def unknown_subject(journal: Journal, domain: str, name: str, also: Collection[str]) -> EvenkeelError:
    """That nothing is known of a name, with the nearest of its domain, or the kind that it is of. `also`: further
    names of the domain."""
    from evenkeel.controller.cli.names import asked_of, known_of
    from evenkeel.controller.cli.subjects import SUBJECTS, describe_hint
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.problem import likely, nearest

    others = [each for each in SUBJECTS if each != domain and name in known_of(journal, each)]
    one = SUBJECTS[domain].one
    if others:
        kinds = " and ".join(SUBJECTS[each].one for each in others)
        hint = f"there is a {kinds} of this name: {describe_hint(name, others)}"
    else:
        # A subject that is gone has entries to be shown, but is no choice for a name that is near nothing.
        hint = likely(name, {*also, *known_of(journal, domain)}) or nearest(name, {*also, *asked_of(journal, domain)})
    why = "it is not there, and nothing that is in force asks for it (`evenkeel plan` shows what files ask for)"
    return EvenkeelError(f"{one}:{name}", f"{why}; {hint}" if hint else why)


def _at_work(settings: Settings, domain: str, name: str) -> tuple[StepAtWork, ...]:
    """The steps that are being performed for this subject of a domain, if a controller is at work."""
    from pathlib import Path

    from evenkeel.controller.control.ask import ask_status

    standing = ask_status(Path(settings.state))
    steps = standing.work.steps if standing is not None else ()
    return tuple(step for step in steps if (step.domain, step.subject) == (domain, name))
