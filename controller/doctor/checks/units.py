"""Units of systemd that this device needs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.slots import has_rauc
from evenkeel.reconcilers.doctor.units import UnitState, UnitWanted, of_unit, wanted_units
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of
from evenkeel.specs.errors import DriverError

_SYSTEMD = Path("/run/systemd/system")
"""The folder by which sd_booted(3) knows systemd."""


async def look(device: Device) -> Finding:
    """Those that the settings lead to, and those that they name."""
    from evenkeel.controller.settings.sockets import with_socket

    settings = with_socket(device.settings)
    wanted = [*wanted_units(settings, has_slots=has_rauc(device))]
    if not has_systemd(device):
        raise NotApplicable("there is no systemd here")
    return finding_of(await asyncio.gather(*(_unit(device, each) for each in wanted)), "no unit is needed")


def has_systemd(device: Device) -> bool:
    """Whether the system was booted with systemd, or the settings say at which bus it is."""
    return bool(device.settings.slots.bus) or _SYSTEMD.exists()


async def _unit(device: Device, wanted: UnitWanted) -> Detail:
    try:
        return of_unit(wanted.name, await unit_state(device, wanted.name), must=wanted.must)
    except DriverError as error:
        return Detail(wanted.name, "unknown", error.message, "look whether D-Bus runs: `systemctl status dbus`")


async def unit_state(device: Device, name: str) -> UnitState:
    """The state of a unit. Raises DriverError where systemd cannot be asked."""
    from evenkeel.controller.dbus.systemd import is_called, unit

    found = await unit(device.bus, name)
    idles = found.load == "loaded" and found.active == "inactive"
    return UnitState(found.load, found.active, found.sub, idles and await is_called(device.bus, name))
