"""What a plan would fail at, as far as it can be seen before: a path or a port of the host, or a limit that is too low.

It is said beside the plan and changes nothing of it: the cause may be gone when the step is reached, and an engine that is
elsewhere sees another host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from evenkeel.specs.container import Container, Protocol, host_ports
from evenkeel.specs.observed import AWAKE, ContainersSeen
from evenkeel.specs.plan import Plan, Start
from evenkeel.specs.quantity import size_text


class Host(NamedTuple):
    """The host as it is now. `absent`: paths that were looked for and are not there. `ports`: those that somebody listens
    on, by protocol and number, with the holder's name, "" when it is not known. `least_memory`: bytes below which the engine
    refuses a limit."""

    absent: tuple[str, ...] = ()
    ports: Mapping[tuple[Protocol, int], str] = {}
    least_memory: int = 0


def starting(plan: Plan) -> tuple[Container, ...]:
    """The containers that a plan starts, in order of name."""
    subjects = {step.subject for stage in plan.stages for step in stage.steps if isinstance(step.action, Start)}
    return tuple(
        difference.container
        for difference in plan.differences
        if difference.container is not None and difference.subject in subjects
    )


def paths_of(containers: Sequence[Container]) -> tuple[str, ...]:
    """The paths of the host that containers need, each once."""
    sources = [mount.source for container in containers for mount in container.mounts]
    nodes = [device.host_path for container in containers for device in container.devices]
    return tuple(dict.fromkeys([*sources, *nodes]))


def foreseen(plan: Plan, seen: ContainersSeen, host: Host) -> tuple[str, ...]:
    """A sentence for each thing that a plan would fail at now."""
    own = {
        (port.protocol, number)
        for each in seen.containers
        if each.container is not None and each.state in AWAKE
        for port in each.container.ports
        for number in host_ports(port)
    }  # these are freed by the plan itself, or refused by the diff
    ports = {port: holder for port, holder in host.ports.items() if port not in own}
    return tuple(sentence for container in starting(plan) for sentence in _of(container, host, ports))


def _of(container: Container, host: Host, ports: Mapping[tuple[Protocol, int], str]) -> Iterator[str]:
    for mount in container.mounts:
        if mount.source in host.absent:
            yield f"{container.name} cannot be created now: its mount source {mount.source} is not there"
    for device in container.devices:
        if device.host_path in host.absent:
            yield f"{container.name} cannot be started now: its device {device.host_path} is not there"
    for port in container.ports:
        wanted: list[tuple[Protocol, int]] = [(port.protocol, number) for number in host_ports(port)]
        if all(each in ports for each in wanted):
            holder = ports[wanted[0]]
            by = f", by {holder}" if holder else ""
            yield f"{container.name} cannot be started now: port {port.host_port}/{port.protocol} of the host is taken{by}"
    memory = container.resources.memory
    if memory is not None and memory < host.least_memory:
        least = size_text(host.least_memory)
        yield f"{container.name} cannot be created: a memory limit of {size_text(memory)} is below the engine's least, {least}"
