"""The settings of a container that an engine cannot have, or that have less effect on it. Pure.

The driver declares what its engine lacks (`ContainersSeen.lacks`). A plan tells of it before anything is done, and the
driver refuses a container that cannot be as asked.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from datetime import timedelta

from evenkeel.specs.containers.container import UNLIMITED, Container, ExecProbe, Log, Resources, published_port
from evenkeel.specs.containers.observed import Lack
from evenkeel.specs.reading.quantity import duration_text

_FIRST_PORT = 1024


def refused(container: Container, lacks: Collection[Lack]) -> tuple[str, ...]:
    """Why this engine cannot create the container as it is asked for; empty when it can."""
    return tuple(_refused(container, lacks))


def weakened(container: Container, lacks: Collection[Lack]) -> tuple[str, ...]:
    """The settings of the container that have less effect on this engine than on others."""
    return tuple(_weakened(container, lacks))


def _refused(container: Container, lacks: Collection[Lack]) -> Iterator[str]:
    links = [f"{name}: {address}" for name, address in container.extra_hosts if address.startswith("container_")]
    if "links" in lacks and links:
        yield (
            f"this engine has no links ({', '.join(links)} in extraHosts); on the network of evenkeel another container is"
            " found by its own name and its hostName"
        )
    unset = [name for name, value in container.env if value is None]
    if "unset-env" in lacks and unset:
        yield f"this engine cannot take away a variable that the image sets ({', '.join(unset)}); give it another value"
    ranges = [port for port in container.ports if port.host_port_end > port.host_port]
    if "port-ranges" in lacks and ranges:
        yield f"this engine chooses no port out of a range ({ranges[0].host_port}-{ranges[0].host_port_end}); write one port"
    if "unlimited-swap" in lacks and container.resources.memory_swap == UNLIMITED:
        yield "this engine cannot limit memory and leave swap unlimited; write a size for memorySwap"
    low = [f"{port.host_port}" for port in container.ports if port.host_port < _FIRST_PORT]
    if "low-ports" in lacks and low:
        yield f"this engine runs without root, and may open no port below {_FIRST_PORT} ({', '.join(low)}); write a higher one"
    number = _unpublished(container)
    if "addresses" in lacks and number:
        yield (
            f"this engine runs without root, and nobody reaches the addresses of its containers: publish port {number} for the"
            " health check, or check with exec"
        )


def _weakened(container: Container, lacks: Collection[Lack]) -> Iterator[str]:
    if "domain-name" in lacks and container.domain_name:
        yield f"the domain name {container.domain_name} is not set"
    log, usual = container.log, Log()
    if "log-options" in lacks and log.driver != "none":
        if log.max_files != usual.max_files:
            yield "maxFiles of the log has no effect: a log that is full begins anew"
        if log.mode != usual.mode:
            yield f"the mode {log.mode} of the log has no effect"
    if "log-path" in lacks and log.path:
        yield f"the path {log.path} of the log has no effect: this engine keeps logs in a folder of its own"
    if "restart-limit" in lacks and (most := container.restart.timeout) is not None:
        yield f"the timeout {duration_text(most)} of its restarts has no effect: this engine waits longer and longer"
    if "split-seconds" in lacks and container.stop.timeout % timedelta(seconds=1):
        given = timedelta(seconds=math.ceil(container.stop.timeout.total_seconds()))
        yield f"it is given {duration_text(given)} to end, not {duration_text(container.stop.timeout)}: whole seconds"
    yield from _unlimited(container.resources, lacks)
    if "limits" in lacks and container.resources != Resources():
        yield "its limits of memory are not kept: this engine runs without root, and has no control groups of its own"
    if "rights" in lacks and (container.privileged or container.capabilities):
        yield "its rights over the machine are those of the engine's user, not those of root"
    if "rights" in lacks and container.devices:
        devices = ", ".join(device.host_path for device in container.devices)
        yield f"its devices open only where the engine's user may open them ({devices})"
    probe = container.health.probe if container.health is not None else None
    if "exec-words" in lacks and isinstance(probe, ExecProbe) and needs_shell(probe):
        yield "the command of its health check has spaces in its arguments, and is run by /bin/sh of its image"


def _unlimited(asked: Resources, lacks: Collection[Lack]) -> Iterator[str]:
    if "memory-limits" in lacks and asked != Resources():
        yield "its limits of memory are not kept: the kernel below this engine has no control group for them"
    elif "swap-limits" in lacks and (asked.memory_swap or 0) > 0:
        yield "its swap is not limited: the kernel below this engine does not count swap"


def _unpublished(container: Container) -> int:
    """The port of a check over the network to which no port of the host leads; 0 when there is none."""
    probe = container.health.probe if container.health is not None else None
    if probe is None or isinstance(probe, ExecProbe) or container.network == "host":
        return 0
    return 0 if published_port(container, probe.port) else probe.port


def needs_shell(probe: ExecProbe) -> bool:
    """Whether an engine that splits commands at spaces would make other arguments of this command."""
    return any(not word or word.split() != [word] for word in probe.command)
