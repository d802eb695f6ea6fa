"""The registries that are asked for: whether each lets this device in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import NamedFile
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of
from evenkeel.specs.registries.registry import HUB_HOST, Registry

_DOMAIN = "registries"
LIMIT_S = 10.0
_ONE_S = 8.0
"""For one registry: a slow one must not hide the others."""


async def look(device: Device) -> Finding:
    """The steps of `evenkeel registry test`, for all registries side by side."""
    found = asked_registries(device)
    if not found:
        raise NotApplicable("no document asks for a registry")
    return finding_of(await asyncio.gather(*(_login(device, each) for each in found)), "")


async def _login(device: Device, registry: Registry) -> Detail:
    from evenkeel.controller.registries_wiring import probe_registry

    test, last = f"`evenkeel registry test {registry.name}` shows each step", None
    try:
        async with asyncio.timeout(_ONE_S):
            async for step in probe_registry(device.settings, registry):
                last = step
    except TimeoutError:
        where = f" after `{last.step}`" if last is not None else ""
        return Detail(registry.name, "unknown", f"{registry.host} did not answer within {_ONE_S:g} s{where}", test)
    assert last is not None
    if last.is_good:
        return Detail(registry.name, "ok", f"{registry.place}: {last.text}")
    remedy = f"{last.remedy}; {test}" if last.remedy else test
    return Detail(registry.name, "failed", f"{registry.place}: {last.step}: {last.text}", remedy)


def asked_registries(device: Device) -> tuple[Registry, ...]:
    """The registries of the state in force."""
    return tuple(device.documents(_DOMAIN).values())


def hosts(device: Device) -> Iterator[tuple[str, int]]:
    """Where the registries that are asked for are reached."""
    from urllib.parse import urlsplit

    for each in asked_registries(device):
        host = each.host if each.host != "docker.io" else HUB_HOST
        parts = urlsplit(f"//{host}")
        if parts.hostname:
            yield parts.hostname, parts.port or 443


async def files(device: Device) -> AsyncIterator[NamedFile]:
    """The files that the documents name. A file of another program is that program's; what it holds is a secret all the
    same."""
    for each in asked_registries(device):
        name = f"registry {each.name}"
        yield NamedFile(name, each.user_file, "secret")
        yield NamedFile(name, each.password_file, "secret")
        yield NamedFile(name, each.key, "secret")
        yield NamedFile(name, each.config, "secret")
        yield NamedFile(name, each.certificate, "certificate")
        yield NamedFile(name, each.ca, "authorities")
