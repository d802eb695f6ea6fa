"""Standard output and error on which writing never fails.

A command may be in the middle of a switch when the reader of its output goes away, its terminal is lost, or the disk
that takes its output is full. Lost output must not keep it from finishing its work. Each write tries anew: the log of a
controller goes on when there is room again. The command can ask whether something was lost, and decides on the
consequence. Characters that the encoding of a locale lacks are replaced.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_ENOUGH = (errno.EPIPE, errno.EIO)
"""The reader is gone: the end of a pipe, and of a terminal."""

_REPLACED = "evenkeel.replaced"
_SIMILAR = {
    "→": "->",
    "↩": "<-",
    "…": "...",
    "─": "-",
    "–": "-",
    "×": "x",
    "✓": "+",
    "✗": "x",
    "♥": "*",
    "├": "|",
    "│": "|",
    "└": "`",
}
"""Replacements for characters of evenkeel that an encoding lacks. A locale that is not UTF-8 is no error."""


class _Patient(io.RawIOBase):
    """A file descriptor that accepts every write, also when it fails; `lost` is the first reason."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.lost: OSError | None = None

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def write(self, content: ReadableBuffer, /) -> int:
        while True:
            try:
                return os.write(self._number, content)
            except BlockingIOError:  # another process made it non-blocking
                import select

                select.select((), (self._number,), ())
            except OSError as error:
                self.lost = self.lost or error
                return memoryview(content).nbytes


def secure() -> None:
    """Let writes of this process fail silently. A closed stream is replaced by the null device, or the next file that
    is opened would take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it stays open
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream: Any = getattr(sys, name)
        if stream is None or (stream is getattr(sys, f"__{name}__") and _of(stream) is None):
            setattr(sys, name, _patient(number, stream))


def _patient(number: int, like: TextIO | None) -> TextIO:
    codecs.register_error(_REPLACED, _replaced)
    file = io.BufferedWriter(_Patient(number))
    if not isinstance(like, io.TextIOWrapper):
        return io.TextIOWrapper(file, errors=_REPLACED)
    like.flush()
    return io.TextIOWrapper(
        file, like.encoding, _REPLACED, line_buffering=like.line_buffering, write_through=like.write_through
    )


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """A similar character, or a question mark, for one that the terminal's encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_SIMILAR.get(char, "?") for char in lacking), error.end


def _of(stream: TextIO) -> _Patient | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Patient) else None


def is_heard() -> bool:
    """Whether all of standard output was taken so far."""
    patient = _of(sys.stdout)
    return patient is None or patient.lost is None


def broken() -> OSError | None:
    """The reason why not all of standard output arrived; `None` when it did, or when the reader had enough and went
    away."""
    patient = _of(sys.stdout)
    if patient is None or patient.lost is None or patient.lost.errno in _ENOUGH:
        return None
    return OSError(patient.lost.errno, patient.lost.strerror, "standard output")
