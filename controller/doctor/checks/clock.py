"""The time of day, and whether anything keeps it."""

from __future__ import annotations

from evenkeel.controller.doctor.device import Device
from evenkeel.reconcilers.doctor.clock import of_clock, of_synchronisation
from evenkeel.specs.doctor.finding import Finding, finding_of
from evenkeel.specs.errors import DriverError, EvenkeelError


async def look(device: Device) -> Finding:
    """Against the first evenkeel, and against the journal's newest entry."""
    try:
        newest = device.facts.journal.newest
    except EvenkeelError:
        newest = 0.0
    return finding_of([*of_clock(device.now(), newest), of_synchronisation(*await _told(device))], "")


async def _told(device: Device) -> tuple[bool | None, bool | None]:
    from evenkeel.controller.dbus.timedate import synchronisation

    try:
        found = await synchronisation(device.bus)
    except DriverError:
        return None, None
    return found.is_kept, found.has_ntp
