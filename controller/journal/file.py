"""The journal's file: opening it to read or to write, and saying why that fails.

One SQLite database, WAL and `synchronous=FULL`. It holds whatever specs hold, variables with secrets too: only its owner may
read it. Readers never create or change a file: one that cannot be opened where it is, because its disk is full or cannot be
written, is copied to memory (`rescue`).
"""

from __future__ import annotations

import errno
import os
import shlex
import sqlite3
import stat
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from evenkeel.controller.journal.integrity import DAMAGED
from evenkeel.controller.journal.migrations import check_version, is_current, migrate
from evenkeel.controller.journal.rescue import copied, memory
from evenkeel.controller.journal.size import bound_cache, bound_log, convert, lay_out
from evenkeel.controller.process.atomic import denied
from evenkeel.specs.errors import JournalError

FILE = "journal.sqlite"
PATIENCE_S = 10.0
"""For how long a command waits for another process that reads or writes."""
_ROOM = 256 * 1024
"""SQLite needs room for its index and its log. With less free space any failure is taken for a full disk."""

Reason = Literal["Full", "ReadOnly", "Denied", "Damaged", "Gone", "Locked", "Failing"]


class Trouble(NamedTuple):
    """Why the file cannot be used: a word for programs, and a sentence for people."""

    reason: Reason
    why: str

    @property
    def mark(self) -> str:
        """Both, for `status`."""
        return f"{self.reason}: {self.why}"


def open_file(path: Path, patience_s: float) -> sqlite3.Connection:
    """The file, opened to read and write, with the present tables. A file that is not there is made. Raises OSError and
    sqlite3.Error for faults of the disk, JournalError for a version that cannot be read."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    _make_private(path)
    if not os.access(path, os.W_OK, effective_ids=True):  # SQLite would open it to read only, without an error
        code = errno.EROFS if _disk(path) == "ReadOnly" else errno.EACCES
        raise OSError(code, os.strerror(code), str(path))
    connection = sqlite3.connect(path, isolation_level=None, timeout=patience_s)
    try:
        lay_out(connection)
        _keep_a_log(connection, patience_s)
        bound_log(connection)
        bound_cache(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        check_version(connection, path)
        if not is_current(connection):
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                check_version(connection, path)  # another one may have migrated it meanwhile
                migrate(connection)
        convert(connection, path)
        connection.execute("SELECT count(*) FROM role").fetchone()  # needs the index of the log, and room for it
    except BaseException:
        connection.close()
        raise
    return connection


def read_file(path: Path) -> sqlite3.Connection:
    """The file to read only, or a copy of it in memory; raises as `open_file`, and FileNotFoundError when there is none.

    Without a WAL file nobody writes, and SQLite is told that the file will not change, because it would otherwise create its
    index files.
    """
    path.stat()
    quiet = not path.with_name(f"{FILE}-wal").exists()
    address = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=PATIENCE_S)
    try:
        check_version(connection, path)
    except sqlite3.OperationalError:  # such as no room for the index of a log that somebody left
        connection.close()
        copy, lost = copied(path)
        if lost:
            raise sqlite3.DatabaseError(f"of {', '.join(sorted(lost))} not all can be read") from None
        return copy
    except BaseException:
        connection.close()
        raise
    if is_current(connection):
        return connection
    copy = memory()  # of an earlier evenkeel, or another process is just making it
    with closing(connection):
        connection.backup(copy)
    migrate(copy)
    return copy


def trouble(path: Path, error: Exception, access: int | None = None) -> Trouble:
    """The trouble that an error means, and the remedy where it does not follow. `access`: the access that was needed.
    SQLite does not distinguish a file without permission from one that cannot be opened, nor a full disk from a broken
    one."""
    code, why = getattr(error, "sqlite_errorcode", 0) & 0xFF, str(error)
    if isinstance(error, OSError) and error.strerror:
        why = error.strerror
    disk = _disk(path)
    if disk == "ReadOnly" and access != os.R_OK:
        return Trouble("ReadOnly", f"{why}; the file system of {path.parent} is mounted read-only")
    if _is_denied(path, error, access):
        return Trouble("Denied", denied(path.parent))
    if isinstance(error, ValueError | TypeError) or code in DAMAGED:
        return Trouble("Damaged", f"{why}; {_way_out(path)}")
    if code == sqlite3.SQLITE_FULL or disk == "Full" or getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
        return Trouble("Full", f"{why}; the disk of {path.parent} is full")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Trouble("Locked", f"{why}; another process does not let go of it")
    return Trouble("Failing", why)


def journal_error(path: Path, what: str, error: Exception, access: int | None = None) -> JournalError:
    """The error for `what` could not be done, with the reason."""
    return JournalError(f"journal:{path}", f"{what}: {trouble(path, error, access).why}")


def is_passing(error: sqlite3.Error) -> bool:
    """Whether an error comes from the disk or from another process, and not from the statement."""
    return error.sqlite_errorcode & 0xFF in (
        *DAMAGED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
    )


def _way_out(path: Path) -> str:
    aside = path.parent / "damaged"
    files = f"{shlex.quote(str(path))}*"
    return (
        "the file is damaged. Without it all containers are found again; earlier failures, proofs, unread"
        " events, adoptions and the state from MQTT are lost. To go on without it: "
        f"mkdir -p {shlex.quote(str(aside))} && mv {files} {shlex.quote(str(aside))}/"
    )


def _is_denied(path: Path, error: Exception, access: int | None) -> bool:
    if isinstance(error, PermissionError):
        return True
    try:
        return any(
            access is not None and place.exists() and not os.access(place, access, effective_ids=True)
            for place in (path.parent, path)
        )
    except PermissionError:
        return True
    except OSError:
        return False


def _disk(path: Path) -> Reason | None:
    """The fault of the disk itself, as far as the system tells it."""
    place = path.parent
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        found = os.statvfs(place)
    except OSError:
        return None
    if found.f_flag & os.ST_RDONLY:
        return "ReadOnly"
    return "Full" if found.f_bavail * found.f_frsize < _ROOM else None


def _keep_a_log(connection: sqlite3.Connection, patience_s: float) -> None:
    """Turn a new file to WAL. SQLite itself does not wait here for another process that is just doing the same."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _make_private(path: Path) -> None:
    """Make the file if there is none, and take the rights of others away that an earlier version gave them. SQLite
    gives its own files beside it the same rights. A file that is there is not opened, because closing it would end
    SQLite's locks."""
    if not path.exists():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    for file in (path, path.with_name(f"{FILE}-wal"), path.with_name(f"{FILE}-shm")):
        with suppress(OSError):  # the file is another user's or cannot be changed; opening it will show that
            found = file.stat()
            if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                file.chmod(stat.S_IMODE(found.st_mode) & 0o700)
