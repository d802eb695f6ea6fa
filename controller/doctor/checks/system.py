"""The device itself: system, kernel, and for how long it has been up."""

from __future__ import annotations

import asyncio
import os
import platform
from pathlib import Path

from evenkeel.controller.doctor.device import Device
from evenkeel.controller.process.clock import system_clock
from evenkeel.specs.doctor.finding import Finding
from evenkeel.templates.ago import ago_text

_PLACES = (Path("/etc/os-release"), Path("/usr/lib/os-release"))


async def look(device: Device) -> Finding:
    """Nothing is judged here: it is what a report begins with."""
    return await asyncio.to_thread(_read)


def _read() -> Finding:
    up = system_clock()
    boot = f", boot {up.boot[:8]}" if up.boot else ""
    kernel = f"{platform.system()} {os.uname().release} on {platform.machine()}"
    return Finding("ok", f"{system_name()}, {kernel}, up {ago_text(up.up_s)}{boot}")


def system_name() -> str:
    """The name of the system, os-release(5)."""
    for place in _PLACES:
        try:
            lines = place.read_text(errors="replace").splitlines()
        except OSError:
            continue
        found = dict(line.partition("=")[::2] for line in lines)
        name = found.get("PRETTY_NAME") or found.get("NAME") or ""
        if name:
            return name.strip("\"'")
    return "a system without a name"
