"""Whether the operating system of this device is updated by RAUC."""

from __future__ import annotations

from pathlib import Path

from evenkeel.controller.doctor.device import Device
from evenkeel.specs.settings.slots import chosen

_CONFIGURATIONS = (Path("/etc/rauc/system.conf"), Path("/run/rauc/system.conf"), Path("/usr/lib/rauc/system.conf"))
"""Places of RAUC's configuration, as RAUC looks for it."""


def has_rauc(device: Device) -> bool:
    """By the settings; where they leave it open, by RAUC's configuration."""
    settings = device.settings
    if chosen(settings.slots, settings.engine.kind, settings.state).engine != "rauc":
        return False
    return settings.slots.engine == "rauc" or any(each.exists() for each in _CONFIGURATIONS)
