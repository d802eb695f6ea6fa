"""The identity of the files at the journal's path, to notice that they are not the open ones any more.

An open file goes on working after it was removed or replaced, and everything that is written then is gone with the
process. `compare` notices that by device, inode and size. `stamp` notices that any process has written.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.journal.file import Trouble, trouble
from evenkeel.controller.journal.size import is_cut_short

Stamp = tuple[tuple[int, int, int] | None, ...]
"""Inode, size and time of the last write of the database, and of its log."""


class Footprint(NamedTuple):
    """Device and inode of the database and of its log, and the size of the database."""

    file: tuple[int, int]
    log: tuple[int, int] | None
    size: int


def footprint(path: Path) -> Footprint:
    """The files at a path; OSError when there is none."""
    found, log = path.stat(), None
    with suppress(FileNotFoundError):
        beside = path.with_name(f"{path.name}-wal").stat()
        log = beside.st_dev, beside.st_ino
    return Footprint((found.st_dev, found.st_ino), log, found.st_size)


class Displacement(NamedTuple):
    """Why the files at the path are not the open ones. `is_replaced`: another file lies where the journal was.
    `is_torn`: the file lacks its last writes."""

    trouble: Trouble
    is_replaced: bool = False
    is_torn: bool = False


def compare(path: Path, before: Footprint, connection: sqlite3.Connection) -> Footprint | Displacement:
    """The files at a path now, if they are still those of `before`, which `connection` has open."""
    try:
        found = footprint(path)
    except (FileNotFoundError, NotADirectoryError):
        return Displacement(Trouble("Gone", f"{path} is gone"))
    except OSError as error:
        return Displacement(trouble(path, error))
    if found.file != before.file:
        return Displacement(Trouble("Gone", f"{path} is another file than before"), is_replaced=True)
    if before.log is not None and found.log != before.log:
        return Displacement(Trouble("Gone", f"{path}-wal is gone, with what was written last"), is_torn=True)
    if found.size < before.size and is_cut_short(connection, found.size):
        return Displacement(trouble(path, ValueError("the file was cut short")))
    return found


def stamp(path: Path) -> Stamp:
    """When the files at a path were written last."""
    found: list[tuple[int, int, int] | None] = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            it = file.stat()
            found.append((it.st_ino, it.st_size, it.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)
