"""A domain's plan as it is told, to people and to programs.

What all domains have in common is told by `plan_text` and `plan_json`. A domain whose differences say more adds it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.look import Observation
from evenkeel.specs.plan import Change, Difference, Plan
from evenkeel.templates.containers_planned import ContainersPlanned


class Planned(Protocol):
    """A plan, what it was made from, and what its domain alone can tell of it."""

    @property
    def plan(self) -> Plan: ...
    @property
    def seen(self) -> Observation: ...

    @property
    def loses(self) -> str:
        """What is said of what a difference has `lost`, before a colon."""
        ...

    def brings(self, difference: Difference, room: int) -> str:
        """What comes with a subject that is created, in `room` columns; "" when nothing is to be said."""
        ...

    def is_implied(self, change: Change, difference: Difference) -> bool:
        """Whether a change follows from another one that is shown."""
        ...

    def details(self, difference: Difference) -> str:
        """What else matters to somebody who has to say yes."""
        ...

    def remarks(self, difference: Difference) -> Iterable[tuple[str, bool]]:
        """Sentences of their own, each with whether it is a loss."""
        ...

    def fetches(self) -> str:
        """What is fetched in all; "" when nothing is."""
        ...

    def facts(self, difference: Difference) -> Mapping[str, Any]:
        """More of a subject, for programs."""
        ...

    def totals(self) -> Mapping[str, int]:
        """More of all subjects, for programs."""
        ...


class AnyPlanned:
    """A plan of which nothing more is to be told."""

    def __init__(self, plan: Plan, seen: Observation) -> None:
        self.plan, self.seen = plan, seen
        self.loses = "lost"

    def brings(self, difference: Difference, room: int) -> str:
        return ""

    def is_implied(self, change: Change, difference: Difference) -> bool:
        return False

    def details(self, difference: Difference) -> str:
        return ""

    def remarks(self, difference: Difference) -> Iterable[tuple[str, bool]]:
        return ()

    def fetches(self) -> str:
        return ""

    def facts(self, difference: Difference) -> Mapping[str, Any]:
        return {}

    def totals(self) -> Mapping[str, int]:
        return {}


def planned(plan: Plan, seen: Observation) -> Planned:
    """A plan with what its domain tells of it."""
    return ContainersPlanned(plan, seen) if isinstance(seen, ContainersSeen) else AnyPlanned(plan, seen)
