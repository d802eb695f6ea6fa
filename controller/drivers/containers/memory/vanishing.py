"""Containers that the engine removes when they end, as Docker's `--rm` does: the volumes without a name that no other container
has go with them. Before evenkeel ends one, another container that never starts holds its volumes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from evenkeel.controller.drivers.containers.memory import volumes
from evenkeel.controller.drivers.containers.memory.world import World, WorldContainer
from evenkeel.specs.codec import changed


def hold(world: World, held: WorldContainer, subject: str) -> None:
    """See that a container of `subject` has the volumes of `held`."""
    assert held.container is not None
    id_ = hashlib.sha256(f"holds {held.id} {world.created}".encode()).hexdigest()[:12]
    if not any(kept.holds == held.id for kept in world.containers.values()):
        container = changed(held.container, name=subject)
        name = f"{held.engine_name}.volumes"
        holder = WorldContainer(
            id_, name, held.image_id, container, image=held.image, volumes=held.volumes, holds=held.id
        )
        world.containers[id_] = replace(holder, other_volumes=held.other_volumes)


def end(world: World, ended: WorldContainer, *, with_volumes: bool = True) -> None:
    """Keep a container that has just ended as it is, unless it vanishes. With an engine that ends itself its volumes
    stay."""
    if not ended.vanishes:
        world.containers[ended.id] = ended
        return
    del world.containers[ended.id]
    gone = [name for _, name in (*ended.volumes, *ended.other_volumes)] if with_volumes else []
    in_use = ((*kept.volumes, *kept.other_volumes) for kept in world.containers.values())
    volumes.removed(world.volumes, gone, in_use)
