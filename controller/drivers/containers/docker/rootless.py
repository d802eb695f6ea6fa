"""An engine that runs without root: the abilities that it lacks, and the settings of which it does not tell. Pure.

Measured with Podman 4.3.1 (docs/engines.md has the table). Its networks are in a namespace of its user's, so that nobody
outside reaches a container at its address; there may be another container at the same address. With cgroup v1 it keeps no
limits, and without root it tells neither of limits that it does not keep nor of devices. They count as kept.

Docker without root lacks the same by its manual (docs.docker.com/engine/security/rootless); it was not measured.
"""

from __future__ import annotations

from typing import Any

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.kinds import Kind
from evenkeel.controller.drivers.containers.docker.render import asked_from
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.observed import Lack

USUAL_FIRST_PORT = 1024
"""The kernel keeps the ports below for root, unless `net.ipv4.ip_unprivileged_port_start` says otherwise."""


def without_root(kind: Kind, system: answers.SystemAnswer, first_port: int = USUAL_FIRST_PORT) -> Kind:
    """The kind of an engine that runs as `system` says. `first_port`: the first that a program without root may open."""
    if not is_without_root(system):
        return kind
    keeps_limits = system.get("CgroupVersion") != "1" and system.get("MemoryLimit", False)
    lacks: list[Lack] = ["addresses", "rights"]
    if not keeps_limits:
        lacks.append("limits")
    if first_port >= USUAL_FIRST_PORT:
        lacks.append("low-ports")

    def inspected(found: answers.Inspected) -> answers.Inspected:
        told = kind.inspected(found)
        asked = asked_from(told["Config"].get("Labels") or {})
        return told if asked is None else _with_untold(told, asked, keeps_limits)

    return kind._replace(lacks=(*kind.lacks, *lacks), inspected=inspected)


def is_without_root(system: answers.SystemAnswer) -> bool:
    """Whether an engine says that it runs without root: Podman by `Rootless`, Docker among its security options, each of which
    is a list of `key=value` with commas."""
    options = [word for option in system.get("SecurityOptions") or () for word in option.split(",")]
    return system.get("Rootless", False) or "name=rootless" in options


def _with_untold(told: answers.Inspected, asked: Container, keeps_limits: bool) -> answers.Inspected:
    host: Any = dict(told["HostConfig"])
    if not host.get("Devices"):
        host["Devices"] = [
            {
                "PathOnHost": each.host_path,
                "PathInContainer": each.container_path,
                "CgroupPermissions": each.permissions,
            }
            for each in asked.devices
        ]
    if not keeps_limits:
        limits = asked.resources
        host["Memory"], host["MemorySwap"] = limits.memory or 0, limits.memory_swap or 0
        host["MemoryReservation"] = limits.memory_reservation or 0
    return {**told, "HostConfig": host}
