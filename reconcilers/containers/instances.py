"""The instances of one name: which of them match the wanted container, which is the best, and which hold data that are
to be kept.

Several instances may carry one name while one replaces another. `matches` says whether an instance is as wanted, or can
become so in place. Among the matching ones, the instance with the highest `rank` is the candidate of `diff`. Everything
here is judged by observations and memory, never by the progress of an earlier cycle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from evenkeel.reconcilers.containers import compare
from evenkeel.reconcilers.containers.health import is_put_up_again
from evenkeel.reconcilers.containers.naming import engine_name, succession
from evenkeel.reconcilers.containers.values import other_values
from evenkeel.specs.containers.container import Container, Restart, check_digest, keeps_volumes, proven_check
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import AWAKE, ContainerSeen, ContainersSeen


def matches(wanted: Container, instance: ContainerSeen, seen: ContainersSeen) -> bool:
    """Whether an instance is as wanted, or can become so in place. The present content of its tag does not count
    here."""
    if instance.container is None or instance.state == "dead" or instance.holds:
        return False
    if instance.vanishes and wanted.restart.policy != instance.container.restart.policy:
        return False  # an engine changes no restart policy of one that it removes at its end (measured, 20.10)
    if wanted != instance.container and not compare.same_identity(wanted, instance.container):
        return False
    if other_values(wanted, instance, seen):
        return False
    if not compare.can_update(wanted.resources, instance.container.resources, seen.in_place):
        return False
    if instance.cut_off and not seen.reconnects:
        return False
    return seen.in_place != "none" or not compare.in_place_differs(wanted, instance.container)


def rank(instance: ContainerSeen, memory: ContainersMemory) -> tuple[bool, bool, bool, bool, float, int, str]:
    """Orders instances of one name, the best last: one whose image did not fail, the one at work, the proven one, the one with
    the plain name, the youngest."""
    sound = instance.image_id not in memory.rejected
    named = instance.engine_name == engine_name(instance.name)
    return sound, instance.state in AWAKE, instance.id in memory.proven, named, *age(instance, memory), instance.id


def age(instance: ContainerSeen, memory: ContainersMemory) -> tuple[float, int]:
    """Orders instances of one name, the youngest last: by the journal, or else by their names in the engine."""
    made = memory.made.get(instance.id, math.inf)
    return made, succession(engine_name(instance.name), instance.engine_name)


def is_younger(instance: ContainerSeen, other: ContainerSeen, memory: ContainersMemory) -> bool:
    """Whether an instance came after another one of its name: by their names in the engine; where these do not tell, by the
    journal, which is the order in which it met them."""
    plain = engine_name(instance.name)
    places = succession(plain, instance.engine_name), succession(plain, other.engine_name)
    if places[0] != places[1]:
        return places[0] > places[1]
    return memory.made.get(instance.id, math.inf) > memory.made.get(other.id, math.inf)


def is_proven(instance: ContainerSeen, container: Container, memory: ContainersMemory) -> bool:
    """Whether an instance was proven with the network check that is wanted now."""
    proof = memory.proven.get(instance.id)
    return proof is not None and proven_check(proof) == check_digest(container)


def is_kept(instance: ContainerSeen, container: Container, memory: ContainersMemory) -> bool:
    """Whether the content of an instance's volumes will be found again, if that is wanted now. When the wish changes while the
    instance stays, the instance is proven once more and remembered with the new wish: it may be removed by hand before it is
    replaced."""
    if container.image_volumes == "discard" or not instance.volumes:
        return True
    return keeps_volumes(memory.proven.get(instance.id, ""))


def began_empty(instance: ContainerSeen, memory: ContainersMemory) -> bool:
    """Whether the volumes of an instance were empty when it was created, and no proof says that their content is needed."""
    discards = instance.container is not None and instance.container.image_volumes == "discard"
    id_ = instance.holds or instance.id
    return discards and id_ not in memory.proven and id_ not in memory.kept


def lacks_kept_volumes(instance: ContainerSeen, instances: Sequence[ContainerSeen], memory: ContainersMemory) -> bool:
    """Whether an instance that was never good lacks the data that are to be kept. They are in another of the `instances` of its
    name, or were in one that it stepped aside for and that may have been removed by hand since."""
    if not began_empty(instance, memory):
        return False
    place = succession(engine_name(instance.name), instance.engine_name)
    stepped_aside = instance.state not in AWAKE and (place == 0 or (place == 2 and instance.state != "created"))
    return stepped_aside or any(each.volumes and not began_empty(each, memory) for each in instances)


def why_start(instance: ContainerSeen, restart: Restart, memory: ContainersMemory) -> str:
    """Why a wanted instance has to be started; "" when it has not, because an ended process may be what its policy allows.

    `always` and `unless-stopped` want it running; `on-failure` wants it until it ends well or has no tries left; `no` lets
    it end. An instance that evenkeel stopped itself, in a switch that did not come to its end, is started again in any case.
    So is one that ended after its watch was cut short: it may have ended with its engine. The exit code does not show that,
    because a server that is told to stop ends with 0. Only where the engine tells of all that has happened since the start,
    its end with 0 is its own, and no reason to start it.
    """
    match instance.state:
        case "created":
            return "it was created and never started"
        case "paused":
            return "it is paused"
        case "exited":
            if instance.id in memory.stopped:
                return "it was stopped for a switch"
            if is_put_up_again(restart, instance):
                return f"it is not running (exit code {instance.exit_code})"
            if instance.id in memory.watched and not instance.ended_alone:
                return f"it ended while its watch was cut short (exit code {instance.exit_code})"
        case _:
            pass
    return ""
