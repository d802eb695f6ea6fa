"""The journal's file: opening it to read or to write, rescuing what is in it when that fails, and saying why it fails.

One SQLite database, WAL and `synchronous=FULL`. It holds whatever specs hold, variables with secrets too: only its owner may
read it. Readers never create or change a file. A file that cannot be opened where it is, because its disk is full or cannot
be written, is copied to memory with what its log holds; the file itself stays as it is.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sqlite3
import stat
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from evenkeel.controller.journal.migrations import BEFORE_MEMORY, OLDEST, VERSION, is_current, migrate, version_of
from evenkeel.controller.journal.size import bound_log, convert, lay_out
from evenkeel.controller.process.atomic import denied
from evenkeel.specs.errors import JournalError

FILE = "journal.sqlite"
PATIENCE_S = 10.0
"""For how long a command waits for another process that reads or writes."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LARGEST_CHECK = 8 * 1024**2
"""Of a file, that is looked through whole while a controller is at work; it takes a tenth of a second."""
_ROOM = 256 * 1024
"""SQLite needs room for its index and its log; with less, whatever fails fails for that."""
_OTHER_DISKS = ("/dev/shm", "/run", "/tmp")

Reason = Literal["Full", "ReadOnly", "Denied", "Damaged", "Gone", "Locked", "Failing"]


class Trouble(NamedTuple):
    """Why the file cannot be used: a word for programs, and a sentence for people."""

    reason: Reason
    why: str

    @property
    def mark(self) -> str:
        """Both, for `status`."""
        return f"{self.reason}: {self.why}"


class Rescued(NamedTuple):
    """What could be read of a journal, in memory, and the names of the tables that could not."""

    connection: sqlite3.Connection
    lost: frozenset[str] = frozenset()


def open_file(path: Path, patience_s: float) -> sqlite3.Connection:
    """The file to read and write, with the present tables; it is made when it is not there. Raises OSError and sqlite3.Error
    for what the disk does, JournalError for a version that cannot be read."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    _make_private(path)
    if not os.access(path, os.W_OK, effective_ids=True):  # SQLite would open it to read only, without a word
        code = errno.EROFS if _disk(path) == "ReadOnly" else errno.EACCES
        raise OSError(code, os.strerror(code), str(path))
    connection = sqlite3.connect(path, isolation_level=None, timeout=patience_s)
    try:
        lay_out(connection)
        _keep_a_log(connection, patience_s)
        bound_log(connection)
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
    copy = memory()  # of an earlier evenkeel, or somebody is just making it
    with closing(connection):
        connection.backup(copy)
    migrate(copy)
    return copy


def copied(path: Path) -> Rescued:
    """The content of a file and its log, in memory, by way of a folder on another disk that is gone afterwards. Where damage
    keeps a file of an earlier version from being migrated, what can be read of it. Raises as `open_file`. Nobody else may have
    the file open in this process: closing it would end SQLite's locks."""
    error: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    for disk in _OTHER_DISKS:
        try:
            folder = tempfile.mkdtemp(prefix="evenkeel-", dir=disk)
        except OSError as why:
            error = why
            continue
        try:
            shutil.copyfile(path, Path(folder) / FILE)
            with suppress(FileNotFoundError):
                shutil.copyfile(path.with_name(f"{FILE}-wal"), Path(folder) / f"{FILE}-wal")
            with closing(sqlite3.connect(Path(folder) / FILE, isolation_level=None)) as there:
                check_version(there, path)
                return _migrated(there)
        except OSError as why:
            error = why
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    raise error


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


def rescued(connection: sqlite3.Connection) -> Rescued:
    """A copy in memory of what an open file still gives."""
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


def fault(connection: sqlite3.Connection) -> Exception | None:
    """What SQLite finds wrong in a database, when it looks through all of it."""
    try:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except (sqlite3.DatabaseError, ValueError, TypeError) as error:
        return error
    return None if found == "ok" else ValueError(found.splitlines()[-1])


def fault_on_disk(path: Path) -> Exception | None:
    """What is wrong with the file as others read it, whatever an open connection has cached of it: all of it where it is
    small, else its schema and the beginning of each table. `None` also when that cannot be told now."""
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
    is_damage = getattr(found, "sqlite_errorcode", 0) & 0xFF in _DAMAGED or isinstance(found, ValueError | TypeError)
    return found if is_damage else None


TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"


def _copy_table(source: sqlite3.Connection, copy: sqlite3.Connection, name: str) -> bool:
    """Copy the rows of a table, as far as they can be read; whether all could."""
    try:
        for row in source.execute(f"SELECT * FROM {name}"):
            marks = ", ".join("?" * len(row))
            copy.execute(f"INSERT OR IGNORE INTO {name} VALUES ({marks})", row)
    except (sqlite3.Error, UnicodeDecodeError, TypeError):
        return False
    return True


def memory() -> sqlite3.Connection:
    """An empty database in memory, without tables."""
    return sqlite3.connect(":memory:", isolation_level=None)


def check_version(connection: sqlite3.Connection, path: Path) -> None:
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


def trouble(path: Path, error: Exception, access: int | None = None) -> Trouble:
    """What is the matter, and what to do about it where that does not follow. `access` was needed: SQLite does not tell a
    file that one may not open from one that it cannot, nor a full disk from a broken one."""
    code, why = getattr(error, "sqlite_errorcode", 0) & 0xFF, str(error)
    if isinstance(error, OSError) and error.strerror:
        why = error.strerror
    disk = _disk(path)
    if disk == "ReadOnly" and access != os.R_OK:
        return Trouble("ReadOnly", f"{why}; the file system of {path.parent} is mounted read-only")
    if _is_denied(path, error, access):
        return Trouble("Denied", denied(path.parent))
    if isinstance(error, ValueError | TypeError) or code in _DAMAGED:
        return Trouble("Damaged", f"{why}; {_way_out(path)}")
    if code == sqlite3.SQLITE_FULL or disk == "Full" or getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
        return Trouble("Full", f"{why}; the disk of {path.parent} is full")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Trouble("Locked", f"{why}; another process does not let go of it")
    return Trouble("Failing", why)


def journal_error(path: Path, what: str, error: Exception, access: int | None = None) -> JournalError:
    """What could not be done, and why."""
    return JournalError(f"journal:{path}", f"{what}: {trouble(path, error, access).why}")


def is_passing(error: sqlite3.Error) -> bool:
    """Whether an error comes from the disk or from another process, and not from the statement."""
    return error.sqlite_errorcode & 0xFF in (
        *_DAMAGED,
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
        "the file is damaged. Without it all containers are found again; gone are what failed before, proofs, events"
        " that nobody read, adoptions, and what came over MQTT. To go on without it: "
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
    """What is wrong with the disk itself, as far as it says so."""
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
    """Turn a new file to WAL. SQLite itself does not wait here for another that is just doing the same."""
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
    """Make the file if there is none, and take from others what an earlier version let them read. SQLite gives its own
    files beside it the same rights. Nothing is opened that is there: closing it would end SQLite's locks."""
    if not path.exists():
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    for file in (path, path.with_name(f"{FILE}-wal"), path.with_name(f"{FILE}-shm")):
        with suppress(OSError):  # it is somebody else's, or cannot be changed, which opening it tells
            found = file.stat()
            if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                file.chmod(stat.S_IMODE(found.st_mode) & 0o700)
