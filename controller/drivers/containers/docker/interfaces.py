"""The host's network: addresses of its interfaces, for Kanto's `host_ip_<interface>`, and the ports that need root."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from evenkeel.specs.errors import Unavailable


def address_of(interface: str) -> str:
    """The first IPv4 address of an interface; Unavailable when there is none."""
    import fcntl
    import struct

    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking.fileno(), 0x8915, request)  # SIOCGIFADDR
        except OSError:
            raise Unavailable(
                f"interface:{interface}", f"the host has no interface {interface} with an IPv4 address"
            ) from None
    return socket.inet_ntoa(answer[20:24])


def first_open_port() -> int:
    """The first port that a program without root may listen at (ip-sysctl, `ip_unprivileged_port_start`)."""
    with suppress(OSError, ValueError):
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    return 1024
