"""Feedback as JSON Lines: one entry a line, appended and on the disk before it counts as taken.

Each number stands in the file once, even if the process was killed between writing an entry and confirming it: what the
file ends with is compared with what is to be written. A line that was cut off in the middle is removed first. The file may
be rotated by anybody (renamed, or removed); the next entry begins a new one.
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

_LONGEST_LINE = 1 << 20


class JsonLines:
    """A sink that appends to a file; `-` is standard output, which nobody can look back into."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.name = f"jsonl:{file}"
        self._handle = -1
        self._last = b""
        """The line that was written last: who is cut off while the disk takes its time asks for the same again."""
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
                _write(self._handle, b"".join(news))
                os.fsync(self._handle)
            except OSError:
                self._close()  # what was half written is mended when it is opened again
                raise
            self._last = lines[-1] if lines else self._last

    def _is_rotated(self) -> bool:
        if self._handle < 0:
            return False
        try:
            named, opened = Path(self._file).stat(), os.fstat(self._handle)
        except FileNotFoundError:
            return True
        return (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino)

    def _open(self) -> bytes:
        """Open and mend the file; the line it ends with."""
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
            return b""
        start = max(0, size - _LONGEST_LINE)
        tail = os.pread(self._handle, size - start, start)
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            os.ftruncate(self._handle, start + len(whole))
        return whole[whole[:-1].rfind(b"\n") + 1 :]

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _after(last: bytes, lines: Sequence[bytes]) -> Sequence[bytes]:
    """The lines after `last`; all of them when it is none of these. A number alone proves nothing: numbers begin anew when the
    journal is lost."""
    return lines[lines.index(last) + 1 :] if last in lines else lines


def _write(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
