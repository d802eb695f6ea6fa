"""Whether the clock is kept, by systemd-timedated. Interface: org.freedesktop.timedate1(5)."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.controller.dbus.bus import Peer, SystemBus

_NAME = "org.freedesktop.timedate1"
_CLOCK = Peer(_NAME, "/org/freedesktop/timedate1", _NAME)


class Synchronisation(NamedTuple):
    """`is_kept`: the kernel's clock is synchronised, by whatever program. `has_ntp`: a service of systemd's for it is on."""

    is_kept: bool
    has_ntp: bool


async def synchronisation(bus: SystemBus) -> Synchronisation:
    """Raises `Unavailable` or `TimedOut` where nobody can be asked."""
    found = await bus.properties(_CLOCK)
    return Synchronisation(bool(found.get("NTPSynchronized")), bool(found.get("NTP")))
