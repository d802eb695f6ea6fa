"""Rebooting through logind, so that programs which must not be disturbed can object, and services end in order.

Interface: org.freedesktop.login1(5). logind lets root reboot against every objection, as `systemctl` knows: the list is for
the caller to respect. Objections of mode `delay` are logind's own to wait for.
"""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.controller.dbus.bus import Peer, SystemBus

_MANAGER = Peer("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")


class Objection(NamedTuple):
    """A program that does not want a reboot now, in its own words."""

    who: str
    why: str
    pid: int

    def __str__(self) -> str:
        return f"{self.who} (process {self.pid}): {self.why}"


async def objections(bus: SystemBus) -> tuple[Objection, ...]:
    """The programs that object to a reboot. Raises `Unavailable` or `TimedOut` where there is no logind to ask."""
    (listed,) = await bus.call(_MANAGER, "ListInhibitors")
    return tuple(
        Objection(who, why, pid)
        for what, who, why, mode, _uid, pid in listed
        if mode != "delay" and "shutdown" in what.split(":")
    )


async def reboot(bus: SystemBus) -> None:
    """Begin a reboot; the system ends services, this process among them. Raises DriverError when logind refuses."""
    await bus.call(_MANAGER, "Reboot", "b", False)  # nobody is there to be asked for a password
