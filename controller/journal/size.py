"""The size of the journal's files: small pages, a short log, and free room that is given back.

A transaction costs whole pages, so small ones spare the flash. Unless it is told otherwise, SQLite keeps the room for
ever that a burst of messages once needed, in the file and in its log. The room of deleted rows is given back after the
transaction that deleted them. Only SQLite moves pages in use for that, within a transaction. Failures here come from a
full disk or from another process; they change nothing, and it is tried again after a later write.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

_PAGE = 1024
_LOG = 384 * 1024
"""The size of the log after which it is written into the file and begun again."""
_CACHE_KIB = 256
"""The most memory for pages. A check of the whole file would otherwise leave 2 MB of them in a process that rests."""
_SPARE = 128 * 1024
"""Free room that stays in the file, so that everyday writes do not move its end to and fro."""
_AT_ONCE = 8 * 1024**2
"""The most bytes that are given back after one transaction, so that nothing waits long for it."""
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


def bound_cache(connection: sqlite3.Connection) -> None:
    """Keep few pages in memory."""
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


def convert(connection: sqlite3.Connection, path: Path) -> None:
    """Let a file of an earlier version give back room. It is written anew for that, in one transaction, but only while
    its content is small and the disk has room for it several times."""
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
    """Shorten the file by its free room, beyond a spare. Not within a transaction."""
    with suppress(sqlite3.Error):
        page = _value(connection, "page_size")
        free = _value(connection, "freelist_count") * page
        if free > 2 * _SPARE:
            pages = min(free - _SPARE, _AT_ONCE) // page
            connection.executescript(f"PRAGMA incremental_vacuum({pages})")  # `execute` ends it after the first page
            _shorten(connection)


def _shorten(connection: sqlite3.Connection) -> None:
    """Write the log into the file, which gets its length by that. It does not wait: while another process reads, a
    later write does it."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def is_cut_short(connection: sqlite3.Connection, size: int) -> bool:
    """Whether a file that is shorter than before lacks something. It does not if the room was given back."""
    try:
        return size < max(1, _value(connection, "page_count")) * _value(connection, "page_size")
    except sqlite3.Error:
        return True


def _value(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
