"""The journal's file: one SQLite database, WAL and `synchronous=FULL`.

What a write returned from is on the disk. Readers never create or change a file; a second writer waits for the first. It
holds whatever specs hold, variables with secrets too: only its owner may read it.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from evenkeel.controller.clock import Now, system_now
from evenkeel.controller.files import denied
from evenkeel.controller.migrations import OLDEST, VERSION, migrate, version_of
from evenkeel.specs.codec import decode
from evenkeel.specs.errors import JournalError

Kept = TypeVar("Kept")

FILE = "journal.sqlite"
_PATIENCE_S = 10.0
"""For how long one waits for another that reads or writes."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
    """The open file. Reads return rows; writes are transactions. Every failure is a JournalError."""

    def __init__(self, connection: sqlite3.Connection, path: Path, now: Now) -> None:
        self._connection, self._path, self.now = connection, path, now
        self._once_kept: list[Callable[[], object]] = []

    def one(self, query: str, *values: object) -> Any:
        """The first row, `None` when there is none."""
        return next(iter(self.all(query, *values)), None)

    def all(self, query: str, *values: object) -> list[Any]:
        """All rows."""
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _error(self._path, "cannot be read", error) from error

    def value(self, content: bytes, kind: type[Kept]) -> Kept:
        """What was stored as `content`."""
        try:
            return decode(content, kind)
        except ValueError as error:
            raise _error(self._path, "cannot be read", error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, on the disk, or nothing. Within another one it is a part of that."""
        if self._connection.in_transaction:
            yield self._connection
            return
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
        except BaseException as error:
            self._once_kept.clear()
            if isinstance(error, sqlite3.Error):
                raise _error(self._path, "cannot be written", error) from error
            raise
        acts, self._once_kept = self._once_kept, []
        for act in acts:
            act()

    def once_kept(self, act: Callable[[], object]) -> None:
        """Call `act` as soon as everything written so far is on the disk; never, if that fails."""
        if self._connection.in_transaction:
            self._once_kept.append(act)
        else:
            act()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def open_database(state: Path, now: Now = system_now) -> Database:
    """The file of a state directory, to read and write; directory and file are made when they are not there."""
    path = state / FILE
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        _make_private(path)
        connection = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_S)
    except (sqlite3.Error, OSError) as error:
        raise _error(path, "cannot be opened", error, os.W_OK) from error
    database = Database(connection, path, now)
    try:
        _keep_a_log(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _check_version(connection, path)
        if version_of(connection) != VERSION:
            with database.writing():
                _check_version(connection, path)  # another one may have migrated it meanwhile
                migrate(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _error(path, "cannot be opened", error, os.W_OK) from error
    except JournalError:
        connection.close()
        raise
    return database


def _keep_a_log(connection: sqlite3.Connection) -> None:
    """Turn a new file to WAL. SQLite itself does not wait here for another that is just doing the same."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _make_private(path: Path) -> None:
    """Make the file if there is none, and take from others what an earlier version let them read. SQLite gives its own
    files beside it the same rights. Nothing is opened that is there: closing it would end SQLite's locks."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    for file in (path, path.with_name(f"{FILE}-wal"), path.with_name(f"{FILE}-shm")):
        with suppress(FileNotFoundError, PermissionError):  # it is somebody else's, which opening it tells
            found = file.stat()
            if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                file.chmod(stat.S_IMODE(found.st_mode) & 0o700)


def _error(path: Path, what: str, error: Exception, access: int | None = None) -> JournalError:
    """What could not be done, why, and what to do about it where that does not follow from why. `access` was needed:
    SQLite does not tell a file that one may not open from one that it cannot."""
    why = str(error)
    try:
        refused = isinstance(error, PermissionError) or any(
            access is not None and place.exists() and not os.access(place, access, effective_ids=True)
            for place in (path.parent, path)
        )
    except PermissionError:
        refused = True
    if refused:
        why = denied(path.parent)
    elif isinstance(error, ValueError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
        aside = path.parent / "damaged"
        files = f"{shlex.quote(str(path))}*"
        why += (
            "; the file is damaged. Without it all containers are found again; gone are what failed before, proofs, events"
            " that nobody read, adoptions, and what came over MQTT. To go on without it: "
            f"mkdir -p {shlex.quote(str(aside))} && mv {files} {shlex.quote(str(aside))}/"
        )
    return JournalError(f"journal:{path}", f"{what}: {why}")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what this evenkeel cannot read. 0 is a file without tables."""
    version = version_of(connection)
    if version > VERSION:
        why = (
            f"has version {version}, written by a newer evenkeel; this one knows versions up to {VERSION}."
            " Nothing was changed: start the newer one again"
        )
        raise JournalError(f"journal:{path}", why)
    if 0 < version < OLDEST:
        raise JournalError(f"journal:{path}", f"has version {version}, which no released evenkeel has written")


def read_database(state: Path) -> Database:
    """The file to read only; an empty one when there is none. Creates and changes no file.

    Without a WAL file nobody writes, and SQLite is told that the file will not change, because it would otherwise create
    its index files.
    """
    path = state / FILE
    try:
        path.stat()
        quiet = not path.with_name(f"{FILE}-wal").exists()
    except (FileNotFoundError, NotADirectoryError):
        return Database(_nothing(), path, system_now)
    except OSError as error:
        raise _error(path, "cannot be read", error, os.R_OK) from error
    address = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}"
    try:
        connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=_PATIENCE_S)
    except sqlite3.Error as error:
        raise _error(path, "cannot be opened", error, os.R_OK) from error
    try:
        _check_version(connection, path)
        if version_of(connection) != VERSION:  # of an earlier evenkeel, or somebody is just making it
            connection = _brought_up(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _error(path, "cannot be read", error, os.R_OK) from error
    except JournalError:
        connection.close()
        raise
    return Database(connection, path, system_now)


def _nothing() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    return connection


def _brought_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A copy in memory with the tables of the present version; the file is left as it is."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.backup(copy)
    finally:
        connection.close()
    migrate(copy)
    return copy
