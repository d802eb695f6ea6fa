"""Containers: select, diff and plan.

`CONTAINERS` is the domain's reconciler; its functions live in modules of the same names.
"""

from __future__ import annotations

from collections.abc import Sequence

from evenkeel.reconcilers.containers import diff as _diff
from evenkeel.reconcilers.containers import plan as _plan
from evenkeel.reconcilers.containers import select as _select
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.observed import ContainersSeen
from evenkeel.specs.plan import Difference, History, Plan


class Containers:
    """The reconciler of the containers domain."""

    domain = "containers"

    def select(self, desired: DesiredState) -> _select.ContainersWanted:
        return _select.select(desired)

    def diff(self, want: _select.ContainersWanted, seen: ContainersSeen, history: History) -> tuple[Difference, ...]:
        return _diff.diff(want, seen, history)

    def plan(self, differences: Sequence[Difference], seen: ContainersSeen, history: History) -> Plan:
        return _plan.plan(differences, seen, history)


CONTAINERS = Containers()
