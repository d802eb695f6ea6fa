"""The order between containers: what has to be there before one starts, and which stops first.

A dependency meets its condition before a container starts, and a stop goes the other way round: of two that are stopped,
the one that depends on the other stops first. It stops right before the other, and not earlier: it waits for the same. A
container that is not changed itself is not stopped for one that it depends on. A host port is free before it is taken.

Members of a group with `maxUnavailable` stop when it is their turn (`availability`), and not because of others.

No two wait for each other. A stop shares its own waits with all stops that wait for it, and stops that free a host
port wait for nothing. So a way from a stop back to itself would lead down the dependencies without end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from evenkeel.reconcilers.containers.compare import collide
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Connect, End, Rename, Start
from evenkeel.specs.containers.container import Container, condition_of, host_ports
from evenkeel.specs.containers.difference import ContainerDifference
from evenkeel.specs.containers.observed import ContainerSeen
from evenkeel.specs.plan import Phase, Step

ById = Mapping[str, ContainerSeen]
Subjects = dict[str, tuple[str, ...]]
"""By subject: other subjects, or ids of steps."""


def with_dependencies(steps: Sequence[Step], differences: Sequence[ContainerDifference], by_id: ById) -> list[Step]:
    """The steps with the order between subjects."""
    ids = {step.id for step in steps}
    wanted = {each.subject: each.container for each in differences if each.container is not None}
    limited = {each.subject for each in differences if each.limit is not None}
    before = {subject: _met_by(container, ids) for subject, container in wanted.items()}
    stops = _stops(steps)
    frees = _port_needs(steps, wanted, by_id)
    freeing = {step for needed in frees.values() for step in needed}
    created = _created_needing(steps, by_id)
    first = _stopping_before(stops, wanted, limited, created)
    waits = _waits(stops, first, before, freeing)
    asides = {step.id for step in steps if isinstance(step.action, Rename) and _is_of_another(step.action, step, by_id)}
    dependants: Subjects = {}
    for subject, needed in first.items():
        for other in needed:
            dependants[other] = (*dependants.get(other, ()), *stops[subject])
    last = _last_of_all(stops, wanted, first, freeing, created)
    ordered: list[Step] = []
    for step in steps:
        extra: tuple[str, ...] = frees.get(step.id, ())
        if step.phase == Phase.ACTIVATE:
            if isinstance(step.action, Start | Connect):
                extra += before.get(step.subject, ())
            elif step.id not in asides:
                extra += waits.get(step.subject, before.get(step.subject, ()))
            if isinstance(step.action, End):
                extra += dependants.get(step.subject, ()) + last.get(step.subject, ())
        ordered.append(changed(step, needs=(*step.needs, *extra)) if extra else step)
    return ordered


def _met_by(container: Container, ids: set[str]) -> tuple[str, ...]:
    """The steps with which the conditions of a container are met. A condition without such a step is met already."""
    steps = (
        f"{'start' if condition_of(container, name) == 'started' else 'verify'}:{name}" for name in container.depends_on
    )
    return tuple(step for step in steps if step in ids)


def _stops(steps: Iterable[Step]) -> Subjects:
    stops: Subjects = {}
    for step in steps:
        if isinstance(step.action, End):
            stops[step.subject] = (*stops.get(step.subject, ()), step.id)
    return stops


def _created_needing(steps: Iterable[Step], by_id: ById) -> Subjects:
    """By subject that is stopped: what it depended on when its instances were created."""
    found: Subjects = {}
    for step in steps:
        container = by_id[step.action.instance].container if isinstance(step.action, End) else None
        if container is not None:
            found[step.subject] = (*found.get(step.subject, ()), *container.depends_on)
    return found


def _stopping_before(
    stops: Subjects, wanted: Mapping[str, Container], limited: set[str], created: Subjects
) -> Subjects:
    """By subject that is stopped: those before which it has to be stopped, because it depends on them. One that nobody asks
    for any more depends on what it was created with.

    Two that were created at different times may each depend on the other; then one of them is the first.
    """
    found: Subjects = {}
    for subject in stops:
        needed = wanted[subject].depends_on if subject in wanted else created.get(subject, ())
        is_free = subject not in limited
        found[subject] = tuple(
            name for name in dict.fromkeys(needed) if is_free and name in stops and name not in {subject, *limited}
        )
    while True:
        try:
            TopologicalSorter(found).prepare()
        except CycleError as error:
            needed, subject = error.args[1][:2]  # each is needed by the next
            found[subject] = tuple(name for name in found[subject] if name != needed)
        else:
            return found


def _waits(stops: Subjects, first: Subjects, before: Subjects, freeing: set[str]) -> Subjects:
    """By subject that is stopped: the steps that it waits for with its stop. It stays at work until what it depends on is
    there, unless that has to be stopped, too: then it waits for the same as that."""
    waits: Subjects = {}
    for subject in TopologicalSorter(first).static_order():
        needed = first[subject]
        if not freeing.isdisjoint(stops[subject]):
            waits[subject] = ()
        elif needed:
            shared = set[str].intersection(*(set(waits[name]) for name in needed))
            waits[subject] = tuple(sorted(shared))
        else:
            waits[subject] = before.get(subject, ())
    return waits


def _last_of_all(
    stops: Subjects, wanted: Mapping[str, Container], first: Subjects, freeing: set[str], created: Subjects
) -> Subjects:
    """By subject that nobody asks for any more and no other stop or start waits for: the stops of those that depended on it
    when they were created, and do not any more."""
    used_by: Subjects = {}
    for user in stops:
        for name in created.get(user, ()) if user in wanted else ():
            used_by[name] = (*used_by.get(name, ()), *stops[user])
    return {
        subject: used_by[subject]
        for subject in stops
        if subject in used_by and subject not in wanted and not first[subject] and freeing.isdisjoint(stops[subject])
    }


def _port_needs(steps: Iterable[Step], wanted: Mapping[str, Container], by_id: ById) -> Subjects:
    """By id of a start: the stops of other subjects' instances that hold a host port which the start will take."""
    stops = [(step, by_id[step.action.instance].container) for step in steps if isinstance(step.action, End)]
    holding: dict[tuple[str, int], list[int]] = {}
    for index, (_, holder) in enumerate(stops):
        for port in _host_ports(holder):
            holding.setdefault(port, []).append(index)
    needs: Subjects = {}
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


def _is_of_another(action: Rename, step: Step, by_id: ById) -> bool:
    """Whether an instance of another subject steps aside. It waits for nothing, or both would wait for ever."""
    return action.instance in by_id and by_id[action.instance].name != step.subject
