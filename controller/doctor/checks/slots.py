"""The slots of the operating system, the bootloader, and what an update needs: the checks of `evenkeel slots check`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import NamedFile
from evenkeel.controller.doctor.slots import has_rauc
from evenkeel.specs.doctor.finding import Detail, Finding, State, finding_of
from evenkeel.specs.errors import DriverError
from evenkeel.specs.settings.slots import chosen
from evenkeel.specs.slots.finding import Finding as SlotsFinding
from evenkeel.specs.slots.finding import Level
from evenkeel.specs.slots.system import OperatingSystem

_STATES: dict[Level, State] = {"ok": "ok", "unknown": "unknown", "warning": "warning", "error": "failed"}
_DOMAIN = "slots"


async def look(device: Device) -> Finding:
    """Asked of RAUC only where it is there, or a document asks for an operating system."""
    settings = device.settings
    kind = chosen(settings.slots, settings.engine.kind, settings.state).engine
    is_asked = bool(device.documents(_DOMAIN))
    if kind == "none":
        raise NotApplicable("`slots.engine` is none")
    if not is_asked and not has_rauc(device):
        raise NotApplicable("no document asks for an operating system, and RAUC is not there")
    return finding_of([_detail(each) for each in await _findings(device)], "")


async def _findings(device: Device) -> tuple[SlotsFinding, ...]:
    from evenkeel.controller.slots_wiring import check_slots
    from evenkeel.reconcilers.slots.checks import of_slots

    try:
        found = of_slots((await device.sight(_DOMAIN)).seen)
    except DriverError as error:
        found = (SlotsFinding("updater", "error", error.message, "on a device with RAUC: `systemctl status rauc`"),)
    return (*found, *await asyncio.to_thread(check_slots, device.settings, device.now()))


def hosts(device: Device) -> Iterator[tuple[str, int]]:
    """Where bundles come from: their servers, or the proxies before these."""
    from urllib.parse import urlsplit

    settings = device.settings
    if chosen(settings.slots, settings.engine.kind, settings.state).engine != "rauc":
        return
    asked: Mapping[str, OperatingSystem] = device.documents(_DOMAIN)
    for each in asked.values():
        parts = urlsplit(each.proxy or each.bundle)
        if parts.hostname:
            yield parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


async def files(device: Device) -> AsyncIterator[NamedFile]:
    """The files for the server of a bundle."""
    asked: Mapping[str, OperatingSystem] = device.documents(_DOMAIN)
    for each in asked.values():
        name = f"operating system {each.name}"
        yield NamedFile(name, each.credentials, "secret")
        yield NamedFile(name, each.client_key, "secret")
        yield NamedFile(name, each.client_cert, "certificate")
        yield NamedFile(name, each.ca, "authorities")


def _detail(found: SlotsFinding) -> Detail:
    return Detail(found.about, _STATES[found.level], found.text, found.remedy)
