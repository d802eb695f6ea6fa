"""Notifications to systemd: ready, alive, the state, stopping.

The protocol of sd_notify(3): datagrams of `NAME=value` lines to the socket in `$NOTIFY_SOCKET`, a path or, with a
leading `@`, a name in the abstract namespace. The controller feeds the watchdog for as long as its worker gives signs
of life (`controller.loop.liveness`), at a third of the time that systemd allows. A datagram that cannot be sent is
dropped; nothing here raises.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class Systemd:
    """A `Life` that notifies systemd. Without an address it does nothing."""

    def __init__(self, address: str = "", watchdog_s: float = 0.0) -> None:
        """`watchdog_s`: after so many seconds of silence systemd acts; 0 is never."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_s = watchdog_s
        self._last = ""

    @property
    def every_s(self) -> float:
        return self._watchdog_s / 3

    def started(self) -> None:
        self._send("READY=1\nSTATUS=looking for the first time")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def state(self, text: str) -> None:
        status = " ".join(text.split())[:200]
        if status != self._last:
            self._last = status
            self._send(f"STATUS={status}")

    def stopping(self) -> None:
        self._send("STOPPING=1\nSTATUS=stopping")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            channel.sendto(text.encode(errors="replace"), self._address)


def systemd_of(environment: Mapping[str, str], pid: int | None = None) -> Systemd:
    """The supervisor that `$NOTIFY_SOCKET`, `$WATCHDOG_USEC` and `$WATCHDOG_PID` describe. `pid`: the id of this
    process."""
    watchdog_s = 0.0
    meant = environment.get("WATCHDOG_PID", "")
    if not meant or meant == str(pid if pid is not None else os.getpid()):
        with suppress(ValueError):
            watchdog_s = int(environment.get("WATCHDOG_USEC", "0")) / 1_000_000
    return Systemd(environment.get("NOTIFY_SOCKET", ""), watchdog_s)
