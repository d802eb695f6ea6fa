"""The part of the desired state that concerns containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.specs.containers.container import Container, values_from
from evenkeel.specs.containers.difference import Limit
from evenkeel.specs.desired import DesiredState, Document, Supplying, SystemContainers
from evenkeel.specs.groups.baseline import Baseline


class ContainersWanted(NamedTuple):
    """Containers by name with the documents that ask for them, the names that are never touched, and what groups say about
    their containers."""

    documents: tuple[tuple[Container, Document], ...] = ()
    system: tuple[str, ...] = ()
    limits: Mapping[str, Limit] = {}
    """By subject: the bound of its group."""
    supplies: Mapping[str, object] = {}
    """By subject: what the values are made of that are handed out to it (`reconcilers.wanted.Supplied`)."""

    @property
    def subjects(self) -> dict[str, Container]:
        """The containers that are asked for, by name."""
        return {container.name: container for container, _ in self.documents}

    @property
    def protected(self) -> tuple[str, ...]:
        """The names that are never touched."""
        return self.system


def select(desired: DesiredState, also_system: tuple[str, ...] = ()) -> ContainersWanted:
    """Containers in order of name. `also_system`: names that settings protect."""
    documents = tuple(
        (document.wanted, document) for document in desired.documents if isinstance(document.wanted, Container)
    )
    system = tuple(sorted(desired.system_containers().union(also_system)))
    return ContainersWanted(documents, system, _limits(desired), _supplies(desired))


def _supplies(desired: DesiredState) -> dict[str, object]:
    having = {name: sources for name, each in desired.containers().items() if (sources := values_from(each))}
    if not having:
        return {}
    known = {each.name: each.wanted.supply for each in desired.documents if isinstance(each.wanted, Supplying)}
    return {name: [known.get(source.provisioning) for source in sources] for name, sources in having.items()}


def _limits(desired: DesiredState) -> dict[str, Limit]:
    groups = {each.name: each.wanted for each in desired.documents if isinstance(each.wanted, Baseline)}
    containers = desired.containers() if any(group.has_limit for group in groups.values()) else {}
    found: dict[str, Limit] = {}
    for name, group in groups.items():
        members = [each for each, container in containers.items() if group.has(each, container)]
        most = group.most_of(len(members))
        found.update(dict.fromkeys(members, Limit(name, most)) if most is not None else {})
    return found


def protects(document: Document, name: str) -> bool:
    """Whether a document is why a container is never touched."""
    return isinstance(document.wanted, SystemContainers) and name in document.wanted.names
