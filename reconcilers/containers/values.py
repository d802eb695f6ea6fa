"""Values that identities hand out to containers: which of them an instance was created with, known by prints alone.

A value that is not handed out now differs from nothing: an instance keeps what it has until another value is there."""

from __future__ import annotations

from collections.abc import Sequence

from evenkeel.specs.containers.container import Container, ValueFrom, values_from
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen


def other_values(container: Container, instance: ContainerSeen, seen: ContainersSeen) -> Sequence[ValueFrom]:
    """The variables of a container that an instance was created with another value for than the one that is handed out now."""
    had = dict(instance.prints)

    def differs(source: ValueFrom) -> bool:
        now = seen.prints.get(source.provisioning, {}).get(source.value, "")
        return bool(now) and had.get(source.variable) != now

    return [each for each in values_from(container) if differs(each)]


def sources(containers: Sequence[Container]) -> tuple[str, ...]:
    """The documents that hand values out to these containers."""
    return tuple(sorted({each.provisioning for container in containers for each in values_from(container)}))
