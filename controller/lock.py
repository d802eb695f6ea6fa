"""Only one controller per state directory.

A lock of the operating system on a file in the state directory; it is gone when its holder is, however it died. The file
holds the holder's process id, for people and for `SIGHUP` ("look again"), which short-lived commands send after they have
changed the journal.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from evenkeel.controller.files import denied
from evenkeel.specs.errors import Busy, JournalError

_NAME = "controller.lock"


@contextmanager
def sole_controller(state: Path) -> Iterator[None]:
    """Hold the state directory; Busy when another controller does, JournalError when it may not be written."""
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        handle = os.open(state / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except PermissionError as error:
        raise JournalError(f"state:{state}", denied(state)) from error
    try:
        if not _locked(handle):
            holder = os.read(handle, 32).decode(errors="replace").strip()
            why = f"a controller (process {holder or 'unknown'}) is at work here, and applies the files by itself"
            raise Busy(
                f"state:{state}", f"{why}: `evenkeel status` tells how far it is; to do it by hand, stop it first"
            )
        try:
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
        except OSError as error:
            raise JournalError(f"file:{state / _NAME}", f"cannot be written: {error.strerror}") from error
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock could be had. Who asks for the holder has one, too, for a moment that is long where the machine is
    busy; but a shared one, and what can be shared has no holder yet."""
    for attempt in range(1000):
        if attempt:
            time.sleep(0.01)
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(handle, fcntl.LOCK_UN)
            continue
        if attempt >= 5:
            return False
    return False


def holder(state: Path) -> int | None:
    """The process id of the controller at work on a state directory, `None` when there is none. Writes nothing."""
    with suppress(OSError, ValueError):
        handle = os.open(state / _NAME, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.read(handle, 32))
        finally:
            os.close(handle)
    return None


def ask_to_look_again(state: Path) -> bool:
    """Send the controller at work a SIGHUP; False when there is none."""
    process = holder(state)
    if process is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGHUP)
        return True
    return False
