"""The ports of the host that containers publish: whether the engine holds them, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.reconcilers.doctor.ports import Published, of_port
from evenkeel.specs.containers.container import Container, Port, host_ports
from evenkeel.specs.containers.host_ports import addresses_clash
from evenkeel.specs.containers.observed import AWAKE
from evenkeel.specs.doctor.finding import Finding, finding_of
from evenkeel.specs.errors import DriverError

_DOMAIN = "containers"


async def look(device: Device) -> Finding:
    """Of a range, the engine takes a free port by itself; it is left out."""
    from evenkeel.controller.settings.sockets import with_socket

    settings = with_socket(device.settings)
    if settings.engine.kind == "memory":
        raise NotApplicable("the memory engine opens no port")
    asked = list(_ports(device.documents(_DOMAIN)))
    if not asked:
        raise NotApplicable("no container publishes a port")
    try:
        seen = (await device.sight(_DOMAIN)).seen
    except DriverError as error:
        return Finding("unknown", f"the engine cannot be asked: {error.message}", "look at the check `engine` first")
    running = {each.name for each in seen.containers if each.container is not None and each.state in AWAKE}
    holders = await asyncio.to_thread(
        _holders, settings.engine.address.removeprefix("unix://"), [port for _, port in asked]
    )
    if holders is None:
        raise NotApplicable("the engine has another network than this process, which cannot see its ports")
    return finding_of(
        [
            of_port(Published(name, name in running, f"{port.host_port}/{port.protocol}", holders[port]))
            for name, port in asked
        ],
        "",
    )


def _ports(containers: Mapping[str, Container]) -> Iterator[tuple[str, Port]]:
    for name, container in containers.items():
        yield from ((name, port) for port in container.ports if len(host_ports(port)) == 1)


def _holders(engine: str, ports: list[Port]) -> dict[Port, list[str]] | None:
    """The programs that listen at each port; `None` where this process does not see the engine's network."""
    from evenkeel.controller.process.host import shared_with
    from evenkeel.controller.process.listeners import listening, programs

    if "net" not in shared_with(engine):
        return None
    numbers = {port.host_port for port in ports}
    found = [each for each in listening(Path("/proc/net")) if each.port in numbers]
    names = programs([each.inode for each in found])
    return {
        port: [
            names.get(each.inode, "")
            for each in found
            if (each.port, each.protocol) == (port.host_port, port.protocol)
            and addresses_clash(each.address, port.host_ip)
        ]
        for port in ports
    }
