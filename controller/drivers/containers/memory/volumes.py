"""Volumes of the memory engine: as Docker's, a container gets one for each place that its image declares.

The content of a volume is one text, which tests write and read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from evenkeel.reconcilers.containers.naming import volume_name
from evenkeel.reconcilers.containers.volumes import uncovered
from evenkeel.specs.containers.container import Container
from evenkeel.specs.errors import Unavailable

Places = tuple[tuple[str, str], ...]
"""Places inside a container, and the names of the volumes there."""


@dataclass
class Volume:
    """One volume. `made_for`: the container for which evenkeel made it; "" when somebody else did, or the engine by itself.
    `stands_for`: the name of another one."""

    made_for: str = ""
    content: str = ""
    stands_for: str = ""


def attached(
    volumes: dict[str, Volume], container: Container, declared: Iterable[str], carried: Places, id_: str
) -> Places:
    """The volumes of a new container at places that its image declares; volumes that are not there are made. A volume
    that another stands for is found again."""
    places = uncovered(container, declared)
    if container.image_volumes == "discard":
        return without_names(volumes, places, id_)
    found = dict(carried)
    for place in places:
        if place in found:
            continue
        stand_in = volumes.get(_stand_in(container.name, place))
        if stand_in is not None and stand_in.stands_for in volumes:
            found[place] = stand_in.stands_for
        else:
            found[place] = name = volume_name(container.name, place)
            if volumes.setdefault(name, Volume(container.name)).made_for != container.name:
                raise Unavailable(f"volume:{name}", f"the volume {name} was made by somebody else; remove it")
    remember(volumes, container, found.items())
    return tuple(sorted(found.items()))


def remember(volumes: dict[str, Volume], container: Container, places: Iterable[tuple[str, str]]) -> None:
    """See that these volumes are found again for a container of this name, as with Docker: another volume stands for
    each that is not named after container and place."""
    if container.image_volumes == "discard":
        return
    for place, name in places:
        volumes.pop(_stand_in(container.name, place), None)
        if name != volume_name(container.name, place):
            volumes[_stand_in(container.name, place)] = Volume(container.name, stands_for=name)


def _stand_in(container: str, place: str) -> str:
    return f"{volume_name(container, place)}.elsewhere"


def without_names(volumes: dict[str, Volume], places: Iterable[str], id_: str) -> Places:
    """The volumes that the engine makes by itself for a container of this id. No two have one name."""
    found = {place: hashlib.sha256(f"{id_} {place} {len(volumes)}".encode()).hexdigest() for place in places}
    volumes.update({name: Volume() for name in found.values()})
    return tuple(sorted(found.items()))


def removed(volumes: dict[str, Volume], names: Iterable[str], in_use: Iterable[Places]) -> None:
    """Remove volumes that no container has."""
    used = {name for places in in_use for _, name in places}
    for name in names:
        if name not in used:
            volumes.pop(name, None)
