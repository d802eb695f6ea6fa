"""A container in normal form → the requests of the Docker Engine API that create and change it. Pure.

Containers in network mode `bridge` join one user-defined network, because Docker resolves names only there: a container
is reachable under its own name and its host name, and Kanto's `container_<host name>` becomes a link, which follows its
target when that gets another address and needs not exist yet (measured with 20.10; docs/engines.md, ADR 0004).

Settings that the engine cannot keep are in a label, so that a container tells by itself how it was asked for. Values
that may be secret are not repeated there: labels are listed, sent with every event of an engine, and exported by
collectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from evenkeel.controller.drivers.containers.values import NOTHING, Filled, Texts
from evenkeel.specs.codec import changed, decode
from evenkeel.specs.containers.container import (
    UNLIMITED,
    Container,
    ExecProbe,
    Health,
    HttpProbe,
    Log,
    Mount,
    Port,
    Resources,
    Restart,
    TcpProbe,
    content_of,
)
from evenkeel.specs.errors import Refused

NAME_LABEL = "dev.evenkeel.name"
SPEC_LABEL = "dev.evenkeel.spec"
OWNER_LABEL = "dev.evenkeel.owner"
INSTANCE_LABEL = "dev.evenkeel.instance"
HOLDS_LABEL = "dev.evenkeel.holds"
"""On a container that never starts: the id of the container whose volumes it has."""
STANDS_FOR_LABEL = "dev.evenkeel.stands-for"
"""On an empty volume: the name of the volume for which it stands."""
PRINTS_LABEL = "dev.evenkeel.prints"
"""The variables whose values were handed out, and the print of each value, as `NAME=print` with blanks between."""
OUR_LABELS = (NAME_LABEL, SPEC_LABEL, OWNER_LABEL, INSTANCE_LABEL, HOLDS_LABEL, PRINTS_LABEL)
HOST_GATEWAY = "host-gateway"

AddressOf = Callable[[str], str]
"""The IPv4 address of an interface of the host; raises Unavailable when it has none."""


def create_body(
    container: Container,
    network: str,
    address_of: AddressOf,
    owner: str = "",
    volumes: Sequence[tuple[str, str]] = (),
    instance: str = "",
    filled: Filled = NOTHING,
) -> dict[str, Any]:
    """The body of POST /containers/create. Raises Refused for settings that this engine cannot have at all. `owner`:
    the name of the evenkeel that creates it; `instance`: a word that no other container has, which distinguishes this
    one from containers of an image that is made of it (`inherited`). "" leaves a label out. `volumes`: places, and the
    volumes that it gets there. `filled`: its variables with values that are handed out."""
    host, _ = _hosts(container, address_of)
    ours = {NAME_LABEL: container.name, SPEC_LABEL: asked_text(container)}
    prints = " ".join(f"{name}={text}" for name, text in filled.prints)
    ours |= _given({OWNER_LABEL: owner, INSTANCE_LABEL: instance, PRINTS_LABEL: prints})
    body: dict[str, Any] = {
        "Image": container.image,
        "Env": [name if value is None else f"{name}={value}" for name, value in (*container.env, *filled.env)],
        "Tty": container.terminal,
        "OpenStdin": container.interactive,
        "Labels": {**dict(container.labels), **ours},
        "StopSignal": container.stop.signal,
        "StopTimeout": math.ceil(container.stop.timeout.total_seconds()),
        "ExposedPorts": {_port_key(port): {} for port in container.ports},
        "HostConfig": {
            "NetworkMode": "host" if container.network == "host" else network,
            "PortBindings": _port_bindings(container.ports),
            "Mounts": [
                *(_mount(mount) for mount in container.mounts),
                *({"Type": "volume", "Source": volume, "Target": place} for place, volume in volumes),
            ],
            "Devices": [
                {
                    "PathOnHost": device.host_path,
                    "PathInContainer": device.container_path,
                    "CgroupPermissions": device.permissions,
                }
                for device in container.devices
            ],
            "ExtraHosts": host,
            "Privileged": container.privileged,
            "CapAdd": list(container.capabilities),
            "RestartPolicy": restart_body(container.restart),
            "LogConfig": log_body(container.log),
            **_limits(container.resources),
        },
    }
    if container.command is not None:
        body["Cmd"] = list(container.command)
    if container.host_name is not None:
        body["Hostname"] = container.host_name
    if container.domain_name is not None:
        body["Domainname"] = container.domain_name
    if container.health is not None and isinstance(container.health.probe, ExecProbe):
        body["Healthcheck"] = _health(container.health, container.health.probe)
    if container.network == "bridge":
        body["NetworkingConfig"] = {"EndpointsConfig": {network: endpoint_body(container, address_of)}}
    return body


def holder_body(held: str, image_id: str, subject: str, owner: str, instance: str) -> dict[str, Any]:
    """The body of POST /containers/create for a container that has all the volumes of another one, `held`, and is never
    started. It has the image of that one, which is there as long as that one is. The rest as for `create_body`."""
    labels = {NAME_LABEL: subject, HOLDS_LABEL: held, OWNER_LABEL: owner, INSTANCE_LABEL: instance}
    return {"Image": image_id, "Labels": _given(labels), "HostConfig": {"VolumesFrom": [held]}}


def _given(labels: Mapping[str, str]) -> dict[str, str]:
    return {label: value for label, value in labels.items() if value}


def endpoint_body(container: Container, address_of: AddressOf) -> dict[str, Any]:
    """The names and links of a container on the network for mode bridge."""
    _, links = _hosts(container, address_of)
    return {"Aliases": [name for name in (container.name, container.host_name) if name], "Links": links}


def update_body(restart: Restart, resources: Resources) -> dict[str, Any]:
    """The body of POST /containers/{id}/update.

    Memory and swap always go together, because the engine refuses one that contradicts the other's old value; 0 leaves a
    value as it is, -1 lifts a reservation (measured, 20.10).
    """
    return {
        "Memory": resources.memory or 0,
        "MemorySwap": resources.memory_swap or 0,
        "MemoryReservation": resources.memory_reservation or -1,
        "RestartPolicy": restart_body(restart),
    }


def restart_body(restart: Restart) -> dict[str, Any]:
    """Docker's restart policy. The limit of its growing delay cannot be set."""
    return {"Name": restart.policy, "MaximumRetryCount": restart.max_retries}


def asked_text(container: Container) -> str:
    """The text of the label: the normal form with only the names of variables, and only whether there is a command; the
    engine keeps the rest."""
    kept = as_kept(container)
    health = kept.health
    if health is not None and isinstance(health.probe, ExecProbe):
        health = changed(health, probe=ExecProbe(()))
    command = None if kept.command is None else ()
    return content_of(
        changed(kept, env=tuple((name, None) for name, _ in kept.env), command=command, health=health)
    ).decode()


def as_kept(container: Container) -> Container:
    """The container as it can be read back. An HTTP check with a query is kept as a TCP check of its port, which every
    container passes that passes the first: the query may be secret, and checks are taken from the wanted container."""
    health = container.health
    if health is None or not isinstance(health.probe, HttpProbe) or "?" not in health.probe.path:
        return container
    return changed(container, health=changed(health, probe=TcpProbe(health.probe.port)))


def asked_from(labels: Mapping[str, str]) -> Container | None:
    """The container of a label; `None` without one, or when another version of evenkeel wrote it."""
    try:
        return decode(labels[SPEC_LABEL], Container) if SPEC_LABEL in labels else None
    except ValueError:
        return None


def prints_from(labels: Mapping[str, str]) -> Texts:
    """The variables of a label with values that were handed out, and the prints of these."""
    pairs = (each.partition("=") for each in labels.get(PRINTS_LABEL, "").split())
    return tuple(sorted((name, text) for name, _, text in pairs))


def _hosts(container: Container, address_of: AddressOf) -> tuple[list[str], list[str]]:
    """Entries for the hosts file, and links to other containers."""
    hosts, links = [], []
    for name, address in container.extra_hosts:
        if address == "host_ip":
            hosts.append(f"{name}:{HOST_GATEWAY}")
        elif address.startswith("host_ip_"):
            hosts.append(f"{name}:{address_of(address.removeprefix('host_ip_'))}")
        elif address.startswith("container_") and container.network == "host":
            raise Refused(f"container:{container.name}", f"{name}:{address} needs network mode bridge with Docker")
        elif address.startswith("container_"):
            links.append(f"{address.removeprefix('container_')}:{name}")
        else:
            hosts.append(f"{name}:{address}")
    return hosts, links


def _port_key(port: Port) -> str:
    return f"{port.container_port}/{port.protocol}"


def _port_bindings(ports: tuple[Port, ...]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        host = str(port.host_port)
        if port.host_port_end > port.host_port:
            host += f"-{port.host_port_end}"
        bindings.setdefault(_port_key(port), []).append({"HostIp": port.host_ip, "HostPort": host})
    return bindings


def _mount(mount: Mount) -> dict[str, Any]:
    """`Mounts`, not `Binds`: a source that does not exist is refused at creation instead of being made as a folder. Where no
    propagation was asked for the engine takes another than `rprivate` if the source holds its own data, as `/` does; one that
    is said it refuses there (measured, 20.10)."""
    asked: dict[str, Any] = {
        "Type": "bind",
        "Source": mount.source,
        "Target": mount.destination,
        "ReadOnly": mount.read_only,
    }
    if mount.propagation is not None:
        asked["BindOptions"] = {"Propagation": mount.propagation}
    return asked


def _limits(resources: Resources) -> dict[str, int]:
    limits: dict[str, int] = {}
    if resources.memory is not None:
        limits["Memory"] = resources.memory
        limits["MemorySwap"] = UNLIMITED if resources.memory_swap is None else resources.memory_swap
    if resources.memory_reservation is not None:
        limits["MemoryReservation"] = resources.memory_reservation
    return limits


def log_body(log: Log) -> dict[str, Any]:
    """Docker's name and options of a log driver."""
    if log.driver == "none":
        return {"Type": "none", "Config": {}}
    config = {"max-file": str(log.max_files), "max-size": str(log.max_size)}
    if log.mode == "non-blocking":
        config |= {"mode": "non-blocking", "max-buffer-size": str(log.max_buffer_size)}
    return {"Type": log.driver, "Config": config}


def _health(health: Health, probe: ExecProbe) -> dict[str, Any]:
    return {
        "Test": ["CMD", *probe.command],
        "Interval": _nanoseconds(health.interval),
        "Timeout": _nanoseconds(health.timeout),
        "Retries": health.retries,
        "StartPeriod": _nanoseconds(health.start_period),
    }


def _nanoseconds(duration: timedelta) -> int:
    return (duration // timedelta(microseconds=1)) * 1000
