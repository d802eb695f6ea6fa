"""The lock by which a state directory has only one controller.

There are two locks of the operating system, on the directory and on a file in it. They are gone when their holder is,
however it died. The file holds the facts that the holder cannot tell through the journal: that it works from memory,
and why. The kernel answers with process ids as the asking process sees them, also when the holder lives in another
container.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.process.atomic import denied
from evenkeel.specs.errors import Busy, JournalError

_NAME = "controller.lock"
_SIZE = 1024
"""The file never grows, so that it can be written when the disk is full."""


class Holder(NamedTuple):
    """The controller at work. `pid` is `None` where it is not visible here; `trouble` is why it works from memory, "" when
    it does not."""

    pid: int | None
    trouble: str = ""


class Lock:
    """The state directory, held from `take` until `release`."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._handles: dict[Path, int] = {}
        self._trouble: str | None = None

    def take(self) -> None:
        """Take the lock; Busy when another controller has it, JournalError when the directory may not be written. Where
        the disk does not let a file be made, the directory alone is locked."""
        taken = {path: handle for path, handle in self._handles.items() if _leads_to(path, handle)}
        kept = set(taken)
        try:
            with suppress(FileExistsError):
                self._state.mkdir(mode=0o750, parents=True, exist_ok=True)
            for path, opened in ((self._state, _open_folder), (self._state / _NAME, _open_lock)):
                if path in kept:
                    continue
                try:
                    taken[path] = opened(path)
                except PermissionError:
                    raise
                except OSError as error:
                    _warn("no lock", {"place": str(path), "why": error.strerror or str(error)})
                    continue
                if not _locked(taken[path]):
                    raise Busy(f"state:{self._state}", _busy(self._state))
        except PermissionError as error:
            _close(taken, kept)
            raise JournalError(f"state:{self._state}", denied(self._state)) from error
        except OSError as error:
            _warn("no lock", {"place": str(self._state), "why": error.strerror or str(error)})
        except Busy:
            _close(taken, kept)
            raise
        before, self._handles = self._handles, taken
        _close(before, kept)
        trouble, self._trouble = self._trouble or "", None  # to be written in any case
        self.mark(trouble)

    def check(self) -> None:
        """See that the locked files are those that others find at their places; else lock these. Busy when another
        controller has them."""
        if all(_leads_to(path, handle) for path, handle in self._handles.items()):
            return
        _warn("lock was replaced", {"state": str(self._state)})
        self.take()

    def mark(self, trouble: str) -> None:
        """Write for others why the controller works from memory, as far as the file can be written; "" when it does
        not."""
        if trouble == self._trouble or self._state / _NAME not in self._handles:
            return
        line = " ".join(trouble.split()).encode(errors="replace")[: _SIZE - 100].decode(errors="ignore")
        content = f"{os.getpid()}\n{_namespace()}\n{line}\n".encode().ljust(_SIZE, b"\n")
        with suppress(OSError):  # the locked file may be open to read only, from a time when nothing could be written
            handle = os.open(self._state / _NAME, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.pwrite(handle, content, 0)
            finally:
                os.close(handle)
            self._trouble = trouble

    def release(self) -> None:
        """Release the lock."""
        _close(self._handles)
        self._handles = {}


@contextmanager
def sole_controller(state: Path) -> Iterator[Lock]:
    """Hold the state directory for a while."""
    lock = Lock(state)
    lock.take()
    try:
        yield lock
    finally:
        lock.release()


def holder(state: Path) -> Holder | None:
    """The controller at work on a state directory, `None` when there is none. JournalError for a user who may not see it.
    Writes nothing."""
    hidden: PermissionError | None = None
    for path in (state / _NAME, state):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError as error:
            hidden = error
            continue
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder_of(handle, state)
        finally:
            os.close(handle)
        hidden = None  # both are locked, and this one could be seen
    if hidden is not None:
        raise JournalError(f"state:{state}", denied(state)) from hidden
    return None


def _holder_of(handle: int, state: Path) -> Holder:
    lines: list[str] = []
    with suppress(OSError):
        lines = (state / _NAME).read_text(errors="replace").splitlines()
    lines += [""] * 3
    pid = _pid_by_kernel(handle)
    if pid is None and lines[1] and lines[1] == _namespace() and lines[0].isdecimal():
        pid = int(lines[0])
    trouble = lines[2] or _read_only(state)
    if not trouble and pid is not None and lines[1] == _namespace() and lines[0] != str(pid):
        trouble = f"Unwritten: process {pid} has not been able to write to {state} yet"
    return Holder(pid, trouble)


def _read_only(state: Path) -> str:
    """The trouble that a controller cannot write down: that the disk cannot be written."""
    with suppress(OSError):
        if os.statvfs(state).f_flag & os.ST_RDONLY:
            return f"ReadOnly: the file system of {state} is mounted read-only"
    return ""


def _pid_by_kernel(handle: int) -> int | None:
    """The holder of the exclusive lock of an open file, by the ids of this process's namespace (proc(5),
    /proc/locks)."""
    found = os.fstat(handle)
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1:2] == ["FLOCK"] and words[3] == "WRITE" and words[5] == place and int(words[4]) > 0:
                return int(words[4])
    return None


def _namespace() -> str:
    """Which process ids mean the same: those of one namespace of one boot."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _busy(state: Path) -> str:
    found = holder(state)
    process = f" (process {found.pid})" if found is not None and found.pid else ""
    why = f"a controller{process} is at work here, and applies the files by itself"
    how = "stop it first (`systemctl stop evenkeel`, where it is a service)"
    return f"{why}: `evenkeel status` tells how far it is; to do it by hand, {how}"


def _open_folder(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _open_lock(path: Path) -> int:
    """Open the lock file to write, or to read only on a file system that is mounted so."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except PermissionError:
        raise
    except OSError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _leads_to(path: Path, handle: int) -> bool:
    held = os.fstat(handle)
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # it cannot be told
    return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)


def _close(handles: Mapping[Path, int], but: Collection[Path] = ()) -> None:
    for path, handle in handles.items():
        if path not in but:
            os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock could be had. A process that asks for the holder has a lock, too, for a moment that is long on a
    busy machine. But its lock is shared, and a lock that can be shared has no holder yet."""
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


def _warn(message: str, fields: dict[str, str]) -> None:
    import logging  # a status has nothing to log

    logging.getLogger(__name__).warning(message, extra={"fields": fields})
