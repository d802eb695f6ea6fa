"""Wanted and seen registries → differences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from evenkeel.reconcilers.ports import Ailment
from evenkeel.reconcilers.registries.select import RegistriesWanted
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import Document, asked_at
from evenkeel.specs.plan import Change
from evenkeel.specs.registries.difference import RegistryDifference
from evenkeel.specs.registries.memory import RegistriesMemory
from evenkeel.specs.registries.observed import FACETS, Facet, RegistriesSeen, RegistrySeen
from evenkeel.specs.registries.registry import Registry

_KEYS: Mapping[Facet, str] = {
    "credentials": "credentials",
    "trust": "tls",
    "insecure": "insecure",
    "mirrors": "mirrors",
    "realms": "tokenRealms",
}
"""The key of a document that asks for each facet."""
_WHYS: Mapping[Facet, str] = {
    "credentials": "the credentials differ",
    "trust": "the certificates differ",
    "insecure": "the need for encryption differs",
    "mirrors": "the mirrors differ",
    "realms": "the hosts that may have the credentials differ",
}
_PASSWORD = "the password, or what leads to it, differs"


def diff(want: RegistriesWanted, seen: RegistriesSeen, memory: RegistriesMemory) -> tuple[RegistryDifference, ...]:
    """The differences in order of subject."""
    seen_at = {each.place: each for each in seen.registries}
    admitted: dict[str, list[str]] = {}
    for place, subject in sorted(memory.admitted.items()):
        admitted.setdefault(subject, []).append(place)
    found = list[RegistryDifference]()
    for registry, document in want.documents:
        there = seen_at.get(registry.place)
        if there is None or there.registry != registry:
            continue  # a repair judges by the last look, which may have been about another state
        left = tuple(place for place in admitted.get(registry.name, ()) if place != registry.place)
        if (one := _difference(registry, document, there, memory, left)) is not None:
            found.append(one)
    subjects, places = want.subjects, {registry.place for registry, _ in want.documents}
    for subject in (each for each in admitted if each not in subjects):
        if gone := tuple(place for place in admitted[subject] if place not in places):
            found.append(RegistryDifference(subject, "remove", "nobody asks for it any more", withdraws=gone))
    return tuple(sorted(found, key=lambda each: each.subject))


def _difference(
    registry: Registry, document: Document, there: RegistrySeen, memory: RegistriesMemory, left: tuple[str, ...]
) -> RegistryDifference | None:
    """The difference of one registry. `left`: the places that the document asked for before, and does not ask for now."""
    for facet in FACETS:
        if facet in there.facets and (why := there.facets[facet].why):
            return RegistryDifference(
                registry.name, "blocked", why, asked=asked_at(document, _KEYS[facet]), registry=registry
            )
    found = RegistryDifference(
        registry.name,
        "finish",
        "",
        tuple(_changes(registry, document, there)),
        document.place,
        registry=registry,
        prints=there.asked,
        withdraws=left,
        restores=there.held if there.lost else (),
        kept=there.kept,
    )
    if found.changes:
        is_new = not there.held and registry.name not in memory.admitted.values()
        verb = "create" if is_new else "update"
        return changed(found, verb=verb, why=", ".join(each.why for each in found.changes))
    is_proven = memory.is_proven(registry, found.prints, found.kept)
    if not is_proven or memory.admitted.get(registry.place) != registry.name:
        is_kept_otherwise = memory.was_let_in(registry, found.prints) and not is_proven
        theirs = f"what {registry.config} has for it now"
        what = theirs if is_kept_otherwise else "what is in force"
        return changed(found, why=f"nobody has logged in to it yet with {what}")
    if there.lost:
        return changed(found, why=f"{there.lost} has no entry for {registry.place} any more, as after a boot")
    if found.withdraws:
        return changed(found, why=f"what it asked for at {', '.join(found.withdraws)} is still in force")
    return None


def _changes(registry: Registry, document: Document, there: RegistrySeen) -> Iterator[Change]:
    """The facets that differ. No value of a secret is told, nor whether it is longer or shorter."""
    for facet in FACETS:
        seen = there.facets.get(facet)
        if seen is None or seen.asked == seen.held:
            continue
        key = _KEYS[facet]
        old, new = ("there" if each else "none" for each in (seen.held, seen.asked))
        new = "another one" if seen.held and seen.asked else new
        if facet == "insecure":
            old, new = ("true" if each else "false" for each in (seen.held, seen.asked))
        if facet in ("mirrors", "realms") and seen.asked:
            new = ", ".join(registry.mirrors if facet == "mirrors" else registry.realms)
        why = _PASSWORD if facet == "credentials" and seen.held and seen.asked else _WHYS[facet]
        yield Change(registry.name, key, old, new, why, asked_at(document, key))


def down(memory: RegistriesMemory, expected: Collection[str]) -> dict[str, Ailment]:
    """The expected registries of which nothing was put in force yet. That does not refute a change."""
    known = set(memory.admitted.values())
    return {name: Ailment("is not in force", refutes=False) for name in sorted(expected) if name not in known}
