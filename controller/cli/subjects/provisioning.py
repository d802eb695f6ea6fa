"""Identities of this device, as `get` and `describe` tell of them (`port.Subjects`). No cloud is asked, and no secret is
told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.controller.cli.subjects.port import Description, Listing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.reconcilers.provisioning.select import ProvisioningWanted
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.plan import Difference
    from evenkeel.specs.provisioning.memory import ProvisioningMemory
    from evenkeel.specs.provisioning.observed import ProvisionedSeen, ProvisioningSeen
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.provisioning_described import Identity

    Identities = Domain[ProvisioningWanted, ProvisioningSeen, ProvisioningMemory]

DOMAIN = "provisioning"


async def listing(settings: Settings, journal: Journal, now: float, *, wide: bool) -> Listing:
    """The identities of the state in force, by name."""
    from evenkeel.controller.cycle.in_force import role_in_force
    from evenkeel.specs.desired import DesiredState
    from evenkeel.templates.provisioning_described import COLUMNS, identity_colour, identity_row, identity_value

    state = journal.readable_revision(role_in_force(journal)) or DesiredState()
    engine, found = await identities_of(settings, journal, state)
    more = ("FOLDER", "SHA-1") if wide else ()
    rows = tuple([*identity_row(each), *(_more(each) if wide else ())] for each in found)
    return Listing("Identities", engine, (*COLUMNS, *more), rows, tuple(map(identity_value, found)), identity_colour)


def _more(one: Identity) -> tuple[str, str]:
    return one.wanted.folder, one.current.sha1 if one.current is not None else ""


async def description(settings: Settings, journal: Journal, name: str, *, show_values: bool) -> Description:
    """One identity. No secret is ever shown."""
    from evenkeel.controller.cli.reaching import open_domain
    from evenkeel.controller.cli.subjects.facts import facts_of, look_at, unknown_subject
    from evenkeel.reconcilers.provisioning.settings import asked_texts, otherwise
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.provisioning.observed import ProvisioningSeen
    from evenkeel.templates.describe_text import Described
    from evenkeel.templates.provisioning_described import IdentityOwn

    facts = facts_of(settings, journal, DOMAIN, name)
    domain: Identities
    async with open_domain(settings, DOMAIN) as domain:
        decisions = domain.reconciler
        want, memory, seen, away = await look_at(domain, journal, facts.state, ProvisioningSeen(""))
    wanted = want.subjects.get(name)
    wish = decisions.select(journal.revision("desired") or DesiredState()).subjects.get(name)
    known = {*want.subjects, *memory.proven, *memory.provided, *memory.placed.values()}
    if name not in known and wish is None and not facts.happened:
        raise away or unknown_subject(journal, DOMAIN, name, known)
    there = seen.of(name)
    differences = decisions.diff(want, seen, memory) if away is None else ()
    identity = identity_at(there, seen, memory, differences) if there is not None else None
    document, shown = facts.document or facts.wish, wanted if wanted is not None else wish
    return Description(
        Described(
            "identity",
            name,
            "unknown" if away is not None else "evenkeel" if name in memory.proven else "nobody",
            IdentityOwn(identity, seen.engine),
            document.place if document is not None else None,
            asked_texts(shown) if shown is not None else (),
            facts.roles,
            facts.group,
            identity.why if identity is not None else "",
            difference=next((each for each in differences if each.subject == name), None),
            failure=facts.failure,
            given_up=facts.given_up,
            blocked=facts.blocked,
            not_done=otherwise(wanted, wish) if facts.in_force == "last-good" else (),
            in_force=facts.in_force,
            entries=facts.entries,
            away=str(away) if away is not None else "",
            steps=facts.steps,
        ),
        away,
    )


async def identities_of(settings: Settings, journal: Journal, state: DesiredState) -> tuple[str, tuple[Identity, ...]]:
    """The host in words, and the identities that a state asks for. Raises Unavailable, TimedOut, Refused."""
    from evenkeel.controller.cli.reaching import open_domain

    domain: Identities
    async with open_domain(settings, DOMAIN) as domain:
        decisions = domain.reconciler
        want, memory = decisions.select(state), journal.memories.of(decisions.memory)
        seen = await domain.driver.observe(decisions.look(want, memory))
    differences = decisions.diff(want, seen, memory)
    return seen.engine, tuple(identity_at(each, seen, memory, differences) for each in seen.subjects)


def identity_at(
    there: ProvisionedSeen, seen: ProvisioningSeen, memory: ProvisioningMemory, differences: Iterable[Difference]
) -> Identity:
    """One identity that a document asks for, with what is remembered of it."""
    from evenkeel.reconcilers.provisioning.observation import ailing
    from evenkeel.reconcilers.provisioning.state import state, target
    from evenkeel.templates.provisioning_described import Identity

    differing = next((each for each in differences if each.subject == there.subject), None)
    at, now = target(there, there.pairs.current), state(there)
    blocked = differing.why if differing is not None and differing.verb == "blocked" else ""
    ailment = ailing(seen, memory).get(there.subject)
    return Identity(
        there.subject,
        there,
        seen.now_s,
        not seen.clock_why,
        hub=at.hub if at is not None else "",
        device=at.device if at is not None else "",
        waits=_waits(there, seen, memory),
        in_force=differing is None or differing.verb == "finish",
        proven=bool(now) and memory.proven.get(there.subject) == now,
        blocked=blocked,
        why=ailment.why if ailment is not None else "",
        postponed=_postponed(there, seen, memory),
    )


def _waits(there: ProvisionedSeen, seen: ProvisioningSeen, memory: ProvisioningMemory) -> str:
    """For what somebody has to do, and why what lies there is not it; "" for nothing."""
    from evenkeel.reconcilers.provisioning.diff import choice_of

    one, pairs, choice = there.wanted, there.pairs, choice_of(there, seen, memory)
    if one is None or one.certificate is None or one.certificate.mode != "csr" or not pairs.request:
        return ""
    if choice.step not in ("", "wait"):
        return ""
    waits = f"the signed certificate in {one.certificate.chain}; the request is {one.certificate.request}"
    trouble = choice.why if pairs.signed is not None else pairs.signed_why.removeprefix(f"{one.certificate.chain}: ")
    return f"{waits}; what is in {one.certificate.chain} cannot be taken in: {trouble}" if trouble else waits


def _postponed(there: ProvisionedSeen, seen: ProvisioningSeen, memory: ProvisioningMemory) -> str:
    """The reason why the next certificate could not be had, and is not tried at once; "" for none."""
    from evenkeel.reconcilers.provisioning.choice import choose

    found = memory.postponed.get(there.subject)
    due = choose(there, seen.now_s, seen.clock_why, memory.refused)
    return found.why if found is not None and found.successor == due.successor else ""
