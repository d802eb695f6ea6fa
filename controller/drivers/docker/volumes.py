"""Volumes for the places that images declare.

Where nothing is mounted at such a place, the engine makes a volume without a name for each container, and nobody can find it
again. So each gets a volume with a name here: that of the predecessor, or one that is named after container and place.
What becomes of volumes is decided in `reconcilers.containers.volumes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from evenkeel.controller.drivers.docker import answers
from evenkeel.controller.drivers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.docker.parse import is_owner
from evenkeel.controller.drivers.docker.render import NAME_LABEL, OWNER_LABEL
from evenkeel.reconcilers.containers.naming import volume_name
from evenkeel.reconcilers.containers.volumes import uncovered
from evenkeel.specs.container import Container
from evenkeel.specs.errors import Unavailable


async def volumes_for(
    client: EngineClient, container: Container, carried: Iterable[tuple[str, str]], owner: str
) -> tuple[tuple[str, str], ...]:
    """The places and volumes that a new container needs besides its mounts; volumes that are not there are made. Raises
    Unavailable for one that somebody else made, because what is in it is not this container's."""
    if container.image_volumes == "discard":
        return ()
    image = await client.get(f"/images/{container.image}/json", answers.ImageInspected)
    found = dict(carried)
    for place in uncovered(container, (image.get("Config") or {}).get("Volumes") or ()):
        if place not in found:
            found[place] = await _made(client, container.name, place, owner)
    return tuple(sorted(found.items()))


async def _made(client: EngineClient, container: str, place: str, owner: str) -> str:
    name = volume_name(container, place)
    own = {NAME_LABEL: container, **({OWNER_LABEL: owner} if owner else {})}
    volume = await client.make("/volumes/create", answers.Volume, {"Name": name, "Labels": own})
    labels = volume.get("Labels") or {}
    if labels.get(NAME_LABEL) != container or not is_owner(labels.get(OWNER_LABEL, ""), owner):
        whose = labels.get(OWNER_LABEL)
        made_by = f"the evenkeel whose state is in {whose}" if whose else "somebody else"
        raise Unavailable(
            f"volume:{name}",
            f"the volume {name}, which is for the data at {place}, was made by {made_by} and is not used without being asked"
            f" for: remove it (docker volume rm), or mount something at {place}",
        )
    return name


async def removed(client: EngineClient, names: Iterable[str]) -> tuple[str, ...]:
    """Remove volumes that nobody has any more; those that somebody has."""
    return tuple([name for name in names if not await _is_removed(client, name)])


async def _is_removed(client: EngineClient, name: str) -> bool:
    try:
        await client.delete(f"/volumes/{quote(name)}")
    except EngineAnswer as answer:
        if "is in use" in answer.message:
            return False
        if answer.status != 404:
            raise
    return True
