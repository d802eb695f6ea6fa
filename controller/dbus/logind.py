"""Rebooting through logind, so that programs which must not be disturbed can object, and services end in order.

Interface: org.freedesktop.login1(5). logind lets root reboot against every objection, as `systemctl` knows: the list is for
the caller to respect. Objections of mode `delay` are logind's own to wait for.
"""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.controller.dbus.bus import Peer, SystemBus

_MANAGER = Peer("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")

ASK_S = 5.0
"""A question at each look must not take longer than the look."""
_DENIED = "logind does not let this user reboot the device"
_OBSTACLES = {
    "no": _DENIED,
    "challenge": f"{_DENIED} without a password",
    "challenge-inhibitor-blocked": f"{_DENIED} without a password",
    "na": "logind says that this device cannot be rebooted",
}
"""Answers of CanReboot. Other ones are `yes`, and `inhibitor-blocked` since systemd 257: an objection passes."""


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


async def obstacle(bus: SystemBus) -> str:
    """Why logind would not reboot for this process; "" when it would, whoever objects. Raises `Unavailable` or `TimedOut` where
    there is no logind to ask."""
    (answer,) = await bus.call(_MANAGER, "CanReboot", timeout_s=ASK_S)
    return _OBSTACLES.get(answer, "")


async def reboot(bus: SystemBus) -> None:
    """Begin a reboot; the system ends services, this process among them. Raises DriverError when logind refuses."""
    await bus.call(_MANAGER, "Reboot", "b", False)  # nobody is there to be asked for a password
