"""A domain's plan as it is printed, for people and for programs.

`plan_text` and `plan_json` print the part that all domains have. A domain whose differences have more to print adds it
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.look import Observation
from evenkeel.specs.plan import Change, Difference, Plan
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.templates.containers_planned import ContainersPlanned
from evenkeel.templates.parts import Part

GroupsOf = Mapping[tuple[str, str], str]
"""The group of each subject, by its domain and name."""
NO_GROUPS: GroupsOf = {}


class Planned(Protocol):
    """A plan, its inputs, and the texts of its domain."""

    @property
    def plan(self) -> Plan: ...

    @property
    def engine(self) -> str:
        """The part of the world that the plan changes, in words, with its version."""
        ...

    @property
    def heading(self) -> str:
        """The word for the domain above its differences."""
        ...

    @property
    def counts(self) -> Mapping[str, str]:
        """Words of the summary for verbs that mean something else in this domain than in others."""
        ...

    @property
    def loses(self) -> str:
        """The word for the `lost` part of a difference, before a colon."""
        ...

    def parts(self, difference: Difference) -> Sequence[Part]:
        """The lines of a difference that is not told as subject, verb and change; none for those that are."""
        ...

    def brings(self, difference: Difference, room: int) -> str:
        """The content of a subject that is created, in `room` columns; "" for none."""
        ...

    def is_implied(self, change: Change, difference: Difference) -> bool:
        """Whether a change follows from another one that is shown."""
        ...

    def details(self, difference: Difference) -> str:
        """The details that an operator needs before consenting."""
        ...

    def remarks(self, difference: Difference) -> Iterable[tuple[str, bool]]:
        """Sentences of their own, each with whether it is a loss."""
        ...

    def fetches(self) -> str:
        """The sum of all fetches; "" when there are none."""
        ...

    def facts(self, difference: Difference) -> Mapping[str, Any]:
        """Further keys of a subject, for programs."""
        ...

    def totals(self) -> Mapping[str, int]:
        """Further keys of all subjects, for programs."""
        ...


class AnyPlanned:
    """A plan of a domain without texts of its own."""

    def __init__(self, plan: Plan, seen: Observation) -> None:
        self.plan, self.engine = plan, seen.engine
        self.heading, self.loses = plan.domain, "lost"
        self.counts: Mapping[str, str] = {}

    def parts(self, difference: Difference) -> Sequence[Part]:
        return ()

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
    """A plan with the texts of its domain."""
    match seen:
        case ContainersSeen():
            return ContainersPlanned(plan, seen)
        case SlotsSeen():
            from evenkeel.templates.slots_planned import SlotsPlanned  # few devices have slots

            return SlotsPlanned(plan, seen)
        case _:
            return AnyPlanned(plan, seen)
