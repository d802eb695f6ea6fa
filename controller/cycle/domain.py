"""A domain as it is put together: its decisions, the driver of its engine, and what else a plan can foresee."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Generic, NamedTuple, TypeVar

from evenkeel.reconcilers.ports import Driver, Reconciler, Remembered, Seen, Want
from evenkeel.specs.plan import Plan

AnySeen = TypeVar("AnySeen")


class Foreseen(NamedTuple, Generic[AnySeen]):
    """What was found out beside a plan. `seen`: what was seen, with what was learned. `fails_at`: what the plan would fail at
    now. `notes`: what else has to be said. All in sentences."""

    seen: AnySeen
    fails_at: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Foresee = Callable[[Plan, AnySeen, Collection[str]], Awaitable[Foreseen[AnySeen]]]
"""Looks around for a plan, beside the engine. The last argument are paths of the host that are not there yet and will be, by
other domains."""


async def _nothing(plan: Plan, seen: AnySeen, provided: Collection[str]) -> Foreseen[AnySeen]:
    return Foreseen(seen)


class Domain(NamedTuple, Generic[Want, Seen, Remembered]):
    """All that the controller and the commands need of a domain."""

    reconciler: Reconciler[Want, Seen, Remembered]
    driver: Driver[Seen]
    foresee: Foresee[Seen] = _nothing

    @property
    def name(self) -> str:
        """Its name, which is also its key in the queue and in the journal."""
        return self.reconciler.domain
