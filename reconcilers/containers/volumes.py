"""The fate of volumes that containers have because of their images, and of those that no spec can ask for.

An image declares places for its data. Where a spec mounts nothing there, the engine makes a volume, which nobody asked
for and without which the data are lost. So a new instance gets the volumes of its predecessor, and one that is removed
leaves them behind. Only `imageVolumes: discard` removes them. A volume stays with its subject although a later image
does not declare the place any more: its content was written by the subject, and the way back needs it. Volumes that
somebody else gave a container that was adopted are left behind in any case. Pure.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from evenkeel.reconcilers.containers.instances import began_empty, rank
from evenkeel.reconcilers.containers.wishes import LastWishes
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.difference import ContainerDifference, VolumeFate
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainerSeen


def fates(
    difference: ContainerDifference,
    by_id: Mapping[str, ContainerSeen],
    memory: ContainersMemory,
    wishes: LastWishes,
) -> tuple[VolumeFate, ...]:
    """For each volume of an instance that goes, in order of place; nothing for a blocked difference, which keeps
    all."""
    if difference.verb == "blocked":
        return ()
    container, candidate = difference.container, by_id.get(difference.candidate)
    discards = difference.subject in wishes.discards if container is None else container.image_volumes == "discard"
    others = sorted(
        (by_id[id_] for id_ in difference.others),
        key=lambda each: (bool(each.holds), rank(each, memory)),
        reverse=True,
    )
    if candidate is not None:
        kept = dict(candidate.volumes)
    else:
        keeping = (other for other in others if not began_empty(other, memory))
        kept = {} if container is None or discards else _inherited(container, keeping)
    found: dict[str, VolumeFate] = {}
    for place, volume in (each for other in others for each in other.volumes):
        if volume in kept.values():
            found[volume] = VolumeFate(place, volume, "carried")
        else:
            having = [other for other in others if volume in dict(other.volumes).values()]
            goes = discards and all(_lets_go(other, memory) for other in having)
            found[volume] = VolumeFate(place, volume, "removed" if goes else "left")
    shared = candidate.other_volumes if candidate is not None else ()
    for place, volume in (each for other in others for each in other.other_volumes if each not in shared):
        found.setdefault(volume, VolumeFate(place, volume, "left"))
    return tuple(sorted(found.values(), key=lambda each: (each.place, each.volume)))


def _lets_go(instance: ContainerSeen, memory: ContainersMemory) -> bool:
    """Whether `discard` may be about the volumes of an instance. When a revision that wanted to keep them has failed,
    last-good may say `discard`, but nobody has said that of the volumes of the failed instance."""
    return (instance.holds or instance.id) in memory.proven or began_empty(instance, memory)


def removed_with(instance: ContainerSeen, volumes: Iterable[VolumeFate]) -> tuple[str, ...]:
    """The volumes that go with an instance."""
    own = {volume for _, volume in instance.volumes}
    return tuple(each.volume for each in volumes if each.fate == "removed" and each.volume in own)


def left_by(instance: ContainerSeen, volumes: Iterable[VolumeFate]) -> tuple[tuple[str, str], ...]:
    """Places and names of the volumes that stay behind when an instance is removed."""
    own = {volume for _, volume in (*instance.volumes, *instance.other_volumes)}
    return tuple((each.place, each.volume) for each in volumes if each.fate == "left" and each.volume in own)


def uncovered(container: Container, places: Iterable[str]) -> tuple[str, ...]:
    """Those of these places that need a volume, because the spec mounts nothing there. A mount above a place does not
    count, because the engine makes a volume inside of it (measured, 20.10). A place that is not absolute is left to the
    engine, which takes no request for it."""
    mounted = {tidy(mount.destination) for mount in container.mounts}
    return tuple(place for place in map(_tidied, places) if place.startswith("/") and place not in mounted)


def tidy(path: str) -> str:
    """An absolute path as engines tidy it up: `/a//b/` is `/a/b`."""
    return "/" + posixpath.normpath(path).lstrip("/")


def _tidied(place: str) -> str:
    return tidy(place) if place.startswith("/") else place


def _inherited(container: Container, others: Iterable[ContainerSeen]) -> dict[str, str]:
    """The volumes for a new instance: for each place that of the first of `others` that has one there. Holders come
    first, because they have the volumes from before a switch that has not come to its end."""
    found: dict[str, str] = {}
    for other in others:
        volumes = dict(other.volumes)
        for place in uncovered(container, volumes):
            if place in volumes:
                found.setdefault(place, volumes[place])
    return found
