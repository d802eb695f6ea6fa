"""The hosts that this device has to reach: registries, bundle servers and clouds that documents name, the broker, and those
that the settings name.

No host is asked that nobody has named, but the hub that a named service has assigned: a device may be in a network without the
Internet, on purpose.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.checks import identities, registries, slots
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.process.causes import system_words
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of
from evenkeel.specs.settings.doctor import host_and_port
from evenkeel.specs.settings.mqtt import broker_address

_CONNECT_S = 3.0
_MOST_ADDRESSES = 4


async def look(device: Device) -> Finding:
    """The name of each, and a connection over TCP."""
    found = await asked_hosts(device)
    if not found:
        raise NotApplicable("no registry, cloud, bundle server, broker or host of `doctor.hosts` is named")
    return finding_of(await asyncio.gather(*(reached(*each) for each in found)), "")


async def asked_hosts(device: Device) -> list[tuple[str, int]]:
    """The hosts and ports, each once."""
    return list(dict.fromkeys([each async for each in _asked(device)]))


async def _asked(device: Device) -> AsyncIterator[tuple[str, int]]:
    settings = device.settings
    if settings.engine.kind != "memory":
        for each in registries.hosts(device):
            yield each
        for each in await identities.hosts(device):
            yield each
    for each in slots.hosts(device):
        yield each
    if settings.mqtt.is_configured:
        address = broker_address(settings.mqtt.broker)
        yield address.host, address.port
    for named in settings.doctor.hosts:
        yield host_and_port(named)


async def reached(host: str, port: int) -> Detail:
    """Whether a host is known by its name, and accepts a connection."""
    name, loop = f"{host}:{port}", asyncio.get_running_loop()
    addresses = await known_name(host)
    if isinstance(addresses, str):
        return Detail(name, "failed", addresses, "look at the name, and at the device's DNS: `resolvectl status`")
    shown = ", ".join(addresses[:_MOST_ADDRESSES])
    begun = loop.time()
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Detail(name, "failed", f"{shown}: no answer", "look at routes and firewalls: `ip route`")
    except OSError as error:
        return Detail(name, "failed", f"{shown}: {system_words(error)}", "look whether it runs, and at what is between")
    took = (loop.time() - begun) * 1000
    writer.close()
    return Detail(name, "ok", f"{shown}: connected in {took:.0f} ms")


async def known_name(host: str) -> list[str] | str:
    """The addresses of a host; or the reason why there are none."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError:
        return "no answer about its name"
    except (OSError, UnicodeError) as error:
        return f"its name is not known: {system_words(error) if isinstance(error, OSError) else 'it is none of a host'}"
    return list(dict.fromkeys(str(each[4][0]) for each in found))
