"""Kills its own process with SIGKILL right before the n-th thing that it makes durable: power loss, at a chosen moment.

Python runs this file at its start when it lies on PYTHONPATH; the command under test is the real one and knows nothing of it.
A moment is a transaction that the journal begins, a world that the memory engine is about to write, or a file of registries
that is about to be replaced, made or removed. Between two moments nothing happens that would outlive the process, so killing at
each of them is killing anywhere.

EVENKEEL_MOMENTS is a file that gets a line for every moment; EVENKEEL_KILL_AT the number of the one that is not reached.
EVENKEEL_MOMENTS_OF is the beginning of those that count: then what the journal has before does not matter.
EVENKEEL_CLOCK is the time of day at its start, in seconds since the epoch: the device has no battery for its clock.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

_kill_at = int(os.environ.get("EVENKEEL_KILL_AT", "0"))
_moments = os.environ.get("EVENKEEL_MOMENTS", "")
_clock = os.environ.get("EVENKEEL_CLOCK", "")
_kind = os.environ.get("EVENKEEL_MOMENTS_OF", "")
_OF_REGISTRIES = (
    *("auth.json", "docker.json", "daemon.json", "podman.json", "50-evenkeel.conf"),
    *("evenkeel.crt", "evenkeel.cert", "evenkeel.key"),
)
_CHANGES = {"os.rename": 1, "os.symlink": 1, "os.remove": 0}
"""The changes of a folder, with the place of the name that changes among the values of the event (Python's audit events)."""
_count = 0


def _moment(what: str) -> None:
    global _count
    if not what.startswith(_kind):
        return
    _count += 1
    if _count == _kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if _moments:
        handle = os.open(_moments, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{_count} {what}\n".encode())
        os.close(handle)


def _traced(statement: str) -> None:
    if statement.startswith("BEGIN"):
        _moment("journal")


def _watch(event: str, values: tuple[Any, ...]) -> None:
    if event == "os.rename" and str(values[1]).endswith("memory-engine.json"):
        _moment("world")
    if event in _CHANGES and (path := str(values[_CHANGES[event]])).rpartition("/")[2] in _OF_REGISTRIES:
        _moment(f"registries: {path}")


def _connect(*values: Any, **more: Any) -> sqlite3.Connection:
    connection = _sqlite3_connect(*values, **more)
    connection.set_trace_callback(_traced)
    return connection


if _clock:
    _right, _ahead_s = time.time, float(_clock) - time.time()
    time.time = lambda: _right() + _ahead_s

if _kill_at or _moments:
    import sqlite3

    _sqlite3_connect, sqlite3.connect = sqlite3.connect, _connect
    sys.addaudithook(_watch)
