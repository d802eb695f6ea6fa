"""The host that evenkeel runs on: which paths exist, and which ports are in use.

Only reads. This process may see another host than the engine does, because one of them is in a container: then it
reports nothing. The kernel tells the process at the other end of the engine's socket, and its namespaces.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from evenkeel.reconcilers.containers.foresight import Host, Listener
from evenkeel.specs.containers.container import Protocol

_LEAST_MEMORY = 6 * 1024**2
"""Docker refuses a lower limit (measured, 20.10)."""
_PATIENCE_S = 2.0
_LISTENS = "0A"
"""The state LISTEN in /proc/net/tcp."""


def look_around(engine: str, paths: Sequence[str]) -> Host:
    """The host of the engine that listens on the socket at the path `engine`, as far as this process sees the same."""
    shared = _shared_with(engine)
    absent = tuple(path for path in paths if "mnt" in shared and not Path(path).exists())
    listeners = tuple(dict.fromkeys(_listening(Path("/proc/net")))) if "net" in shared else ()
    return Host(absent, listeners, _LEAST_MEMORY)


def _shared_with(engine: str) -> frozenset[str]:
    """The namespaces that this process shares with the one at the other end of a socket."""
    try:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(_PATIENCE_S)
            asking.connect(engine)
            (pid,) = struct.unpack("i8x", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        own, its = Path("/proc/self/ns"), Path(f"/proc/{pid}/ns")
        return frozenset(name for name in ("mnt", "net") if (own / name).readlink() == (its / name).readlink())
    except OSError:
        return frozenset()


def _listening(net: Path) -> Iterator[Listener]:
    names: tuple[tuple[Protocol, str], ...] = (("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6"))
    for protocol, name in names:
        with suppress(OSError):
            for line in (net / name).read_text().splitlines()[1:]:
                _, local, remote, state, *_ = line.split()
                unconnected = set(remote.partition(":")[0]) == {"0"}
                if state == _LISTENS or (protocol == "udp" and unconnected):
                    address, _, number = local.partition(":")
                    yield Listener(protocol, _address(address), int(number, 16))


def _address(hexadecimal: str) -> str:
    """An address as the kernel writes it: words of 32 bits, each in the byte order of the machine."""
    words = [int(hexadecimal[at : at + 8], 16) for at in range(0, len(hexadecimal), 8)]
    found = ipaddress.ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found)
