"""The CAN interfaces that the settings name (`doctor.can`)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.reconcilers.doctor.can import Interface, of_interface
from evenkeel.specs.doctor.finding import Finding, finding_of

_NET = Path("/sys/class/net")


async def look(device: Device) -> Finding:
    """Whether each is there and up."""
    names = device.settings.doctor.can
    if not names:
        raise NotApplicable("`doctor.can` names no interface")
    return finding_of([of_interface(each, await asyncio.to_thread(interface, each)) for each in names], "")


def interface(name: str) -> Interface | None:
    """A network interface of this device; `None` where there is none of this name."""
    try:
        flags, kind = ((_NET / name / each).read_text().strip() for each in ("flags", "type"))
        return Interface(int(flags, 16), int(kind))
    except (OSError, ValueError):
        return None
