"""A file that grows while it is fetched, and is whole or not there under its own name.

Beside `NAME` the part is `NAME.part`, and `NAME.part.json` names the whole. Bytes that are not on the disk yet when the
power fails may be zeros afterwards: a later attempt goes on behind what was synced and recorded, and nowhere else.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.process.atomic import write_atomically
from evenkeel.specs.codec import decode, encode

SYNC_BYTES = 16 * 1024**2
"""After so many bytes what is there is synced and recorded."""
_PIECE = 1024**2


class Origin(NamedTuple):
    """The content that a part belongs to. `validator`: the server's name for it (ETag, else its date); `total`: its length, 0
    when it is not known."""

    validator: str = ""
    total: int = 0


class _Record(NamedTuple):
    validator: str
    total: int
    synced: int


class Partial:
    """All methods block, and belong to one thread. They raise OSError."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.part, self._record = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
        self.origin, self.size = Origin(), 0
        self._file: int | None = None
        self._synced = 0
        self._hash = hashlib.sha256()

    def open(self) -> None:
        """Take up what is there: `size` bytes of `origin`."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._hash = hashlib.sha256()
        record = self._recorded()
        length = os.fstat(self._file).st_size
        if record is None or not 0 < record.synced <= length:
            self.restart(Origin())
            return
        os.ftruncate(self._file, record.synced)
        while piece := os.read(self._file, _PIECE):
            self._hash.update(piece)
        self.origin, self.size, self._synced = Origin(record.validator, record.total), record.synced, record.synced

    def restart(self, origin: Origin) -> None:
        """Forget what is there."""
        assert self._file is not None
        self._record.unlink(missing_ok=True)
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self.origin, self.size, self._synced, self._hash = origin, 0, 0, hashlib.sha256()

    def write(self, piece: bytes) -> None:
        assert self._file is not None
        view = memoryview(piece)
        while view:
            view = view[os.write(self._file, view) :]
        self._hash.update(piece)
        self.size += len(piece)
        if self.size - self._synced >= SYNC_BYTES:
            self.sync()

    def sync(self) -> None:
        """From here on an interrupted download goes on."""
        assert self._file is not None
        if self.size > self._synced:
            os.fsync(self._file)
            self._synced = self.size
            write_atomically(self._record, encode(_Record(*self.origin, self._synced)), 0o600)

    @property
    def sha256(self) -> str:
        """Of what is there, in hex digits."""
        return self._hash.hexdigest()

    def finish(self) -> None:
        """It is whole: give it its name."""
        assert self._file is not None
        os.fsync(self._file)
        self.close()
        self.part.replace(self.target)
        self._record.unlink(missing_ok=True)
        folder = os.open(self.target.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def free(self) -> int:
        """Bytes that may be added on this disk."""
        found = os.statvfs(self.target.parent)
        return found.f_bavail * found.f_frsize

    def _recorded(self) -> _Record | None:
        with suppress(OSError, ValueError):
            return decode(self._record.read_bytes(), _Record) if self._record.exists() else None
        return None
