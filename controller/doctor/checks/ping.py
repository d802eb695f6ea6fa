"""A ping to the host that the settings or the command name; none by default, as nobody has to know of this device."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.specs.doctor.finding import Finding

_WAIT_S = 2


async def look(device: Device) -> Finding:
    """One ping, by the program of the system, which has the right to send it."""
    host = device.settings.doctor.ping
    if not host:
        raise NotApplicable("`doctor.ping` names no host")
    return await ping(host)


async def ping(host: str, wait_s: int = _WAIT_S) -> Finding:
    """Whether a host answers one ping. `host` is no option (`specs.settings.doctor.is_host`)."""
    try:
        process = await asyncio.create_subprocess_exec(
            "ping", "-c", "1", "-W", str(wait_s), host, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
    except FileNotFoundError:
        return Finding("unknown", "there is no program `ping` on this device", "name a port in `doctor.hosts` instead")
    try:
        out, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode == 0:
        times = [word for word in out.decode(errors="replace").split() if word.startswith("time=")]
        return Finding("ok", f"{host} answers" + (f", {times[0]} ms" if times else ""))
    why = errors.decode(errors="replace").strip().removeprefix("ping: ") or "no answer"
    return Finding("failed", f"{host}: {why}", "look at routes, firewalls and the device's DNS")
