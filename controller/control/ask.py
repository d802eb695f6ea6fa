"""Requests of short-lived commands to the controller at work, over its socket (`control`). They load no event loop."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.controller.journal.lock import holder

if TYPE_CHECKING:
    from evenkeel.specs.feedback import Standing
    from evenkeel.specs.preconditions.observed import Observed

NAME = "control.sock"
_LIMIT_S = 5.0
_MOST_BYTES = 16 * 1024**2
_PATIENCE_S = 2.0
"""The time for which a command waits for a controller that is just starting."""


def ask(state: Path, request: str, limit_s: float = _LIMIT_S) -> bytes | None:
    """The answer of the controller at work; `None` when none answers, or the answer is incomplete."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(limit_s)
        with short_path(state) as path:
            channel.connect(path)
        channel.sendall(f"{request}\n".encode())
        found, deadline = bytearray(), time.monotonic() + limit_s
        while part := channel.recv(65536):
            found += part
            if len(found) > _MOST_BYTES or time.monotonic() > deadline:
                return None
        return bytes(found)
    return None


def ask_status(state: Path, limit_s: float = _LIMIT_S) -> Standing | None:
    """The state of the device, in the words of the controller at work; `None` when it cannot be asked."""
    from evenkeel.specs.codec import decode
    from evenkeel.specs.feedback import Standing

    answer = ask(state, "status", limit_s)
    try:
        return decode(answer, Standing) if answer is not None else None
    except ValueError:
        return None


def ask_values(state: Path) -> dict[str, Observed] | None:
    """The values of preconditions, as the controller at work knows them; `None` when it cannot be asked."""
    from evenkeel.specs.codec import decode
    from evenkeel.specs.preconditions.observed import Observed

    answer = ask(state, "values")
    try:
        return decode(answer, dict[str, Observed]) if answer is not None else None
    except ValueError:
        return None


def ask_to_look_again(state: Path) -> bool:
    """Have the controller at work look again; False when there is none. A controller that is just starting looks
    anyway, and so does one that cannot listen, at its next resync."""
    deadline = time.monotonic() + _PATIENCE_S
    while ask(state, "look") is None:
        if holder(state) is None:
            return False
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return True


@contextmanager
def short_path(state: Path) -> Iterator[str]:
    """A short path to the socket. Its address must not be longer than 107 bytes, wherever the state directory lies."""
    folder = os.open(state, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)
