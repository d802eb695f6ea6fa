"""The soundness of a database file: SQLite looks through it, as an open connection or as other processes read it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Codes with which SQLite says that a file is damaged."""
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
_LARGEST_CHECK = 8 * 1024**2
"""The largest file, in bytes, that is read through while a controller is at work; that takes a tenth of a second."""


def fault(connection: sqlite3.Connection) -> Exception | None:
    """The first fault that SQLite finds when it looks through a whole database; `None` when it finds none."""
    try:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        return error
    return None if found == "ok" else ValueError(found.splitlines()[-1])


def fault_on_disk(path: Path) -> Exception | None:
    """The fault of a file as other processes read it, past the cache of an open connection: of all of it where it is small,
    else of its schema and the beginning of each table. `None` also when it cannot be looked through now."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=0)) as there:
            if path.stat().st_size <= _LARGEST_CHECK:
                found = fault(there)
            else:
                found = None
                for (name,) in there.execute(TABLES).fetchall():
                    there.execute(f"SELECT * FROM {name} LIMIT 1").fetchall()
    except (sqlite3.Error, OSError, UnicodeDecodeError, TypeError) as error:
        found = error
    is_damage = getattr(found, "sqlite_errorcode", 0) & 0xFF in DAMAGED or isinstance(found, ValueError | TypeError)
    return found if is_damage else None
