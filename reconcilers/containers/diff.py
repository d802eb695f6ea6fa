"""The differences between the wanted and the observed containers.

Several instances may carry one name while one replaces another. Among the instances that match the wanted container,
one is the candidate: it is, or becomes, the instance of the name (`instances`). All others are kept until the candidate
is proven. Nothing here depends on the progress of an earlier cycle: an interrupted switch is observed again and goes
on, or goes back when last-good is wanted.

INV-01  containers that evenkeel did not create and was not told to adopt are never touched
INV-02  system containers are never touched
INV-03  a difference never asks for the removal of the candidate
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.containers import compare
from evenkeel.reconcilers.containers.changes import field_changes, replacement_changes, value_changes
from evenkeel.reconcilers.containers.instances import is_kept, is_proven, lacks_kept_volumes, matches, rank, why_start
from evenkeel.reconcilers.containers.naming import engine_name
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.containers.tags import has_content, image_is_there, moved_digest
from evenkeel.reconcilers.containers.values import other_values
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.difference import ContainerDifference, Verb
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import AWAKE, ContainerSeen, ContainersSeen
from evenkeel.specs.desired import Document, asked_at
from evenkeel.specs.plan import Change
from evenkeel.specs.problem import Place

_USUAL_SWITCH_S = 1.0
"""Assumed time without a container that was never switched before."""


def diff(want: ContainersWanted, seen: ContainersSeen, memory: ContainersMemory) -> tuple[ContainerDifference, ...]:
    """In order of name; a name without difference is absent."""
    instances: dict[str, list[ContainerSeen]] = defaultdict(list)
    foreign: dict[str, ContainerSeen] = {}
    for instance in seen.containers:
        if instance.container is None:
            foreign[instance.engine_name] = instance
        else:
            instances[instance.name].append(instance)
    found: list[ContainerDifference] = []
    for container, document in want.documents:
        own = instances.get(container.name, [])
        if container.name in want.system:
            if not own and engine_name(container.name) not in foreign:
                why = "it is asked for, and declared a system container, which evenkeel never creates"
                found.append(_blocked(container, why, document.place))
        elif not _is_settled(container, own, seen, memory):
            difference = _difference(container, document, own, foreign, seen, memory)
            if difference is not None:
                found.append(_blocked_by_system(difference, want.system, seen))
    for name in instances.keys() - want.subjects.keys() - set(want.system):
        why = "nobody asks for it any more"
        found.append(ContainerDifference(name, "remove", why, others=_ids(instances[name])))
    found.extend(
        ContainerDifference(name, "keep", "system container, never touched")
        for name in want.system
        if name in instances or engine_name(name) in foreign
    )
    limited = (
        changed(each, limit=want.limits[each.subject]) if each.subject in want.limits else each for each in found
    )
    return tuple(sorted(limited if want.limits else found, key=lambda difference: difference.subject))


def _blocked(container: Container, why: str, asked: Place) -> ContainerDifference:
    return ContainerDifference(container.name, "blocked", why, container=container, asked=asked)


def _is_settled(
    container: Container, instances: Sequence[ContainerSeen], seen: ContainersSeen, memory: ContainersMemory
) -> bool:
    """Whether a name is in its ordinary state: one instance that matches, is at work under its name, and is proven."""
    if len(instances) != 1 or container.pull_policy == "Always":
        return False
    (only,) = instances
    return (
        only.state == "running"
        and only.container == container
        and not other_values(container, only, seen)
        and not only.cut_off
        and container.name not in memory.notified
        and is_proven(only, container, memory)
        and is_kept(only, container, memory)
        and only.engine_name == engine_name(container.name)
    )


def _difference(
    container: Container,
    document: Document,
    instances: Sequence[ContainerSeen],
    foreign: Mapping[str, ContainerSeen],
    seen: ContainersSeen,
    memory: ContainersMemory,
) -> ContainerDifference | None:
    """The difference of one wanted container, `None` when there is none. `foreign`: containers of others by engine name."""
    name = container.name
    holder = foreign.get(engine_name(name))
    if holder is not None:
        return _blocked(container, _name_is_taken(name, holder), document.place)
    moved = moved_digest(container, seen, memory)
    matching = [each for each in instances if matches(container, each, seen) and has_content(each, moved, seen)]
    if container.image_volumes != "discard":
        matching = [each for each in matching if not lacks_kept_volumes(each, instances, memory)]
    if matching:
        candidate = max(matching, key=lambda instance: rank(instance, memory))
        others = [each for each in instances if each.id != candidate.id]
        return _unfinished(container, document, candidate, others, memory, seen.in_place)
    if container.pull_policy == "Never" and not image_is_there(container, seen, memory):
        why = f"the image {container.image} is not there and pullPolicy is Never"
        return _blocked(container, why, asked_at(document, "image"))
    if instances:
        current = max(instances, key=lambda instance: rank(instance, memory))
        changes = tuple(replacement_changes(container, document, current, moved, seen))
        is_value = bool(changes) and changes == tuple(value_changes(container, document, current, seen))
        cost = _cost(container, instances, memory)
        return ContainerDifference(
            name,
            "recreate",
            ", ".join(each.why for each in changes)
            if is_value
            else "it differs in what only a new container can change",
            changes,
            asked=changes[0].asked if changes else document.place,
            lost=cost.lost,
            away_s=cost.away_s,
            away_most_s=cost.away_most_s,
            container=container,
            others=_ids(instances),
            compared=current.id,
        )
    change = Change(name, "", "", container.image, "it is asked for and not there", document.place)
    return ContainerDifference(name, "create", change.why, (change,), document.place, container=container)


def _name_is_taken(name: str, holder: ContainerSeen) -> str:
    if holder.owner:
        which = f"whose state is in {holder.owner}" if holder.owner.startswith("/") else f"named {holder.owner}"
        whose = f"belongs to the evenkeel {which}; stop that one, then"
    else:
        whose = "exists that evenkeel did not create;"
    return f"a container of this name {whose} `evenkeel adopt {name}`"


def _unfinished(
    container: Container,
    document: Document,
    candidate: ContainerSeen,
    others: Sequence[ContainerSeen],
    memory: ContainersMemory,
    in_place: compare.InPlace,
) -> ContainerDifference | None:
    """The difference of a candidate that is not yet running, up to date, proven and alone; `None` when nothing is
    missing."""
    assert candidate.container is not None
    update = compare.in_place_differs(container, candidate.container)
    restart = container.name in memory.notified and candidate.state in (*AWAKE, "exited")
    start = "it was started with what has changed since" if restart else ""
    start = start or why_start(candidate, container.restart, memory)
    limited = update and candidate.state in AWAKE and container.resources != candidate.container.resources
    proven, kept = is_proven(candidate, container, memory), is_kept(candidate, container, memory)
    verify = bool(start or candidate.cut_off) or limited or not proven or not kept
    if not (others or update or verify) and candidate.engine_name == engine_name(container.name):
        return None
    changes = tuple(field_changes(container, document, candidate, in_place)) if update else ()
    compared = candidate.id
    switching = bool(others) and ((bool(start) and not restart) or any(each.state in AWAKE for each in others))
    verb: Verb
    if switching:
        old = max(others, key=lambda instance: rank(instance, memory))
        if since := tuple(field_changes(container, document, old, in_place)):
            changes, compared = since, old.id
        failed = old.image_id in memory.rejected and candidate.image_id not in memory.rejected
        why = "the image that was pushed again failed" if failed else "the switch to the new container is not finished"
        verb = "recreate"
    elif update:
        verb, why = "update", "limits and restart policy change in place"
    elif candidate.cut_off:
        verb, why = "connect", f"it is cut off from its network: {candidate.cut_off}"
    elif start:
        verb, why = "restart" if restart else "start", start
    elif not proven:
        known = candidate.id in memory.proven
        alone = "it has ended by itself, and that is not proven yet" if candidate.ended_alone else ""
        verb, why = "finish", "its health check has changed" if known else alone or "its health is not proven yet"
    elif not kept:
        verb, why = "finish", "what is in its volumes is to be kept from now on"
    else:
        verb, why = "finish", "an old instance or name is left over"
    cost = _cost(container, others, memory) if switching else _Cost()
    if restart and candidate.state in AWAKE:
        away = _cost(container, [candidate, *(others if switching else ())], memory)
        cost = cost._replace(away_s=away.away_s, away_most_s=away.away_most_s)
    return ContainerDifference(
        container.name,
        verb,
        why,
        changes,
        asked=changes[0].asked if changes else document.place,
        in_place=verb == "update",
        lost=cost.lost,
        away_s=cost.away_s,
        away_most_s=cost.away_most_s,
        container=container,
        candidate=candidate.id,
        others=_ids(others),
        update=update,
        connect=bool(candidate.cut_off),
        start=bool(start),
        verify=verify,
        compared=compared,
        stop=restart and candidate.state in AWAKE,
    )


class _Cost(NamedTuple):
    """The price of a replacement, in the fields of a `Difference`."""

    lost: tuple[str, ...] = ()
    away_s: float | None = None
    away_most_s: float | None = None


def _cost(container: Container, replaced: Sequence[ContainerSeen], memory: ContainersMemory) -> _Cost:
    """Settings that no spec can ask for are lost. The subject is away as long as last time, and at most as long as the
    instances at work are given to end and the start takes."""
    lost = tuple(dict.fromkeys(text for each in replaced for text in each.unspoken))
    stops = [
        max(each.container.stop.timeout, container.stop.timeout).total_seconds()
        for each in replaced
        if each.container is not None and each.state in AWAKE
    ]
    if not stops:
        return _Cost(lost)
    return _Cost(lost, memory.switch_s.get(container.name, _USUAL_SWITCH_S), max(stops) + _USUAL_SWITCH_S)


def _ids(instances: Sequence[ContainerSeen]) -> tuple[str, ...]:
    return tuple(sorted(each.id for each in instances))


def _blocked_by_system(
    difference: ContainerDifference, system: Collection[str], seen: ContainersSeen
) -> ContainerDifference:
    """Blocked, if it would be started while a system container that it depends on does not run. evenkeel does not judge the
    health of that one: it counts as there while it runs. A look at one subject does not show it, and blocks nothing."""
    container = difference.container
    starts = difference.start or not difference.candidate
    if container is None or difference.verb == "blocked" or not starts or not container.depends_on or seen.only:
        return difference
    running = {instance.name for instance in seen.containers if instance.state == "running"}
    missing = [
        name for name in container.depends_on if name in system and running.isdisjoint((name, engine_name(name)))
    ]
    if not missing:
        return difference
    why = f"it depends on what does not run: {', '.join(missing)} (system)"
    return changed(difference, verb="blocked", why=why)
