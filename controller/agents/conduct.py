"""How an update agent behaves, and where it speaks: values that are settled before it is at work."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.reconcilers.agents.asked import Asked, read_asked
from evenkeel.reconcilers.containers.select import ContainersWanted, select
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.kanto.activity import Activity
from evenkeel.specs.kanto.desired import Manner
from evenkeel.specs.kanto.inventory import Values

ContainerCycles = Cycles[ContainersWanted, ContainersSeen, ContainersMemory]


class AgentSettings(NamedTuple):
    """How the agent behaves. `system_containers`: names that no message touches, unless it brings a list of its own;
    `protected`: names that nobody touches. `alone_after`: without a command for so long it commands itself; `None` is
    never."""

    domain: str = "containers"
    system_containers: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    verbose: bool = False
    reported_values: Values = "none"
    operation_timeout: timedelta = timedelta(hours=1)
    alone_after: timedelta | None = None
    patience: timedelta = timedelta(minutes=2)
    manner: Manner = Manner(takes_unknown_keys=True)


class Topics(NamedTuple):
    """Where messages come and go. Nobody can publish on `refused`: in the inbox it stands for a desired state that was refused
    when it arrived."""

    desired: str
    command: str
    get: str
    state: str
    feedback: str
    refused: str


def topic_prefix(domain: str) -> str:
    """`containers` → `containersupdate`, `self-update` → `selfupdate` (container-management.md §1.1)."""
    bare = domain.replace("-", "")
    return bare if bare.endswith("update") else f"{bare}update"


def topics_of(domain: str) -> Topics:
    """The topics of a domain's agent (container-management.md §1.1)."""
    prefix = topic_prefix(domain)
    desired, state = f"{prefix}/desiredstate", f"{prefix}/currentstate"
    return Topics(desired, f"{desired}/command", f"{state}/get", state, f"{desired}feedback", f"{desired}#refused")


def read_desired(settings: AgentSettings, topics: Topics, payload: bytes) -> Asked:
    """What a desired state asks for, read in the manner of the settings."""
    return read_asked(payload, topics.desired, settings.domain, settings.manner)


def wanted(settings: AgentSettings, state: DesiredState) -> ContainersWanted:
    """A state's own list of system containers replaces the configured one, for this state only (§1.5). What it asks of
    them is passed over, as the original does (§2.1)."""
    has_own = any(document.kind == "SystemContainers" for document in state.documents)
    want = select(state, (*settings.protected, *(() if has_own else settings.system_containers)))
    return want._replace(documents=tuple(each for each in want.documents if each[0].name not in want.system))


def wanted_before(settings: AgentSettings, activity: Activity) -> ContainersWanted:
    """What was there, seen with the same list of system containers as the target: the way back is as wide as the way."""
    return wanted(settings, activity.before)._replace(system=wanted(settings, activity.target).system)
