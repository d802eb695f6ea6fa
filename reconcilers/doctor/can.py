"""CAN interfaces, as sysfs tells of them."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.specs.doctor.finding import Detail

_UP = 0x1
"""IFF_UP, netdevice(7)."""
_CAN = 280
"""ARPHRD_CAN, linux/if_arp.h."""


class Interface(NamedTuple):
    """`flags` and `kind` as in /sys/class/net/NAME/flags and type."""

    flags: int
    kind: int


def of_interface(name: str, found: Interface | None) -> Detail:
    """`found`: `None` where there is no such interface."""
    if found is None:
        return Detail(
            name, "failed", "there is no such interface", "look at `ip link`, and whether its driver is loaded"
        )
    if not found.flags & _UP:
        remedy = f"with the bit rate of the bus: `ip link set {name} type can bitrate 500000 && ip link set {name} up`"
        return Detail(name, "failed", "it is down", remedy)
    if found.kind != _CAN:
        return Detail(name, "warning", "it is up, and no CAN interface", "correct `doctor.can` in the settings")
    return Detail(name, "ok", "up")
