"""Looks and observations of a driver of registries.

A look asks no registry. It compares what the documents ask for with what the engine goes by, facet by facet. A *print* names a
value without telling it: equal values have equal prints on one device, and nobody finds a password from its print.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from evenkeel.specs.look import Look
from evenkeel.specs.registries.registry import Registry

Facet = Literal["credentials", "trust", "insecure", "mirrors", "realms"]
"""The parts of a registry that an engine, and evenkeel, go by: who the device is, whom it trusts and what it shows, whether it
needs no proof, who is asked before, and who else may have the credentials."""
FACETS: tuple[Facet, ...] = get_args(Facet)

Prints = tuple[tuple[Facet, str], ...]
"""Facets with the prints of their values, in the order of `FACETS`; without those that have no value."""


class RegistriesLook(Look, frozen=True):
    """The questions of one look. `registries`: those that are asked for; `places`: further ones, where something may be that
    evenkeel has put there."""

    registries: tuple[Registry, ...] = ()
    places: tuple[str, ...] = ()

    @property
    def engine(self) -> str:
        return "the engine's configuration"


def at_registries(look: Look) -> RegistriesLook:
    """A look of this domain; one that asks for nothing else becomes one."""
    return look if isinstance(look, RegistriesLook) else RegistriesLook(look.subject, look.fresh, look.here_only)


class FacetSeen(Struct, frozen=True):
    """One facet of one place. `asked`: the print of the value that the document leads to now, "" for none; `held`: of the one
    that is in force, "" for none that is evenkeel's. Not "": `why` the value that is asked for cannot be had, or put in force,
    now, as a sentence."""

    asked: str = ""
    held: str = ""
    why: str = ""


class RegistrySeen(Struct, frozen=True):
    """The facets of one place of which anything can be told. `registry`: the document whose values were looked for, `None` for
    a place that nobody asks for. `lost`: not "", a file of the engine's from which evenkeel's entry has gone, as after a boot;
    what is in force counts for evenkeel's pulls all the same.

    Credentials that are asked for at each pull may be others at each: `kept` is the print of what `config` has for the place
    now, "" without `config`; `helper` the program that gives them, "" without one. Nobody asks it in a look."""

    registry: Registry | None
    place: str
    facets: Mapping[Facet, FacetSeen] = {}
    lost: str = ""
    kept: str = ""
    helper: str = ""

    @property
    def asked(self) -> Prints:
        """The prints that are asked for."""
        return tuple(
            (facet, its.asked) for facet in FACETS if (its := self.facets.get(facet)) is not None and its.asked
        )

    @property
    def held(self) -> Prints:
        """The prints in force that are evenkeel's."""
        return tuple((facet, its.held) for facet in FACETS if (its := self.facets.get(facet)) is not None and its.held)


class RegistriesSeen(Struct, frozen=True):
    """One look. `engine`: the engine whose configuration was looked at, in words."""

    engine: str
    registries: tuple[RegistrySeen, ...] = ()

    def of(self, place: str) -> RegistrySeen | None:
        """The observation of a place."""
        return next((each for each in self.registries if each.place == place), None)
