"""Foreseeable failures of a plan: a path or a port of the host, or a limit that is too low.

They are told beside the plan and change nothing of it: the cause may be gone when the step is reached, and an engine on
another machine sees another host.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.containers import lacks
from evenkeel.specs.containers.actions import Pull, Start
from evenkeel.specs.containers.container import Container, Port, Protocol, host_ports
from evenkeel.specs.containers.difference import ALTERABLE, of_containers
from evenkeel.specs.containers.host_ports import addresses_clash
from evenkeel.specs.containers.observed import AWAKE, ContainersSeen
from evenkeel.specs.plan import Plan
from evenkeel.specs.reading.quantity import size_text


class Listener(NamedTuple):
    """A socket that listens on a port of the host. `holder`: the name of its owner, "" when it is not known."""

    protocol: Protocol
    address: str
    number: int
    holder: str = ""


class Host(NamedTuple):
    """The host as it is now. `absent`: paths that were looked for and are not there. `least_memory`: bytes below which the
    engine refuses a limit."""

    absent: tuple[str, ...] = ()
    listeners: tuple[Listener, ...] = ()
    least_memory: int = 0


def starting(plan: Plan) -> tuple[Container, ...]:
    """The containers that a plan starts, in order of name."""
    subjects = {step.subject for stage in plan.stages for step in stage.steps if isinstance(step.action, Start)}
    return tuple(
        difference.container
        for difference in of_containers(plan.differences)
        if difference.container is not None and difference.subject in subjects
    )


def paths_of(containers: Sequence[Container]) -> tuple[str, ...]:
    """The paths of the host that containers need, each once."""
    sources = [mount.source for container in containers for mount in container.mounts]
    nodes = [device.host_path for container in containers for device in container.devices]
    return tuple(dict.fromkeys([*sources, *nodes]))


def foreseen(plan: Plan, seen: ContainersSeen, host: Host) -> tuple[str, ...]:
    """A sentence for each thing that a plan would fail at now."""
    own = [
        port
        for each in seen.containers
        if each.container is not None and each.state in AWAKE
        for port in each.container.ports
    ]  # these are freed by the plan itself, or refused by the diff
    others = [each for each in host.listeners if not any(_holds(each, port, each.number) for port in own)]
    others = [*_published(seen), *others]  # these have names
    unable = [
        f"{container.name} cannot be created with {seen.engine}: {why}"
        for container in starting(plan)
        for why in lacks.refused(container, seen.lacks)
    ]
    outside = [sentence for container in starting(plan) for sentence in _of(container, host, others)]
    return (*unable, *outside)


def lessened(plan: Plan, seen: ContainersSeen) -> tuple[str, ...]:
    """A sentence for each thing that another engine would do better. The plan fails at none of them."""
    less = [
        f"{container.name} has less with {seen.engine}: {why}"
        for container in starting(plan)
        for why in lacks.weakened(container, seen.lacks)
    ]
    return (*less, *_anew(plan, seen), *_unmeasured(plan, seen))


def _anew(plan: Plan, seen: ContainersSeen) -> Iterator[str]:
    """The new containers that another engine would not need."""
    for difference in plan.differences:
        changes = difference.changes
        is_small = bool(changes) and all(change.path.startswith(ALTERABLE) for change in changes)
        if seen.in_place == "none" and difference.verb == "recreate" and is_small:
            yield f"{difference.subject} becomes a new container: {seen.engine} cannot change limits or restart policy in place"


def _unmeasured(plan: Plan, seen: ContainersSeen) -> Iterator[str]:
    """The images of which nobody sees how much has come."""
    images = [step.action.image for stage in plan.stages for step in stage.steps if isinstance(step.action, Pull)]
    if images and "pull-progress" in seen.lacks:
        them = images[0] if len(images) == 1 else f"{len(images)} images"
        yield f"no bytes are shown while {them} {'is' if len(images) == 1 else 'are'} pulled: {seen.engine} tells of none"


def _published(seen: ContainersSeen) -> Iterator[Listener]:
    """The ports that containers of others publish. The kernel does not tell the owner of a port."""
    for each in seen.containers:
        if each.container is None and each.state in AWAKE:
            for port in each.ports:
                for number in host_ports(port):
                    yield Listener(port.protocol, port.host_ip, number, each.engine_name)


def _holds(listener: Listener, port: Port, number: int) -> bool:
    """Whether a listener has this number of the range of a port."""
    return (
        (listener.protocol, listener.number) == (port.protocol, number)
        and number in host_ports(port)
        and addresses_clash(listener.address, port.host_ip)
    )


def _of(container: Container, host: Host, listeners: Sequence[Listener]) -> Iterator[str]:
    for mount in container.mounts:
        if mount.source in host.absent:
            yield f"{container.name} cannot be created now: its mount source {mount.source} is not there"
    for device in container.devices:
        if device.host_path in host.absent:
            yield f"{container.name} cannot be started now: its device {device.host_path} is not there"
    for port in container.ports:
        numbers = host_ports(port)
        holders = [next((each for each in listeners if _holds(each, port, number)), None) for number in numbers]
        if holders[0] is not None and None not in holders:
            by = f", by {holders[0].holder}" if holders[0].holder else ""
            yield f"{container.name} cannot be started now: port {port.host_port}/{port.protocol} of the host is taken{by}"
    memory = container.resources.memory
    if memory is not None and memory < host.least_memory:
        least = size_text(host.least_memory)
        yield f"{container.name} cannot be created: a memory limit of {size_text(memory)} is below the engine's least, {least}"
