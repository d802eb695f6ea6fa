"""Containers as reports of the current state tell of them. Pure."""

from __future__ import annotations

from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.desired import DesiredState


def as_in_force(seen: ContainersSeen, state: DesiredState | None) -> ContainersSeen:
    """The observed containers, with the retry timeout of the state in force. No engine has a retry timeout, so the one
    that was stored at a container's creation is stale after its restart policy was changed in place."""
    wanted = state.containers() if state is not None else {}
    return changed(seen, containers=tuple(_with_timeout(each, wanted.get(each.name)) for each in seen.containers))


def _with_timeout(instance: ContainerSeen, wanted: Container | None) -> ContainerSeen:
    own = instance.container
    if own is None or wanted is None:
        return instance
    restart = changed(own.restart, timeout=wanted.restart.timeout)
    return changed(instance, container=changed(own, restart=restart)) if restart == wanted.restart else instance
