"""Differences → steps in stages.

The switch from an old instance to a new one: fetch the image; create the new beside the old; let them change names, stop
the old, start the new; watch it until it is proven; remove the old. A crash between any two of these leaves a world from which
`diff` and this function find the way, forward or, with last-good as the desired state, back.

INV-04  nothing is disturbed before all images are there (fetch before disturb)
INV-05  an old instance is removed only after its successor is proven
INV-06  a container starts only after all that it depends on meets its conditions, system containers while they run
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

from evenkeel.reconcilers.containers.availability import taking_turns
from evenkeel.reconcilers.containers.instances import is_younger
from evenkeel.reconcilers.containers.naming import aside_name, engine_name, free_name
from evenkeel.reconcilers.containers.observation import ailing, down
from evenkeel.reconcilers.containers.order import with_dependencies
from evenkeel.reconcilers.containers.tags import image_is_there, moved_digest
from evenkeel.reconcilers.containers.volumes import fates, left_by, removed_with
from evenkeel.reconcilers.containers.wishes import NO_WISHES, LastWishes
from evenkeel.reconcilers.staging import stages
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Connect, Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import Stop, condition_of
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
    ordered = with_dependencies(_with_asides(steps), active, by_id)
    unwell = (name for name, each in ailing(seen, memory).items() if each.refutes)
    away = {*down(seen, memory), *unwell}
    return Plan("containers", judged, stages(taking_turns(ordered, active, away)))


def _blocked_with(differences: Sequence[ContainerDifference]) -> Iterator[ContainerDifference]:
    """Differences, of which those are blocked, too, that depend on a blocked one, unless they are at work already."""
    blocked = {difference.subject for difference in differences if difference.verb == "blocked"}
    started = {each.subject for each in differences if each.candidate and not each.start}
    needs = {each.subject: _held_by(each, started) for each in differences} if blocked else {}
    for _ in differences if blocked else ():
        more = {subject for subject, needed in needs.items() if not blocked.isdisjoint(needed)}
        if more <= blocked:
            break
        blocked |= more
    for difference in differences:
        if difference.subject in blocked and difference.verb != "blocked":
            waits = ", ".join(sorted(blocked.intersection(needs[difference.subject])))
            yield changed(
                difference, verb="blocked", why=f"it depends on {waits}", lost=(), away_s=None, away_most_s=None
            )
        else:
            yield difference


def _held_by(difference: ContainerDifference, started: Collection[str]) -> list[str]:
    """The subjects without which this one cannot be started. One that only has to be `started` and is holds up nothing."""
    container = difference.container
    names = container.depends_on if container is not None else ()
    return [
        name
        for name in names
        if container is not None and (condition_of(container, name) != "started" or name not in started)
    ]


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
    for step in _renames(
        subject, target, name, holders, taken, _successors(candidate, holders[engine_name(subject)], memory)
    ):
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
    subject: str,
    target: str,
    name: str,
    holders: dict[str, list[ContainerSeen]],
    taken: set[str],
    successors: Collection[str],
) -> Iterator[Step]:
    """The candidate gets the plain name. The holder of that name steps aside first, be it an instance that it replaces
    or one of another subject that was renamed by hand. All while the old one is still at work, so that only stopping
    and starting fall into the time without it."""
    plain = engine_name(subject)
    if name == plain:
        return
    needs: tuple[str, ...] = ()
    for other in holders[plain]:
        aside = aside_name(plain, other.id, taken, waits=other.id in successors)
        taken.add(aside)
        step = Step(f"aside:{other.id[:12]}", subject, Phase.ACTIVATE, Rename(other.id, aside))
        needs = (*needs, step.id)
        yield step
    yield Step(f"rename:{subject}", subject, Phase.ACTIVATE, Rename(target, plain), needs)


def _successors(
    candidate: ContainerSeen | None, holders: Sequence[ContainerSeen], memory: ContainersMemory
) -> set[str]:
    """The holders of a plain name that came after the candidate: on a way back they get the name of a successor again, so that
    the names tell which one was good, should the journal be lost before its end."""
    if candidate is None:
        return set()
    mine = (each for each in holders if each.name == candidate.name and each.id not in memory.adopted)
    return {each.id for each in mine if is_younger(each, candidate, memory)}


def _is_aside(step: Step) -> bool:
    return step.id.startswith("aside:")


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
