"""The conduct of the containers domain in updates, and its want in a desired state."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.reconcilers.containers.select import ContainersWanted, select
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.kanto.activity import Activity
from evenkeel.specs.kanto.inventory import Values

ContainerCycles = Cycles[ContainersWanted, ContainersSeen, ContainersMemory]


class ContainersConduct(NamedTuple):
    """`domain`: its name on the wire. `system_containers`: names that no message touches, unless it brings a list of
    its own; `protected`: names that are never touched. `verbose` and `reported_values`: as for `specs.kanto.inventory`.
    `patience`: for how long a command waits out passing trouble. `at_once`: components at work side by side, without those
    that are only watched."""

    domain: str = "containers"
    system_containers: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    verbose: bool = False
    reported_values: Values = "none"
    patience: timedelta = timedelta(minutes=2)
    at_once: int = 3


def wanted(conduct: ContainersConduct, state: DesiredState) -> ContainersWanted:
    """The want of a state. Its own list of system containers replaces the configured one, for this state only (§1.5).
    Its components for system containers are ignored, as the original does (§2.1)."""
    has_own = any(document.kind == "SystemContainers" for document in state.documents)
    want = select(state, (*conduct.protected, *(() if has_own else conduct.system_containers)))
    return want._replace(documents=tuple(each for each in want.documents if each[0].name not in want.system))


def wanted_before(conduct: ContainersConduct, activity: Activity) -> ContainersWanted:
    """The want of the state before, with the same list of system containers as the target: the way back has the same
    components."""
    return wanted(conduct, activity.before)._replace(system=wanted(conduct, activity.target).system)
