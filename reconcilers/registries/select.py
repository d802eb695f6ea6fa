"""The registries of a desired state, and what has to be looked at for them."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.registries.memory import RegistriesMemory
from evenkeel.specs.registries.observed import RegistriesLook
from evenkeel.specs.registries.registry import Registry


class RegistriesWanted(NamedTuple):
    """Registries in order of name, with their documents."""

    documents: tuple[tuple[Registry, Document], ...] = ()

    @property
    def subjects(self) -> dict[str, Registry]:
        """The wanted registries, by name."""
        return {registry.name: registry for registry, _ in self.documents}

    @property
    def protected(self) -> tuple[str, ...]:
        """No registry is protected by its name."""
        return ()


def select(desired: DesiredState) -> RegistriesWanted:
    """The registries of a desired state."""
    found = ((each.wanted, each) for each in desired.documents if isinstance(each.wanted, Registry))
    return RegistriesWanted(tuple(found))


def look(want: RegistriesWanted | None, memory: RegistriesMemory) -> RegistriesLook:
    """A look at all that is asked for, and at the places of which something may be in force."""
    registries = tuple(registry for registry, _ in want.documents) if want is not None else ()
    places = {registry.place for registry in registries}
    return RegistriesLook(
        registries=registries, places=tuple(sorted(place for place in memory.admitted if place not in places))
    )
