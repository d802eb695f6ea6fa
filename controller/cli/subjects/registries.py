"""Registries, as `get` and `describe` tell of them (`port.Subjects`): those that are asked for, and the places of which
something is still in force. No registry is asked, and no secret is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.controller.cli.subjects.port import Description, Listing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenkeel.controller.cli.subjects.facts import LookedUp
    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.reconcilers.registries.select import RegistriesWanted
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.registries.memory import RegistriesMemory
    from evenkeel.specs.registries.observed import RegistriesSeen, RegistrySeen
    from evenkeel.specs.registries.registry import Registry
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.registries_described import AtPlace, Proof

    Registries = Domain[RegistriesWanted, RegistriesSeen, RegistriesMemory]
    RegistriesLookedUp = LookedUp[RegistriesWanted, RegistriesSeen, RegistriesMemory]

DOMAIN = "registries"


async def listing(settings: Settings, journal: Journal, now: float, *, wide: bool) -> Listing:
    """The registries of the state in force, by name."""
    from evenkeel.controller.cycle.in_force import role_in_force
    from evenkeel.specs.desired import DesiredState
    from evenkeel.templates.registries_described import COLUMNS, place_colour, place_row, place_value

    state = journal.readable_revision(role_in_force(journal)) or DesiredState()
    engine, found = await at_places(settings, journal, state)
    rows = tuple([*place_row(each), *([", ".join(each.held)] if wide else [])] for each in found)
    columns = (*COLUMNS, "HELD") if wide else COLUMNS
    return Listing("Registries", engine, columns, rows, tuple(map(place_value, found)), place_colour)


async def description(settings: Settings, journal: Journal, name: str, *, show_values: bool) -> Description:
    """One registry, with its place and its former ones. No secret is ever shown."""
    from evenkeel.controller.cli.subjects.facts import looked_up, unknown_subject
    from evenkeel.reconcilers.registries.settings import asked_texts, otherwise
    from evenkeel.specs.registries.observed import RegistriesSeen
    from evenkeel.templates.describe_text import Described
    from evenkeel.templates.registries_described import RegistryOwn, Whose

    found: RegistriesLookedUp = await looked_up(settings, journal, DOMAIN, name, RegistriesSeen(""))
    facts, (want, memory, seen, away), wanted, decisions = found
    registry, wish = want.subjects.get(name), wanted.subjects.get(name)
    known = {*want.subjects, *memory.admitted.values()}
    if name not in known and wish is None and not facts.happened:
        raise away or unknown_subject(journal, DOMAIN, name, known)
    shown, document = registry if registry is not None else wish, facts.document or facts.wish
    places = tuple(each for each in _places(want.subjects.values(), seen, memory) if each.name == name)
    by: Whose = "unknown" if away is not None else next((each.by for each in places if each.by != "nobody"), "nobody")
    differences = decisions.diff(want, seen, memory) if away is None else ()
    return Description(
        Described(
            "registry",
            name,
            by,
            RegistryOwn(places, seen.engine),
            document.place if document is not None else None,
            asked_texts(shown) if shown is not None else (),
            facts.roles,
            facts.group,
            difference=next((each for each in differences if each.subject == name), None),
            failure=facts.failure,
            given_up=facts.given_up,
            blocked=facts.blocked,
            not_done=otherwise(registry, wish) if facts.in_force == "last-good" else (),
            in_force=facts.in_force,
            entries=facts.entries,
            away=str(away) if away is not None else "",
            steps=facts.steps,
        ),
        away,
    )


async def at_places(settings: Settings, journal: Journal, state: DesiredState) -> tuple[str, tuple[AtPlace, ...]]:
    """The engine in words; and the registries of a state, with further places of which something is in force. Raises
    Unavailable, TimedOut, Refused."""
    from evenkeel.controller.cli.reaching import open_domain

    domain: Registries
    async with open_domain(settings, DOMAIN) as domain:
        decisions = domain.reconciler
        want, memory = decisions.select(state), journal.memories.of(decisions.memory)
        seen = await domain.driver.observe(decisions.look(want, memory))
    return seen.engine, tuple(_places(want.subjects.values(), seen, memory))


def _places(wanted: Iterable[Registry], seen: RegistriesSeen, memory: RegistriesMemory) -> Iterable[AtPlace]:
    from evenkeel.specs.registries.observed import RegistrySeen
    from evenkeel.templates.registries_described import AtPlace

    by_place = {each.place: each for each in wanted}
    found = []
    for place in (*by_place, *(each for each in memory.admitted if each not in by_place)):
        registry, there = by_place.get(place), seen.of(place) or RegistrySeen(None, place)
        name = registry.name if registry is not None else memory.admitted[place]
        is_admitted = memory.admitted.get(place) == name
        in_force = registry is not None and is_admitted and there.asked == there.held
        why = next((each.why for each in there.facets.values() if each.why), "")
        in_force = in_force and not why
        proven = in_force and registry is not None and memory.is_proven(registry, there.asked, there.kept)
        held = tuple(facet for facet, _ in there.held)
        found.append(AtPlace(name, place, registry, held, in_force, _proof(there, proven=proven), why))
    return sorted(found, key=lambda each: (each.name, each.place))


def _proof(there: RegistrySeen, *, proven: bool) -> Proof:
    """A helper may give others at each pull, and nobody asks it in a look."""
    return ("once" if there.helper else "yes") if proven else "no"
