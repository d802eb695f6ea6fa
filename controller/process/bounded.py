"""Reading a file of others within a bound: a device file or a log that was named by mistake may be endless, and a pipe may
never have anything to read."""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path

MOST_BYTES = 8 * 1024**2
"""The bound of a file that people write, which is the bound for YAML."""
_PATIENCE_S = 2.0
"""For a pipe that somebody writes to, as a shell's `<(…)`."""
_SILENT = "it is a pipe, and nobody writes to it"
_NO_FILE = "it is no regular file"


def read_bounded(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a file of at most `most` bytes, which a person has named. Raises OSError, EFBIG for a longer one,
    ENODATA and ETIMEDOUT for a pipe to which nobody writes."""
    with open(path, "rb", buffering=0, opener=_at_once) as file:
        content = _content(file.fileno(), most, path)
        if not content and stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.ENODATA, _SILENT, str(path))  # else settings that are not there would be empty ones
    return content


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most `most` bytes, wherever others may put something. Never waits, so that the event
    loop may call it. Raises OSError, EFBIG for a longer one, EISDIR for a folder and EINVAL for anything else."""
    with open(path, "rb", buffering=0, opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, _NO_FILE, str(path))
        return _content(file.fileno(), most, path)


def _content(handle: int, most: int, path: Path) -> bytes:
    content = bytearray()
    while piece := _piece(handle, min(1 << 20, most + 1 - len(content)), path):
        content += piece
        if len(content) > most:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return bytes(content)


def _at_once(path: str, flags: int) -> int:
    """Opening waits neither for a writer, nor becomes this process's terminal."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _piece(handle: int, size: int, path: Path) -> bytes:
    while True:
        try:
            return os.read(handle, size)
        except BlockingIOError:
            if not select.select((handle,), (), (), _PATIENCE_S)[0]:
                raise TimeoutError(errno.ETIMEDOUT, _SILENT, str(path)) from None
