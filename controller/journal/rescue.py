"""Copies of a journal in memory, with everything that can still be read of it.

A copy has the present tables. Where damage keeps a whole copy from being made, rows are copied one by one, and the tables that
are not complete are named. The file itself stays as it is.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.journal.integrity import TABLES, fault
from evenkeel.controller.journal.migrations import BEFORE_MEMORY, check_version, is_current, migrate, version_of

_OTHER_DISKS = ("/dev/shm", "/run", "/tmp")


class Rescued(NamedTuple):
    """A copy in memory, and the names of the tables of which not everything could be read."""

    connection: sqlite3.Connection
    lost: frozenset[str] = frozenset()


def rescued(connection: sqlite3.Connection) -> Rescued:
    """A copy by an open connection."""
    copy = memory()
    try:
        connection.backup(copy)
        if is_current(copy) and fault(copy) is None:
            copy.execute("PRAGMA foreign_keys = ON")
            return Rescued(copy)
    except (sqlite3.Error, ValueError):
        pass
    copy.close()
    copy = memory()
    migrate(copy)
    lost = {name for (name,) in copy.execute(TABLES) if not _copy_table(connection, copy, name)}
    copy.execute("PRAGMA foreign_keys = ON")
    return Rescued(copy, frozenset(lost))


def copied(path: Path) -> Rescued:
    """A copy of a file and its log that cannot be opened where they are, by way of a folder on another disk that is removed
    afterwards. Raises OSError and sqlite3.Error, JournalError for a version that cannot be read. The file must not be open in
    this process: closing it would end SQLite's locks."""
    error: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    for disk in _OTHER_DISKS:
        try:
            folder = tempfile.mkdtemp(prefix="evenkeel-", dir=disk)
        except OSError as why:
            error = why
            continue
        try:
            shutil.copyfile(path, Path(folder) / path.name)
            with suppress(FileNotFoundError):
                shutil.copyfile(path.with_name(f"{path.name}-wal"), Path(folder) / f"{path.name}-wal")
            with closing(sqlite3.connect(Path(folder) / path.name, isolation_level=None)) as there:
                check_version(there, path)
                return _migrated(there)
        except OSError as why:
            error = why
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    raise error


def salvage(path: Path) -> tuple[Rescued, bool]:
    """A copy of a file that cannot be opened, empty where nothing can be read, and whether it has all that the file held."""
    try:
        copy, lost = copied(path)
    except FileNotFoundError:
        return empty(), not path.exists()
    except (sqlite3.Error, OSError, ValueError, TypeError):
        return empty(), False
    found, missing = rescued(copy)
    missing |= lost
    return Rescued(found, missing), fault(copy) is None and not missing


def empty() -> Rescued:
    """Tables without rows, of which everything is missing."""
    copy = memory()
    migrate(copy)
    return Rescued(
        copy, frozenset(row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
    )


def memory() -> sqlite3.Connection:
    """An empty database in memory, without tables."""
    return sqlite3.connect(":memory:", isolation_level=None)


def _migrated(source: sqlite3.Connection) -> Rescued:
    copy = memory()
    with suppress(sqlite3.Error, ValueError, TypeError):
        source.backup(copy)
        migrate(copy)
        return Rescued(copy)
    copy.close()
    copy = memory()
    own = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type = 'index'"
    for (statement,) in source.execute(own).fetchall():
        copy.execute(statement)
    lost = {name for (name,) in source.execute(TABLES).fetchall() if not _copy_table(source, copy, name)}
    copy.execute(f"PRAGMA user_version = {version_of(source)}")
    migrate(copy)
    return Rescued(copy, frozenset("memory" if name in BEFORE_MEMORY else name for name in lost))


def _copy_table(source: sqlite3.Connection, copy: sqlite3.Connection, name: str) -> bool:
    """Copy the rows of a table, as far as they can be read; whether all could."""
    try:
        for row in source.execute(f"SELECT * FROM {name}"):
            marks = ", ".join("?" * len(row))
            copy.execute(f"INSERT OR IGNORE INTO {name} VALUES ({marks})", row)
    except (sqlite3.Error, UnicodeDecodeError, TypeError):
        return False
    return True
