"""Differences → steps in stages.

The switch from an old instance to a new one: fetch the image; create the new beside the old; let them change names, stop
the old, start the new; watch it until it is proven; remove the old. A crash between any two of these leaves a world from which
`diff` and this function find the way, forward or, with last-good as the desired state, back.

INV-04  nothing is disturbed before all images are there (fetch before disturb)
INV-05  an old instance is removed only after its successor is proven
INV-06  a container starts only after all those it depends on are proven, system containers while they run
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

from evenkeel.reconcilers.containers.compare import collide
from evenkeel.reconcilers.containers.naming import aside_name, engine_name, free_name
from evenkeel.reconcilers.containers.tags import image_is_there, moved_digest
from evenkeel.reconcilers.containers.volumes import fates, left_by, removed_with
from evenkeel.reconcilers.containers.wishes import NO_WISHES, LastWishes
from evenkeel.reconcilers.staging import stages
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Connect, Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import Container, Stop, host_ports
from evenkeel.specs.containers.difference import ContainerDifference
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import AWAKE, ContainerSeen, ContainersSeen
from evenkeel.specs.plan import NOTHING_DONE, Phase, Plan, Step


def plan(
    differences: Sequence[ContainerDifference],
    seen: ContainersSeen,
    memory: ContainersMemory,
    wishes: LastWishes = NO_WISHES,
) -> Plan:
    """All steps from here to there. Only the first stage is ever applied; then the world is looked at again."""
    by_id = {instance.id: instance for instance in seen.containers}
    judged = tuple(
        changed(difference, volumes=fates(difference, by_id, memory, wishes)) if difference.others else difference
        for difference in _blocked_with(differences)
    )
    active = [difference for difference in judged if difference.verb not in NOTHING_DONE]
    taken = {instance.engine_name for instance in seen.containers}
    holders = _holders(active, seen)
    steps: list[Step] = []
    for difference in active:
        steps.extend(_steps(difference, by_id, seen, memory, wishes, taken, holders))
    ordered = _with_dependencies(_with_asides(steps), active, by_id)
    return Plan("containers", judged, stages(ordered))


def _blocked_with(differences: Sequence[ContainerDifference]) -> Iterator[ContainerDifference]:
    """Differences, of which those are blocked, too, that depend on a blocked one, unless they are at work already."""
    blocked = {difference.subject for difference in differences if difference.verb == "blocked"}
    verbs = {difference.subject: difference for difference in differences}
    for _ in differences if blocked else ():
        more = {
            subject
            for subject, difference in verbs.items()
            if difference.container is not None and blocked.intersection(difference.container.depends_on)
        }
        if more <= blocked:
            break
        blocked |= more
    for difference in differences:
        if difference.subject in blocked and difference.verb != "blocked" and difference.container is not None:
            waits = ", ".join(sorted(blocked.intersection(difference.container.depends_on)))
            yield changed(
                difference, verb="blocked", why=f"it depends on {waits}", lost=(), away_s=None, away_most_s=None
            )
        else:
            yield difference


def _steps(
    difference: ContainerDifference,
    by_id: dict[str, ContainerSeen],
    seen: ContainersSeen,
    memory: ContainersMemory,
    wishes: LastWishes,
    taken: set[str],
    holders: dict[str, list[ContainerSeen]],
) -> Iterator[Step]:
    subject, container = difference.subject, difference.container
    others = [by_id[id_] for id_ in difference.others]
    if container is None:
        for other in others:
            if other.state in AWAKE:
                yield _stop(subject, other, timedelta(seconds=wishes.stop_s.get(subject, 0.0)))
        yield from _removals(difference, others, by_id)
        return
    candidate = by_id.get(difference.candidate)
    needs: tuple[str, ...] = ()
    if candidate is None:
        if not image_is_there(container, seen, memory):
            digest = moved_digest(container, seen, memory).partition("@")[2]
            pull = Pull(container.image, container.pull_policy, digest)
            yield Step(f"pull:{container.image}", subject, Phase.DOWNLOAD, pull)
        name = free_name(container, taken)
        taken.add(name)
        carried = tuple((each.place, each.volume) for each in difference.volumes if each.fate == "carried")
        yield Step(f"create:{subject}", subject, Phase.UPDATE, Create(container, name, carried))
        target, starts = name, True
    else:
        name, target, starts = candidate.engine_name, candidate.id, difference.start
        if difference.update:
            before = candidate.container.resources if candidate.container else container.resources
            is_limited = candidate.state in AWAKE and before != container.resources
            update = Update(target, container.restart, container.resources, is_limited)
            yield Step(f"update:{subject}", subject, Phase.UPDATE, update)
    for step in _renames(subject, target, name, holders, taken):
        needs = (*needs, step.id)
        yield step
        if isinstance(step.action, Rename) and step.action.instance == target and candidate is None:
            target = step.action.engine_name
    for other in others:
        if other.state in AWAKE:
            stop = changed(_stop(subject, other, container.stop.timeout), needs=needs)
            needs = (*needs, stop.id)
            yield stop
    if candidate is not None and difference.stop:
        stop = changed(_stop(subject, candidate, container.stop.timeout), needs=needs)
        needs, starts = (
            (*needs, stop.id),
            starts and not candidate.vanishes,
        )  # then the next look finds none, and creates one
        yield stop
    if difference.connect:
        yield Step(f"connect:{subject}", subject, Phase.ACTIVATE, Connect(target, container), needs)
        needs = (*needs, f"connect:{subject}")
    if starts:
        yield Step(f"start:{subject}", subject, Phase.ACTIVATE, Start(target), needs)
        needs = (f"start:{subject}",)
    if starts or difference.verify:
        yield Step(f"verify:{subject}", subject, Phase.VERIFY, Verify(target, container), needs)
        needs = (f"verify:{subject}",)
    yield from _removals(difference, others, by_id, needs)


def _removals(
    difference: ContainerDifference,
    others: Sequence[ContainerSeen],
    by_id: dict[str, ContainerSeen],
    needs: tuple[str, ...] = (),
) -> Iterator[Step]:
    """A container that only holds the volumes of another is removed after that one, because the engine would remove
    them with it."""
    for other in others:
        if other.holds not in by_id:
            action = Remove(other.id, removed_with(other, difference.volumes), left_by(other, difference.volumes))
            yield Step(f"remove:{other.id[:12]}", difference.subject, Phase.CLEANUP, action, needs)


def _holders(differences: Sequence[ContainerDifference], seen: ContainersSeen) -> dict[str, list[ContainerSeen]]:
    """The plain names of the subjects, each with the instances that have it in the engine."""
    holders: dict[str, list[ContainerSeen]] = {engine_name(difference.subject): [] for difference in differences}
    for instance in seen.containers:
        if instance.engine_name in holders:
            holders[instance.engine_name].append(instance)
    return holders


def _renames(
    subject: str, target: str, name: str, holders: dict[str, list[ContainerSeen]], taken: set[str]
) -> Iterator[Step]:
    """The candidate gets the plain name. The holder of that name steps aside first, be it an instance that it replaces
    or one of another subject that was renamed by hand. All while the old one is still at work, so that only stopping
    and starting fall into the time without it."""
    plain = engine_name(subject)
    if name == plain:
        return
    needs: tuple[str, ...] = ()
    for other in holders[plain]:
        aside = aside_name(plain, other.id, taken)
        taken.add(aside)
        step = Step(f"aside:{other.id[:12]}", subject, Phase.ACTIVATE, Rename(other.id, aside))
        needs = (*needs, step.id)
        yield step
    yield Step(f"rename:{subject}", subject, Phase.ACTIVATE, Rename(target, plain), needs)


def _is_aside(step: Step) -> bool:
    return step.id.startswith("aside:")


def _is_of_another(step: Step, action: Rename, by_id: dict[str, ContainerSeen]) -> bool:
    return action.instance in by_id and by_id[action.instance].name != step.subject


def _with_asides(steps: list[Step]) -> list[Step]:
    """An instance that steps aside for another subject gets its own name after that, not at the same time."""
    asides = {step.action.instance: step.id for step in steps if isinstance(step.action, Rename) and _is_aside(step)}
    return [
        changed(step, needs=(*step.needs, asides[step.action.instance]))
        if isinstance(step.action, Rename) and asides.get(step.action.instance, step.id) != step.id
        else step
        for step in steps
    ]


def _stop(subject: str, instance: ContainerSeen, wanted: timedelta) -> Step:
    """An instance is stopped with the signal that it was created for. It is given the time that it was created with, or
    the time that has been `wanted` for its subject since, whichever is longer: it may be saving data. The volumes of
    one that the engine removes at its end are held, whatever becomes of them later, because the way back needs them."""
    stop = instance.container.stop if instance.container else Stop()
    stop = changed(stop, timeout=max(stop.timeout, wanted))
    held_as = subject if instance.vanishes else ""
    return Step(f"stop:{instance.id[:12]}", subject, Phase.ACTIVATE, End(instance.id, stop, held_as))


def _with_dependencies(
    steps: list[Step], differences: Sequence[ContainerDifference], by_id: dict[str, ContainerSeen]
) -> list[Step]:
    """Add the order between subjects: a dependency is proven first and stopped last, and a host port is free before it
    is taken. A step that frees a port or a name for another subject waits for nothing, or both would wait for ever."""
    ids = {step.id for step in steps}
    frees = _port_needs(steps, differences, by_id)
    names = {step.id for step in steps if isinstance(step.action, Rename) and _is_of_another(step, step.action, by_id)}
    freeing = _with_needs(names.union(*frees.values()), steps)
    dependents = _dependents_stops(steps, by_id)
    wanted = {difference.subject: difference.container for difference in differences}
    ordered: list[Step] = []
    for step in steps:
        extra: list[str] = list(frees.get(step.id, ()))
        container = wanted.get(step.subject)
        if step.phase == Phase.ACTIVATE and step.id not in freeing:
            if container is not None:
                extra += [f"verify:{name}" for name in container.depends_on if f"verify:{name}" in ids]
            else:
                extra += [stop for stop in dependents.get(step.id, ()) if stop not in freeing]
        ordered.append(changed(step, needs=(*step.needs, *extra)) if extra else step)
    return ordered


def _with_needs(wanted: set[str], steps: list[Step]) -> set[str]:
    """`wanted` and all that these steps need, and what those need."""
    needs = {step.id: step.needs for step in steps}
    found: set[str] = set()
    while wanted:
        found |= wanted
        wanted = {need for id_ in wanted for need in needs.get(id_, ())} - found
    return found


def _dependents_stops(steps: list[Step], by_id: dict[str, ContainerSeen]) -> dict[str, tuple[str, ...]]:
    """Stops of unwanted containers → stops of the containers that depended on them when they were created.

    Two that were created at different times may each depend on the other; then there is no order to keep.
    """
    stops: dict[str, list[tuple[str, Container | None]]] = {}
    for step in steps:
        if isinstance(step.action, End):
            stops.setdefault(step.subject, []).append((step.id, by_id[step.action.instance].container))
    found: dict[str, tuple[str, ...]] = {}
    for subject, own in stops.items():
        for id_, container in own:
            for name in container.depends_on if container is not None else ():
                for needed, _ in stops.get(name, ()) if name != subject else ():
                    found[needed] = (*found.get(needed, ()), id_)
    try:
        TopologicalSorter(found).prepare()
    except CycleError:
        return {}
    return found


def _port_needs(
    steps: list[Step], differences: Sequence[ContainerDifference], by_id: dict[str, ContainerSeen]
) -> dict[str, tuple[str, ...]]:
    """Start steps → stops of other subjects' instances that hold a host port which the start will take."""
    wanted = {difference.subject: difference.container for difference in differences}
    stops = [(step, by_id[step.action.instance].container) for step in steps if isinstance(step.action, End)]
    holding: dict[tuple[str, int], list[int]] = {}
    for index, (_, holder) in enumerate(stops):
        for port in _host_ports(holder):
            holding.setdefault(port, []).append(index)
    needs: dict[str, tuple[str, ...]] = {}
    for step in steps:
        container = wanted.get(step.subject)
        if not isinstance(step.action, Start) or container is None:
            continue
        found: list[str] = []
        for index in sorted({index for port in _host_ports(container) for index in holding.get(port, ())}):
            stop, holder = stops[index]
            if stop.subject != step.subject and holder is not None and collide(container, holder):
                found.append(stop.id)
        if found:
            needs[step.id] = tuple(found)
    return needs


def _host_ports(container: Container | None) -> Iterator[tuple[str, int]]:
    """Protocol and number of every host port that a container may take, at whatever address."""
    for port in container.ports if container is not None else ():
        for number in host_ports(port):
            yield port.protocol, number
