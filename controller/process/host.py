"""The host that evenkeel runs on: which paths exist, and which ports are in use.

Only reads. This process may see another host than the engine does, because one of them is in a container: then it
reports nothing. The kernel tells the process at the other end of the engine's socket, and its namespaces.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from evenkeel.controller.process.listeners import listening
from evenkeel.reconcilers.containers.foresight import Host, Listener

_LEAST_MEMORY = 6 * 1024**2
"""Docker refuses a lower limit (measured, 20.10)."""
_PATIENCE_S = 2.0


def look_around(engine: str, paths: Sequence[str]) -> Host:
    """The host of the engine that listens on the socket at the path `engine`, as far as this process sees the same."""
    shared = shared_with(engine)
    absent = tuple(path for path in paths if "mnt" in shared and not Path(path).exists())
    found = listening(Path("/proc/net")) if "net" in shared else ()
    listeners = tuple(dict.fromkeys(Listener(each.protocol, each.address, each.port) for each in found))
    return Host(absent, listeners, _LEAST_MEMORY)


def shared_with(engine: str) -> frozenset[str]:
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
