"""The part of the desired state that concerns containers."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.specs.containers.container import Container
from evenkeel.specs.desired import DesiredState, Document, SystemContainers


class ContainersWanted(NamedTuple):
    """Containers by name with the documents that ask for them, and the names that are never touched."""

    documents: tuple[tuple[Container, Document], ...] = ()
    system: tuple[str, ...] = ()

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
    return ContainersWanted(documents, tuple(sorted(desired.system_containers().union(also_system))))


def protects(document: Document, name: str) -> bool:
    """Whether a document is why a container is never touched."""
    return isinstance(document.wanted, SystemContainers) and name in document.wanted.names
