"""The addresses of the host's network interfaces, for Kanto's `host_ip_<interface>`."""

from __future__ import annotations

import socket

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
