"""Sockets that are listened on in this process's network, and the programs that hold them.

Only reads /proc. A program of another user is seen by root alone.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

_LISTENS = "0A"
"""The state LISTEN in /proc/net/tcp."""
_INODE = 9


class Socket(NamedTuple):
    """A socket that waits for connections or datagrams. `inode`: the kernel's number of it."""

    protocol: Literal["tcp", "udp"]
    address: str
    port: int
    inode: str


def listening(net: Path) -> Iterator[Socket]:
    """All of them; `net` is /proc/net."""
    names: tuple[tuple[Literal["tcp", "udp"], str], ...] = (
        ("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6"),
    )  # fmt: skip
    for protocol, name in names:
        with suppress(OSError):
            for line in (net / name).read_text().splitlines()[1:]:
                fields = line.split()
                _, local, remote, state, *_ = fields
                unconnected = set(remote.partition(":")[0]) == {"0"}
                if state == _LISTENS or (protocol == "udp" and unconnected):
                    address, _, number = local.partition(":")
                    inode = fields[_INODE] if len(fields) > _INODE else ""
                    yield Socket(protocol, _address(address), int(number, 16), inode)


def programs(inodes: Collection[str], proc: Path = Path("/proc")) -> dict[str, str]:
    """By the inode of a socket, the name of a program that has it open, as far as this user may see it."""
    wanted = {f"socket:[{each}]": each for each in inodes if each}
    found: dict[str, str] = {}
    for process in proc.iterdir() if wanted else ():
        if not process.name.isdecimal():
            continue
        with suppress(OSError):
            for handle in (process / "fd").iterdir():
                with suppress(OSError):
                    inode = wanted.get(str(handle.readlink()))
                    if inode is not None:
                        found.setdefault(inode, (process / "comm").read_text().strip())
    return found


def _address(hexadecimal: str) -> str:
    """An address as the kernel writes it: words of 32 bits, each in the byte order of the machine."""
    words = [int(hexadecimal[at : at + 8], 16) for at in range(0, len(hexadecimal), 8)]
    found = ipaddress.ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found)
