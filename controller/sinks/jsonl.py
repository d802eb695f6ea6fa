"""Feedback as JSON Lines: one entry a line, appended and on the disk before it counts as taken.

Each number stands in the file once, even if the process was killed between writing an entry and confirming it: new
lines are compared with the end of the file. A line that was cut off in the middle is removed first. The file may be
rotated by others (renamed, or removed); the next entry begins a new one. Without that, it is renamed to `FILE.1` when
it has MOST_BYTES, in the place of the one before: together they never take more than twice that.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from evenkeel.specs.feedback import Feedback
from evenkeel.templates.entry_json import entry_json

MOST_BYTES = 32 * 1024**2
_CHUNK = 1 << 20


class JsonLines:
    """A sink that appends to a file; `-` is standard output, which cannot be read back."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.name = f"jsonl:{file}"
        self._older = Path(f"{file}.1")
        self._handle = -1
        self._last = b""
        """The line that was written last. A caller that was cancelled during a slow write sends the same lines
        again."""
        self._writing = threading.Lock()

    async def take(self, entries: Sequence[Feedback]) -> None:
        """In a thread: a slow disk must not keep the controller from anything."""
        lines = [entry_json(entry) + b"\n" for entry in entries]
        if self._file == "-":
            sys.stdout.write(b"".join(lines).decode())
            sys.stdout.flush()
            return
        await asyncio.to_thread(self._append, lines)

    def _append(self, lines: Sequence[bytes]) -> None:
        with self._writing:
            try:
                if self._is_rotated():
                    self._close()
                if self._handle < 0:
                    self._last = self._open()
                news = _after(self._last, lines)
                if news and os.fstat(self._handle).st_size >= MOST_BYTES:
                    self._rotate()
                _write(self._handle, b"".join(news))
                os.fsync(self._handle)
            except OSError:
                self._close()  # a half-written line is removed when the file is opened again
                raise
            self._last = lines[-1] if lines else self._last

    def _rotate(self) -> None:
        self._close()
        Path(self._file).replace(self._older)
        self._open()

    def _is_rotated(self) -> bool:
        if self._handle < 0:
            return False
        try:
            named, opened = Path(self._file).stat(), os.fstat(self._handle)
        except FileNotFoundError:
            return True
        return (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino)

    def _open(self) -> bytes:
        """Open and mend the file; its last line."""
        path = Path(self._file)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        size = os.fstat(self._handle).st_size
        if not size:
            folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            return _last_of(self._older)
        end = _after_break(self._handle, size)
        if end < size:
            os.ftruncate(self._handle, end)
        return _last_line(self._handle, end)

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _after(last: bytes, lines: Sequence[bytes]) -> Sequence[bytes]:
    """The lines after `last`; all of them when it is none of these. The number alone proves nothing: numbers begin anew
    when the journal is lost."""
    return lines[lines.index(last) + 1 :] if last in lines else lines


def _after_break(handle: int, end: int) -> int:
    """Where the newest whole line before `end` ends, however far back that is; 0 when there is none."""
    while end > 0:
        start = max(0, end - _CHUNK)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _last_line(handle: int, end: int) -> bytes:
    """The line that ends at `end`, with its break."""
    start = _after_break(handle, end - 1)
    return os.pread(handle, end - start, start)


def _last_of(older: Path) -> bytes:
    """The last whole line of a file, which may not exist: an entry whose number is not confirmed may stand in it."""
    try:
        with older.open("rb") as file:
            return _last_line(file.fileno(), _after_break(file.fileno(), os.fstat(file.fileno()).st_size))
    except OSError:
        return b""


def _write(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
