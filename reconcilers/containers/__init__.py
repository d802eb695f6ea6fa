"""Containers: select, diff and plan.

`Containers` puts the domain's functions behind the port; each lives in a module of its own name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from evenkeel.reconcilers.capabilities import Inheriting, Instanced, Revealing, Tagged, Watched
from evenkeel.reconcilers.containers import diff as _diff
from evenkeel.reconcilers.containers import observation as _observation
from evenkeel.reconcilers.containers import plan as _plan
from evenkeel.reconcilers.containers import remembering as _remembering
from evenkeel.reconcilers.containers import reveal as _reveal
from evenkeel.reconcilers.containers import select as _select
from evenkeel.reconcilers.containers import tags as _tags
from evenkeel.reconcilers.containers import values as _values
from evenkeel.reconcilers.containers.wishes import last_wishes
from evenkeel.reconcilers.ports import Ailment, Former, Words
from evenkeel.specs.containers.container import Resources
from evenkeel.specs.containers.difference import ContainerDifference, of_containers
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersLook, ContainersSeen
from evenkeel.specs.containers.output import as_marked
from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.feedback import SetAside
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Difference, Outcome, Plan, Step


class Containers(
    Watched[_select.ContainersWanted, ContainersSeen, ContainersMemory],
    Tagged[_select.ContainersWanted, ContainersSeen, ContainersMemory],
    Inheriting[ContainersSeen, ContainersMemory],
    Instanced[ContainersSeen, ContainersMemory],
    Revealing[ContainersSeen],
):
    """The reconciler of the containers domain. `protected`: names that settings declare system containers, whatever is
    asked. `reserved`: names that settings keep from messages: files may ask for one, and it is never removed."""

    memory = ContainersMemory
    domain = memory.domain
    words = Words("containers", "ContainersAiling")

    def __init__(self, protected: tuple[str, ...] = (), reserved: tuple[str, ...] = ()) -> None:
        self._protected, self._reserved = protected, reserved

    def select(self, desired: DesiredState) -> _select.ContainersWanted:
        asked = desired.containers()
        return _select.select(desired, (*self._protected, *(name for name in self._reserved if name not in asked)))

    def is_idle(self, wants: Sequence[_select.ContainersWanted], memory: ContainersMemory) -> bool:
        """Never: containers that evenkeel created are known by their labels, whatever is remembered."""
        return False

    def look(self, want: _select.ContainersWanted | None, memory: ContainersMemory) -> ContainersLook:
        if want is None:
            return ContainersLook(adopted=memory.adopted, ends=memory.watched)
        images = {container.image for container, _ in want.documents if _tags.follows_tag(container)}
        checks = {container.name: container.health for container, _ in want.documents if container.health is not None}
        return ContainersLook(
            adopted=memory.adopted,
            images=tuple(sorted(images)),
            checks=checks,
            ends=memory.watched,
            limits=any(container.resources != Resources() for container, _ in want.documents),
            provisionings=_values.sources([container for container, _ in want.documents]),
        )

    def diff(
        self, want: _select.ContainersWanted, seen: ContainersSeen, memory: ContainersMemory
    ) -> tuple[ContainerDifference, ...]:
        return _diff.diff(want, seen, memory)

    def plan(
        self,
        differences: Sequence[Difference],
        seen: ContainersSeen,
        memory: ContainersMemory,
        former: Former[_select.ContainersWanted] | None = None,
    ) -> Plan:
        return _plan.plan(of_containers(differences), seen, memory, last_wishes(differences, former or Former()))

    def revealed(self, plan: Plan, seen: ContainersSeen) -> Plan:
        return _reveal.revealed(plan, seen)

    def memory_before(self, step: Step, memory: ContainersMemory) -> ContainersMemory:
        return _remembering.memory_before(step, memory)

    def memory_after(
        self, step: Step, outcome: Outcome, memory: ContainersMemory, away_s: float | None = None
    ) -> ContainersMemory:
        return _remembering.memory_after(step, outcome, memory, away_s)

    def instances(self, memory: ContainersMemory) -> tuple[str, ...]:
        return _remembering.instances(memory)

    def forgotten(self, memory: ContainersMemory, gone: Collection[str]) -> ContainersMemory:
        return _remembering.forgotten(memory, gone)

    def as_found(
        self, seen: ContainersSeen, memory: ContainersMemory | None, *, well: bool = False
    ) -> DesiredState | None:
        return _observation.as_found(seen, () if memory is None else memory.made.keys(), well=well)

    def superseded(
        self, differences: Sequence[Difference], seen: ContainersSeen, memory: ContainersMemory
    ) -> tuple[Document, ...]:
        return _observation.superseded(of_containers(differences), seen, memory)

    def renewed(
        self, differences: Sequence[Difference], seen: ContainersSeen, memory: ContainersMemory
    ) -> dict[str, tuple[str, ...]]:
        return _observation.renewed(of_containers(differences), seen, memory)

    def vindicated(
        self, want: _select.ContainersWanted, seen: ContainersSeen, memory: ContainersMemory
    ) -> dict[str, tuple[str, ...]]:
        return _tags.vindicated(want, seen, memory)

    def set_aside(
        self,
        want: _select.ContainersWanted,
        seen: ContainersSeen,
        memory: ContainersMemory,
        before: Mapping[str, SetAside],
    ) -> dict[str, SetAside]:
        return _tags.set_aside(want, seen, memory, before)

    def ailing(self, seen: ContainersSeen, memory: ContainersMemory) -> dict[str, Ailment]:
        return _observation.ailing(seen, memory)

    def discreet(self, output: Output, subject: str, wants: Sequence[_select.ContainersWanted]) -> Output:
        return as_marked(output, [want.subjects[subject] for want in wants if subject in want.subjects])

    def ended(self, seen: ContainersSeen) -> tuple[str, ...]:
        return _observation.ended(seen)

    def down(
        self, seen: ContainersSeen, memory: ContainersMemory, expected: Collection[str] = ()
    ) -> dict[str, Ailment]:
        return _observation.down(seen, memory, expected)

    def last_checks(self, seen: ContainersSeen) -> dict[str, str]:
        return _observation.last_checks(seen)

    def unchecked(self, seen: ContainersSeen, since: Mapping[str, str]) -> dict[str, Ailment]:
        return _observation.unchecked(seen, since)

    def undecided(self, seen: ContainersSeen, memory: ContainersMemory) -> dict[str, str]:
        return _observation.undecided(seen, memory)

    def present(self, seen: ContainersSeen) -> tuple[str, ...]:
        return tuple(instance.id for instance in seen.containers)
