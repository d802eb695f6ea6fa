"""The one code path that brings a container into normal form, from any description.

Written documents, Kanto messages, Kanto manifests and engine reports are first turned into a raw `Container` and then
pass through `normal`, so that comparing two results compares their meaning. Each rule here cures a phantom difference
of the original: image names, swap filled in on one side only (B1), defined-but-empty (B10), `localhost` (B13), order of
variables, units of sizes (container-management.md §2.2, §8.1).

`contradictions` finds combinations that no engine can honour. Its texts are Kanto's where Kanto has one (§1.7), because
they travel to the same people over the same topics.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import timedelta

import msgspec
from msgspec import UNSET, UnsetType

from evenkeel.specs.containers.container import (
    UNLIMITED,
    USUAL_PROPAGATION,
    Condition,
    Container,
    Log,
    Mount,
    Port,
    Resources,
    Restart,
    runs_once,
    time_to_end,
    values_from,
)
from evenkeel.specs.containers.host_ports import taken_twice
from evenkeel.specs.containers.image import normal_image
from evenkeel.specs.containers.linux import CAPABILITIES, LONGEST_HOST_NAME, SIGNALS, is_signal
from evenkeel.specs.containers.shorthand import VARIABLE_NAME, is_variable_name, normal_host_ip
from evenkeel.specs.problem import Flaw, nearest
from evenkeel.specs.reading.quantity import size_text
from evenkeel.specs.reading.secrecy import HIDDEN, shown_name

_ADDRESSES = "expected an IP address, host_ip, host_ip_<interface> or container_<host name>"
LEAST_MEMORY = 3 * 1024**2
"""Kanto's floor (§1.6); engines may have a higher one and say so."""


def normal(raw: Container) -> Container:
    """The normal form of `raw`. Idempotent; ValueError only for an image reference that is none."""
    policy = raw.restart.policy
    retrying = policy == "on-failure"
    network_host = raw.network == "host"
    return msgspec.structs.replace(
        raw,
        image=normal_image(raw.image),
        command=raw.command or None,
        env=tuple(sorted(dict(raw.env).items())),
        ports=tuple(sorted({_normal_port(port) for port in raw.ports})),
        mounts=tuple(mount for _, mount in sorted({_mount_key(mount): mount for mount in raw.mounts}.items())),
        devices=tuple(sorted(set(raw.devices))),
        extra_hosts=tuple(sorted(set(raw.extra_hosts))),
        host_name=raw.host_name or (None if network_host else _named_after(raw.name, "-host")),
        domain_name=raw.domain_name or (None if network_host else _named_after(raw.name, "-domain")),
        capabilities=tuple(sorted({_normal_capability(name) for name in raw.capabilities})),
        restart=Restart(policy, raw.restart.max_retries, raw.restart.timeout or None) if retrying else Restart(policy),
        resources=_normal_resources(raw.resources),
        log=_normal_log(raw.log),
        labels=tuple(sorted(dict(raw.labels).items())),
        depends_on=tuple(sorted(set(raw.depends_on))),
        conditions=_normal_conditions(raw),
        secrets=tuple(sorted(set(raw.secrets))),
        values_from=tuple(sorted(values_from(raw))) or UNSET,
    )


def _mount_key(mount: Mount) -> tuple[str, str, str, bool]:
    return mount.destination, mount.source, mount.propagation or USUAL_PROPAGATION, mount.read_only


def contradictions(container: Container) -> Iterator[Flaw]:
    """The settings of a container in normal form that cannot be honoured, each with the path below `spec` to change."""
    yield from _networking(container)
    yield from _rights(container)
    yield from _memory(container.resources)
    if container.restart.max_retries < 0:
        yield Flaw(("restart", "maxRetries"), "restart policy max retry count cannot be negative")
    for name in (*(name for name, _ in container.env), *(each.variable for each in values_from(container))):
        if not is_variable_name(name):
            shown = shown_name(name)
            what = "this is" if shown == HIDDEN else f"`{shown}` is"
            yield Flaw(("env", name), f"{what} no name of a variable", VARIABLE_NAME)
    taken: dict[str, str] = {}
    for mount in container.mounts:
        if mount.destination in taken:
            yield Flaw(
                ("mounts",), f"{mount.destination} is mounted twice, from {taken[mount.destination]} and {mount.source}"
            )
        taken[mount.destination] = mount.source
    given: dict[str, str] = {}
    for device in container.devices:
        if device.container_path in given:
            both = f"{given[device.container_path]} and {device.host_path}"
            yield Flaw(("devices",), f"{device.container_path} is two devices, {both}", "give one of them another path")
        given[device.container_path] = device.host_path
    if not is_signal(container.stop.signal):
        hint = nearest(container.stop.signal, SIGNALS) or "expected a signal, for example SIGTERM or 15"
        yield Flaw(("stop", "signal"), f"there is no signal {container.stop.signal}", hint)
    if container.name in container.depends_on:
        yield Flaw(("dependsOn",), "a container cannot depend on itself")
    if container.log.path and container.log.driver == "none":
        yield Flaw(("log", "path"), "a log path needs the driver json-file")
    if runs_once(container):
        yield from _running_once(container)


def _running_once(container: Container) -> Iterator[Flaw]:
    policy = container.restart.policy
    if policy not in ("no", "on-failure"):
        message = (
            f"with the restart policy {policy} it would be started again after each end, and `runOnce` never be over"
        )
        yield Flaw(("restart", "policy"), message, "use `policy: on-failure`, or leave it out")
    if container.health is not None:
        message = "a container with `runOnce` is proven by its exit code, and not by a health check"
        yield Flaw(("health",), message, "leave out one of both")
    within = time_to_end(container)
    if within is not None and within < timedelta(milliseconds=1):
        yield Flaw(("runOnce", "timeout"), "expected a duration of at least 1ms", "write for example `timeout: 10m`")


def _networking(container: Container) -> Iterator[Flaw]:
    if container.network == "host":
        if container.ports:
            yield Flaw(
                ("ports",),
                "cannot use port mappings when in host network mode",
                "remove `ports` or use `network: bridge`",
            )
        for name, address in container.extra_hosts:
            if address == "host_ip" or address.startswith("host_ip_"):
                yield Flaw(
                    ("extraHosts", name),
                    "cannot use the host_ip reserved key or any of its modifications when in host network mode",
                )
    for name, address in container.extra_hosts:
        if not _is_extra_address(address):
            yield Flaw(
                ("extraHosts", name),
                f"`{address}` is no address",
                "did you mean `host_ip`?" if address == "host-gateway" else _ADDRESSES,
            )
    for port in container.ports:
        if port.host_port_end < port.host_port:
            yield Flaw(("ports",), f"the range {port.host_port}-{port.host_port_end} does not rise")
    for _, _, port in taken_twice((None, port) for port in container.ports):
        yield Flaw(("ports",), f"host port {port.host_port}/{port.protocol} is given to two container ports")
    if len(container.host_name or "") > LONGEST_HOST_NAME:
        yield Flaw(("hostName",), f"a host name has at most {LONGEST_HOST_NAME} characters", "write a shorter one")


def _rights(container: Container) -> Iterator[Flaw]:
    conflict = "cannot create the container as privileged and with {} at the same time - choose one of the options"
    if container.privileged and container.devices:
        yield Flaw(("devices",), conflict.format("specified devices"), "a privileged container has all devices already")
    if container.privileged and container.capabilities:
        yield Flaw(("capabilities",), conflict.format("extra capabilities"), "a privileged container has them already")
    for name in container.capabilities:
        if name != "ALL" and name not in CAPABILITIES:
            bare = name.removeprefix("CAP_")
            hint = (
                nearest(bare, (each.removeprefix("CAP_") for each in CAPABILITIES))
                or "see capabilities(7), for example CAP_NET_ADMIN; or ALL"
            )
            yield Flaw(("capabilities",), f"Linux has no capability {name}", hint)


def _memory(resources: Resources) -> Iterator[Flaw]:
    memory, reservation, swap = resources.memory, resources.memory_reservation, resources.memory_swap
    if memory is not None and memory < LEAST_MEMORY:
        yield Flaw(("resources", "memory"), "minimum memory allowed is 3M")
    if memory is not None and reservation is not None and reservation > memory:
        yield Flaw(
            ("resources", "memoryReservation"),
            f"reservation memory - {size_text(reservation)} must be lower than memory - {size_text(memory)}",
        )
    if swap == UNLIMITED:
        return
    if swap is not None and memory is None:
        yield Flaw(("resources", "memorySwap"), f"swap memory - {size_text(swap)}, memory must be set as well")
    if swap is not None and memory is not None and swap < memory:
        yield Flaw(
            ("resources", "memorySwap"),
            f"swap memory - {size_text(swap)} is less than memory - {size_text(memory)}",
            "`memorySwap` counts memory and swap together",
        )


def _is_extra_address(address: str) -> bool:
    if address == "host_ip" or address.startswith(("host_ip_", "container_")):
        return True
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


def _normal_port(port: Port) -> Port:
    return Port(
        host_port=port.host_port,
        container_port=port.container_port,
        host_ip=normal_host_ip(port.host_ip) if port.host_ip else "0.0.0.0",
        host_port_end=port.host_port_end or port.host_port,
        protocol=port.protocol,
    )


def _named_after(name: str, suffix: str) -> str:
    """Kanto's name of a host or domain (§1.6), cut to a length that a kernel takes."""
    return f"{name[: LONGEST_HOST_NAME - len(suffix)]}{suffix}"


def _normal_capability(name: str) -> str:
    upper = name.upper()
    return upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}"


def _normal_conditions(raw: Container) -> tuple[tuple[str, Condition], ...] | UnsetType:
    """The usual condition is left out, and so is one for a name that nothing depends on."""
    given = () if isinstance(raw.conditions, UnsetType) else raw.conditions
    names = set(raw.depends_on)
    found = {name: condition for name, condition in given if name in names and condition != "healthy"}
    return tuple(sorted(found.items())) or UNSET


def _normal_resources(raw: Resources) -> Resources:
    """No swap limit asked for means twice the memory, as Kanto and Docker fill in at creation (B1)."""
    swap = raw.memory_swap
    if raw.memory is not None and swap is None:
        swap = 2 * raw.memory
    if raw.memory is None and swap == UNLIMITED:
        swap = None
    return Resources(raw.memory, raw.memory_reservation, swap)


def _normal_log(raw: Log) -> Log:
    """Fields that mean nothing with this driver or mode are set to their defaults, so that they cannot differ."""
    if raw.driver == "none":
        return Log(driver="none", path=raw.path)
    if raw.mode == "blocking":
        return msgspec.structs.replace(raw, max_buffer_size=Log().max_buffer_size)
    return raw
