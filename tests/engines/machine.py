"""The machine that tests share: with each other, and with the tests of another run.

Each worker of a run is a process of its own, and another clone may be under test beside it. A port that looks free belongs
to whoever claims it; something that the machine has once is held by one test at a time. Both end with the process that
holds them, whatever ends it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path


def free_port(address: str = "127.0.0.1") -> int:
    """A port for a server that binds it later, or again and again, and for nobody else as long as this process lives.

    None of those that the system gives to outgoing connections: one of these would take it, not least a client's that tries
    again and again to reach it, and then talks to itself. And none that was given before, here or in another process.
    """
    while True:
        port = _ports.pop()
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            _claim(port)
            return port


def _claim(port: int) -> None:
    """An abstract unix socket is bound by one process at a time; OSError if there is another. It stays open."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0evenkeel-tests-port-{port}")
    except OSError:
        claim.close()
        raise
    claim.detach()


def _unordered_ports() -> list[int]:
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    ports = list(range(max(10_000, int(given[0]) - 12_000), max(12_000, int(given[0]) - 2_500)))  # Leda uses 30555
    random.shuffle(ports)
    return ports


_ports = _unordered_ports()


@contextlib.contextmanager
def alone(what: str) -> Iterator[None]:
    """Nobody else on this machine is in here for the same `what` meanwhile."""
    name = f"evenkeel-tests-{what}.lock"
    handle = os.open(Path("/tmp") / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
