"""How large the journal's files are: small pages, a short log, and room that is given back.

A transaction costs whole pages, so small ones spare the flash. SQLite keeps for ever what a burst of messages once needed, in
the file and in its log, unless it is told otherwise. The room of what was deleted is given back after the transaction that
deleted it; what is in use is moved for that only by SQLite, within a transaction. What fails here fails for a full disk or
another process, changes nothing, and is tried again after a later write.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

_PAGE = 1024
_LOG = 256 * 1024
"""Of the log, after which it is written into the file and begun again."""
_SPARE = 128 * 1024
"""Free room that stays in the file, so that everyday writes do not move its end to and fro."""
_AT_ONCE = 8 * 1024**2
"""Given back after one transaction: nothing waits long for it."""
_LARGEST_REWRITE = 8 * 1024**2
_INCREMENTAL = 2


def lay_out(connection: sqlite3.Connection) -> None:
    """Before a new file gets its first page: how large pages are, and that room can be given back."""
    if not _value(connection, "page_count"):
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")


def bound_log(connection: sqlite3.Connection) -> None:
    """Keep the log short."""
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG // _value(connection, 'page_size')}")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG}")


def convert(connection: sqlite3.Connection, path: Path) -> None:
    """Let a file of an earlier version give back room. It is written anew for that, in one transaction: only while what is in
    use is small and the disk has room for it several times."""
    if _value(connection, "auto_vacuum") == _INCREMENTAL:
        return
    used = (_value(connection, "page_count") - _value(connection, "freelist_count")) * _value(connection, "page_size")
    with suppress(OSError, sqlite3.Error):
        disk = os.statvfs(path.parent)
        if used <= _LARGEST_REWRITE and disk.f_bavail * disk.f_frsize >= 4 * used + 1024**2:
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            connection.execute("VACUUM")
            _shorten(connection)


def give_back(connection: sqlite3.Connection) -> None:
    """Shorten the file by what is free in it, beyond a spare. Not within a transaction."""
    with suppress(sqlite3.Error):
        page = _value(connection, "page_size")
        free = _value(connection, "freelist_count") * page
        if free > 2 * _SPARE:
            pages = min(free - _SPARE, _AT_ONCE) // page
            connection.executescript(f"PRAGMA incremental_vacuum({pages})")  # `execute` ends it after the first page
            _shorten(connection)


def _shorten(connection: sqlite3.Connection) -> None:
    """Write the log into the file, which gets its length by that. It waits for nobody: while another process reads, a later
    write does it."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def is_cut_short(connection: sqlite3.Connection, size: int) -> bool:
    """Whether a file that is shorter than it was lacks something: it may have been given back."""
    try:
        return size < max(1, _value(connection, "page_count")) * _value(connection, "page_size")
    except sqlite3.Error:
        return True


def _value(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
