"""A domain as a bundle: its decisions, the driver of its engine, and the foresight of its plans."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, NamedTuple, TypeVar

from evenkeel.reconcilers.ports import Driver, Reconciler, Remembered, Seen, Want
from evenkeel.specs.plan import Plan

AnySeen = TypeVar("AnySeen")


class Foreseen(NamedTuple, Generic[AnySeen]):
    """Facts that were found beside a plan. `seen`: the observation, with these facts. `fails_at`: faults at which the
    plan would fail now. `notes`: further remarks. All in sentences."""

    seen: AnySeen
    fails_at: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Groundwork(NamedTuple):
    """The work of other domains that a plan can rely on. `paths`: the paths of the host that they will provide, with the
    folders that lead to them (`Traits.provides`); `places`: those that they will open (`Traits.opens`)."""

    paths: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()


Foresee = Callable[[Plan, AnySeen, Groundwork], Awaitable[Foreseen[AnySeen]]]
"""Checks the surroundings of a plan, beside the engine."""


async def _nothing(plan: Plan, seen: AnySeen, groundwork: Groundwork) -> Foreseen[AnySeen]:
    return Foreseen(seen)


class Domain(NamedTuple, Generic[Want, Seen, Remembered]):
    """The parts of a domain that the controller and the commands need."""

    reconciler: Reconciler[Want, Seen, Remembered]
    driver: Driver[Seen]
    foresee: Foresee[Seen] = _nothing

    @property
    def name(self) -> str:
        """Its name, which is also its key in the queue and in the journal."""
        return self.reconciler.domain


AnyDomain = Domain[Any, Any, Any]
"""One of several domains, each with nouns of its own. Its parts fit each other, which `Domain` has checked."""
