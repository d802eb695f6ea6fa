"""Volumes for the places that images declare.

Where nothing is mounted at such a place, the engine makes a volume without a name for each container, which cannot be
found again. So each place gets a volume with a name here: that of the predecessor, or one that is named after container
and place.

A volume of an adopted container mostly has a name that does not tell its container, and the labels of a volume cannot
be changed. So a second volume stands for it: empty, named after container and place, with a label that names the first.
By it the data are found again after the container was removed by hand. `reconcilers.containers.volumes` decides what
becomes of volumes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.containers.docker.parse import is_owner
from evenkeel.controller.drivers.containers.docker.render import NAME_LABEL, OWNER_LABEL, STANDS_FOR_LABEL
from evenkeel.reconcilers.containers.naming import volume_name
from evenkeel.reconcilers.containers.volumes import uncovered
from evenkeel.specs.containers.container import Container
from evenkeel.specs.errors import Unavailable


async def volumes_for(
    client: EngineClient, container: Container, carried: Iterable[tuple[str, str]], owner: str
) -> tuple[tuple[str, str], ...]:
    """The places and volumes that a new container needs besides its mounts; volumes that are not there are made. Raises
    Unavailable for a volume that somebody else made, because its content is not this container's."""
    if container.image_volumes == "discard":
        return ()
    image = await client.get(f"/images/{container.image}/json", answers.ImageInspected)
    found = dict(carried)
    for place in uncovered(container, (image.get("Config") or {}).get("Volumes") or ()):
        if place not in found:
            known = await _known(client, container.name, place, owner)
            is_there = known and await _inspected(client, known) is not None
            found[place] = known if is_there else await _made(client, container.name, place, owner)
    await remember(client, container.name, found.items(), owner)
    return tuple(sorted(found.items()))


async def remember(client: EngineClient, container: str, places: Iterable[tuple[str, str]], owner: str) -> None:
    """See that these volumes are found again for a container of this name, as those at these places."""
    for place, volume in places:
        known, name = await _known(client, container, place, owner), _stand_in(container, place)
        wanted = "" if volume == volume_name(container, place) else volume
        if known and known != wanted:
            await client.delete(f"/volumes/{quote(name)}")
        if wanted and known != wanted:
            labels = {**_own(container, owner), STANDS_FOR_LABEL: wanted}
            await client.make("/volumes/create", answers.Volume, {"Name": name, "Labels": labels})


async def _known(client: EngineClient, container: str, place: str, owner: str) -> str:
    """The volume that another one stands for; "" when there is none."""
    found = await _inspected(client, _stand_in(container, place))
    labels = (found.get("Labels") if found is not None else None) or {}
    return labels.get(STANDS_FOR_LABEL, "") if _is_own(labels, container, owner) else ""


async def _inspected(client: EngineClient, name: str) -> answers.Volume | None:
    try:
        return await client.get(f"/volumes/{quote(name)}", answers.Volume)
    except EngineAnswer as answer:
        if answer.status != 404:
            raise
        return None


def _stand_in(container: str, place: str) -> str:
    return f"{volume_name(container, place)}.elsewhere"


def _own(container: str, owner: str) -> dict[str, str]:
    return {NAME_LABEL: container, **({OWNER_LABEL: owner} if owner else {})}


def _is_own(labels: Mapping[str, str], container: str, owner: str) -> bool:
    return labels.get(NAME_LABEL) == container and is_owner(labels.get(OWNER_LABEL, ""), owner)


async def _made(client: EngineClient, container: str, place: str, owner: str) -> str:
    name = volume_name(container, place)
    body = {"Name": name, "Labels": _own(container, owner)}
    volume = await client.make("/volumes/create", answers.Volume, body)
    labels = volume.get("Labels") or {}
    if not _is_own(labels, container, owner):
        whose = labels.get(OWNER_LABEL)
        made_by = f"the evenkeel whose state is in {whose}" if whose else "somebody else"
        raise Unavailable(
            f"volume:{name}",
            f"the volume {name}, which is for the data at {place}, was made by {made_by} and is not used without being asked"
            f" for: remove it (docker volume rm), or mount something at {place}",
        )
    return name


async def removed(client: EngineClient, names: Iterable[str]) -> tuple[str, ...]:
    """Remove volumes that no container has any more; the names of the others."""
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
