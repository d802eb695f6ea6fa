"""The difference of one registry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from evenkeel.specs.plan import Difference
from evenkeel.specs.registries.observed import Prints
from evenkeel.specs.registries.registry import Registry

Verb = Literal["create", "update", "finish", "remove", "blocked"]
"""The verbs of a plan for a registry. `finish`: all of it is in force, and it was not logged in to with that yet, or a file of
the engine's has lost it."""


class RegistryDifference(Difference, frozen=True):
    """All that differs for one registry. `registry` is what is asked for, `None` when nobody asks for the subject any more;
    `prints` are its values. `withdraws`: places at which nothing of evenkeel is to be in force any more. `restores`: the values
    in force that are to be put back into a file of the engine's; empty without one that has lost them. `kept`: the print of
    what the file of others has that keeps the credentials (`RegistrySeen`)."""

    registry: Registry | None = None
    prints: Prints = ()
    withdraws: tuple[str, ...] = ()
    restores: Prints = ()
    kept: str = ""


def of_registries(differences: Iterable[Difference]) -> tuple[RegistryDifference, ...]:
    """Those that are about registries, which is all of them in this domain."""
    return tuple(each for each in differences if isinstance(each, RegistryDifference))
