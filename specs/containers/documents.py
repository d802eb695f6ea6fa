"""Documents about containers: from the written form to a container in normal form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from evenkeel.specs.containers import shorthand, written
from evenkeel.specs.containers.container import (
    UNLIMITED,
    Condition,
    Container,
    Device,
    ExecProbe,
    Health,
    HttpProbe,
    Log,
    Mount,
    Port,
    Resources,
    Restart,
    Stop,
    TcpProbe,
    ValueFrom,
    condition_of,
    values_from,
)
from evenkeel.specs.containers.normalise import contradictions, normal
from evenkeel.specs.desired import SystemContainers
from evenkeel.specs.documents.compose import unfilled
from evenkeel.specs.documents.reference import Reference
from evenkeel.specs.documents.written import MetadataSpec
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.quantity import parse_duration, parse_size
from evenkeel.specs.reading.secrecy import shown_name

Flaws = list[Flaw]
Item = TypeVar("Item")
Result = TypeVar("Result")


def container(metadata: MetadataSpec, spec: written.ContainerSpec, flaws: Flaws) -> Container:
    """The normal form of a written container. Paths of flaws begin below `spec`."""
    own: Flaws = []
    raw = _raw(metadata, spec, own)
    policy = raw.restart.policy
    if policy != "on-failure" and spec.restart.max_retries:
        message = f"cannot use max retry count when the restart policy is {policy}"
        own.append(Flaw(("restart", "maxRetries"), message, "use `policy: on-failure`"))
    if spec.run_once and spec.stable_for != written.ContainerSpec("").stable_for:
        message = "has no effect with `runOnce`, whose end is the proof"
        own.append(Flaw(("stableFor",), message, "leave it out", warning=True))
    if policy != "on-failure" and not isinstance(spec.restart.timeout, UnsetType):
        message = f"has no effect when the restart policy is {policy}"
        own.append(Flaw(("restart", "timeout"), message, "use `policy: on-failure`, or leave it out", warning=True))
    spoilt = {flaw.path[0] for flaw in own if not flaw.warning}
    found: Flaws = []
    result = _checked(raw, found)
    flaws.extend(own)
    flaws.extend(flaw for flaw in found if flaw.path[0] not in spoilt)
    return result


def finished(raw: Container, flaws: Flaws) -> Container | None:
    """Normal form and contradictions: the last step for every way in which a container can be asked for. `None` when a flaw
    prevents it."""
    found: Flaws = []
    result = _checked(raw, found)
    flaws.extend(found)
    return None if any(not flaw.warning for flaw in found) else result


def _checked(raw: Container, flaws: Flaws) -> Container:
    try:
        result = normal(raw)
    except ValueError as error:
        flaws.append(Flaw(("image",), str(error), "expected registry/repository:tag or registry/repository@sha256:…"))
        result = normal(msgspec.structs.replace(raw, image="unknown"))
    flaws.extend((*contradictions(result), *unfilled(result)))
    return result


def _raw(metadata: MetadataSpec, spec: written.ContainerSpec, flaws: Flaws) -> Container:
    return Container(
        name=metadata.name,
        image=spec.image,
        command=None if isinstance(spec.command, UnsetType) else spec.command,
        env=_env(spec.env, flaws),
        ports=_ports(spec.ports, flaws),
        mounts=_each(spec.mounts, "mounts", _mount, flaws),
        devices=_each(spec.devices, "devices", _device, flaws),
        network=spec.network,
        extra_hosts=_extra_hosts(spec.extra_hosts, flaws),
        host_name=spec.host_name or None,
        domain_name=spec.domain_name or None,
        privileged=spec.privileged,
        capabilities=spec.capabilities,
        restart=Restart(
            ("no" if spec.run_once else "unless-stopped")
            if isinstance(spec.restart.policy, UnsetType)
            else spec.restart.policy,
            spec.restart.max_retries,
            _duration(spec.restart.timeout, ("restart", "timeout"), flaws),
        ),
        resources=_resources(spec.resources, flaws),
        log=_log(spec.log, flaws),
        terminal=spec.terminal,
        interactive=spec.interactive,
        labels=tuple(metadata.labels.items()),
        health=_health(spec.health, flaws),
        stable_for=_duration(spec.stable_for, ("stableFor",), flaws) or timedelta(0),
        stop=Stop(spec.stop.signal, _duration(spec.stop.timeout, ("stop", "timeout"), flaws) or timedelta(0)),
        depends_on=tuple(each if isinstance(each, str) else each.name for each in spec.depends_on),
        conditions=_conditions(spec.depends_on, flaws),
        pull_policy=spec.pull_policy,
        image_volumes="discard" if spec.image_volumes == "discard" else UNSET,
        run_once=_run_once(spec.run_once, flaws),
        secrets=_secrets(spec.env),
        values_from=_values_from(spec.env) or UNSET,
    )


def system_containers(metadata: MetadataSpec, spec: written.SystemContainersSpec, flaws: Flaws) -> SystemContainers:
    """The normal form of a written list of system containers."""
    return SystemContainers(tuple(sorted(set(spec.names))))


def needed(container: Container) -> tuple[Reference, ...]:
    """The containers that have to be proven, to run or to have ended before this one starts, and the identities that hand out
    its values."""
    ends = tuple(name for name in container.depends_on if condition_of(container, name) == "completed")
    values = (
        Reference(
            f"env.{each.variable}.valueFrom.provisioning",
            (each.provisioning,),
            domain="provisioning",
            value=each.value,
            at=f"env.{each.variable}.valueFrom.value",
        )
        for each in values_from(container)
    )
    return (Reference("dependsOn", container.depends_on, ends=ends), *values)


def _conditions(
    dependencies: tuple[str | written.DependencySpec, ...], flaws: Flaws
) -> tuple[tuple[str, Condition], ...]:
    found: dict[str, tuple[int, Condition]] = {}
    for index, each in enumerate(dependencies):
        name = each if isinstance(each, str) else each.name
        condition: Condition = "healthy" if isinstance(each, str) else each.condition
        first, other = found.setdefault(name, (index, condition))
        if other != condition:
            message = f"`{name}` stands here again, with another condition"
            flaws.append(Flaw(("dependsOn", index), message, f"leave it out; first at dependsOn[{first}]"))
    return tuple((name, condition) for name, (_, condition) in found.items())


def _run_once(spec: bool | written.RunOnceSpec, flaws: Flaws) -> timedelta | UnsetType:
    if not spec:
        return UNSET
    timeout = (spec if isinstance(spec, written.RunOnceSpec) else written.RunOnceSpec()).timeout
    return _duration(timeout, ("runOnce", "timeout"), flaws) or timedelta(0)


Variables = dict[str, str | written.VariableSpec | None] | tuple[str, ...]


def _env(env: Variables, flaws: Flaws) -> tuple[tuple[str, str | None], ...]:
    if isinstance(env, dict):
        return tuple(_plain_variables(env, flaws))
    first: dict[str, int] = {}
    for index, text in enumerate(env):
        name, equals, _ = text.partition("=")
        if first.setdefault(name, index) != index:
            message = (
                f"the variable `{shown_name(name)}` stands here again" if equals else "a variable stands here again"
            )
            flaws.append(Flaw(("env", index), message, f"first at env[{first[name]}]"))
    return _each(env, "env", shorthand.parse_variable, flaws)


def _plain_variables(
    env: dict[str, str | written.VariableSpec | None], flaws: Flaws
) -> Iterator[tuple[str, str | None]]:
    for name, item in env.items():
        if not isinstance(item, written.VariableSpec):
            yield name, item
            continue
        if isinstance(item.value, UnsetType) == isinstance(item.value_from, UnsetType):
            flaws.append(Flaw(("env", name), "expected exactly one of `value`, `valueFrom`"))
        if not isinstance(item.value, UnsetType):
            yield name, item.value


def _values_from(env: Variables) -> tuple[ValueFrom, ...]:
    items = env.items() if isinstance(env, dict) else ()
    return tuple(
        ValueFrom(name, item.value_from.provisioning, item.value_from.value)
        for name, item in items
        if isinstance(item, written.VariableSpec)
        and isinstance(item.value, UnsetType)
        and not isinstance(item.value_from, UnsetType)
    )


def _secrets(env: Variables) -> tuple[str, ...]:
    items = env.items() if isinstance(env, dict) else ()
    return tuple(name for name, item in items if isinstance(item, written.VariableSpec) and item.secret)


def _extra_hosts(hosts: dict[str, str] | tuple[str, ...], flaws: Flaws) -> tuple[tuple[str, str], ...]:
    if isinstance(hosts, dict):
        return tuple(hosts.items())
    return _each(hosts, "extraHosts", shorthand.parse_extra_host, flaws)


def _each(items: tuple[Item, ...], field: str, convert: Callable[[Item], Result], flaws: Flaws) -> tuple[Result, ...]:
    """Convert every item. An item that cannot be converted becomes a flaw at its index."""
    results = []
    for index, item in enumerate(items):
        try:
            results.append(convert(item))
        except ValueError as error:
            flaws.append(Flaw((field, index), str(error)))
    return tuple(results)


def _ports(ports: tuple[str | written.PortSpec, ...], flaws: Flaws) -> tuple[Port, ...]:
    def convert(indexed: tuple[int, str | written.PortSpec]) -> Port:
        index, item = indexed
        if isinstance(item, str):
            port, warning = shorthand.parse_port(item)
            if warning:
                flaws.append(Flaw(("ports", index), warning, f"write {shorthand.port_text(port)}", warning=True))
            return port
        return Port(
            host_port=item.host_port,
            container_port=item.container_port,
            host_ip=shorthand.normal_host_ip(item.host_ip) if item.host_ip else "0.0.0.0",
            host_port_end=item.host_port_end or item.host_port,
            protocol=item.protocol,
        )

    return _each(tuple(enumerate(ports)), "ports", convert, flaws)


def _mount(item: str | written.MountSpec) -> Mount:
    if isinstance(item, str):
        return shorthand.parse_mount(item)
    return Mount(item.destination, item.source, item.propagation, item.read_only)


def _device(item: str | written.DeviceSpec) -> Device:
    if isinstance(item, str):
        return shorthand.parse_device(item)
    return Device(item.container_path or item.host_path, item.host_path, item.permissions)


def _resources(spec: written.ResourcesSpec, flaws: Flaws) -> Resources:
    swap = spec.memory_swap
    return Resources(
        _size(spec.memory, ("resources", "memory"), flaws),
        _size(spec.memory_reservation, ("resources", "memoryReservation"), flaws),
        UNLIMITED if swap in ("-1", "unlimited") else _size(swap, ("resources", "memorySwap"), flaws),
    )


def _log(spec: written.LogSpec, flaws: Flaws) -> Log:
    default = written.LogSpec()
    given = {
        "maxFiles": spec.max_files != default.max_files,
        "maxSize": spec.max_size != default.max_size,
        "maxBufferSize": spec.max_buffer_size != default.max_buffer_size,
    }
    for key, is_given in given.items():
        why = "driver: none" if spec.driver == "none" else "mode: blocking"
        if is_given and (spec.driver == "none" or (key == "maxBufferSize" and spec.mode == "blocking")):
            flaws.append(Flaw(("log", key), f"`{key}` has no effect with `{why}`", warning=True))
    return Log(
        driver=spec.driver,
        max_files=spec.max_files,
        max_size=_size(spec.max_size, ("log", "maxSize"), flaws) or 0,
        path=spec.path or "",
        mode=spec.mode,
        max_buffer_size=_size(spec.max_buffer_size, ("log", "maxBufferSize"), flaws) or 0,
    )


def _size(text: str | UnsetType, path: Path, flaws: Flaws) -> int | None:
    if isinstance(text, UnsetType):
        return None
    try:
        size = parse_size(text)
    except ValueError as error:
        flaws.append(Flaw(path, str(error)))
        return None
    if not size:
        flaws.append(Flaw(path, "expected a size of more than 0", "leave the key out for what it means then"))
    return size or None


def _health(spec: written.HealthSpec | UnsetType, flaws: Flaws) -> Health | None:
    if isinstance(spec, UnsetType):
        return None
    probes = [
        probe
        for probe in (
            None if isinstance(spec.exec, UnsetType) else ExecProbe(spec.exec),
            None if isinstance(spec.http, UnsetType) else HttpProbe(spec.http.port, spec.http.path),
            None if isinstance(spec.tcp, UnsetType) else TcpProbe(spec.tcp.port),
        )
        if probe is not None
    ]
    if len(probes) != 1:
        flaws.append(Flaw(("health",), "expected exactly one of `exec`, `http`, `tcp`"))
    interval = _duration(spec.interval, ("health", "interval"), flaws) or timedelta(0)
    timeout = _duration(spec.timeout, ("health", "timeout"), flaws) or timedelta(0)
    for name, value in (("interval", interval), ("timeout", timeout)):
        if value < timedelta(milliseconds=1):
            flaws.append(Flaw(("health", name), "expected a duration of at least 1ms"))
    start_period = _duration(spec.start_period, ("health", "startPeriod"), flaws) or timedelta(0)
    if timedelta(0) < start_period < timedelta(milliseconds=1):
        flaws.append(Flaw(("health", "startPeriod"), "expected a duration of at least 1ms, or 0s"))
    return Health(probes[0], interval, timeout, spec.retries, start_period) if len(probes) == 1 else None


def _duration(text: str | UnsetType, path: Path, flaws: Flaws) -> timedelta | None:
    if isinstance(text, UnsetType):
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        flaws.append(Flaw(path, str(error)))
        return None
