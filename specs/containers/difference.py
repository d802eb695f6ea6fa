"""The differences of containers, and the images of a plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from evenkeel.specs.containers.actions import Pull
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.observed import ContainersSeen, image_size
from evenkeel.specs.plan import NOTHING_DONE, Difference, Plan

Verb = Literal["create", "recreate", "update", "connect", "start", "restart", "finish", "remove", "keep", "blocked"]
"""The purpose of a plan for a container. `connect`: it is put back on its network. `restart`: it runs with a state that
another domain has changed since. `finish`: right already, but proof, a name or the removal of an old instance is outstanding.
`restart`, `finish`, `keep` and `blocked` are everybody's (`specs.plan`)."""

IN_PLACE = "changes in place"
"""The reason of a change that needs no new container."""
ALTERABLE = ("resources.", "restart.")
"""The beginnings of the paths that an engine may be able to change in place."""


class VolumeFate(Struct, frozen=True):
    """The fate of a volume that an instance has at `place`, when the instance goes: its successor has the volume
    (`carried`), the volume stays behind (`left`), or it is removed (`removed`)."""

    place: str
    volume: str
    fate: Literal["carried", "left", "removed"]


class Limit(Struct, frozen=True):
    """The bound of a group: at most so many of its members may be away at the same time."""

    group: str
    most_away: int


class ContainerDifference(Difference, frozen=True):
    """All that differs for one container, and which instances are concerned.

    `container` is the wanted one, `None` when the subject is not asked for. `candidate` is the id of the instance that
    is, or is to become, the one; "" while it has to be created. `others` are ids of instances that it replaces. The
    work on the candidate: `update` it in place, `connect` it, `stop` it first, `start` it, `verify` it. `volumes`: the
    fates of the volumes of `others`. `compared`: the id of the instance that the old values of `changes` are from.
    `limit`: that of its group.
    """

    container: Container | None = None
    candidate: str = ""
    others: tuple[str, ...] = ()
    update: bool = False
    connect: bool = False
    start: bool = False
    verify: bool = False
    volumes: tuple[VolumeFate, ...] = ()
    compared: str = ""
    stop: bool = False
    limit: Limit | None = None


def of_containers(differences: Iterable[Difference]) -> tuple[ContainerDifference, ...]:
    """Those that are about containers, which are all of them in this domain."""
    return tuple(each for each in differences if isinstance(each, ContainerDifference))


def pulls(plan: Plan) -> tuple[str, ...]:
    """References that will be pulled, each once."""
    actions = [step.action for stage in plan.stages for step in stage.steps]
    return tuple(dict.fromkeys(action.image for action in actions if isinstance(action, Pull)))


def pulled_for(difference: ContainerDifference, plan: Plan) -> str:
    """The reference that will be pulled for a subject, maybe for others, too; "" when none is."""
    container = difference.container
    if container is None or difference.candidate or difference.verb in NOTHING_DONE:
        return ""
    return container.image if container.image in pulls(plan) else ""


def pull_sizes(plan: Plan, seen: ContainersSeen) -> tuple[int, int]:
    """Bytes to pull as far as they are known, and how many images of unknown size."""
    sizes = [image_size(image, seen) for image in pulls(plan)]
    return sum(sizes), sizes.count(0)
