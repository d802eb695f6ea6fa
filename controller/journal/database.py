"""The journal's tables: rows are read, and written in transactions that are on the disk when they return.

A command needs the file; without it every call is a JournalError. A controller must go on. It opens the file to *keep* it: when
the disk is full, read-only, broken, or the file is gone or damaged, everything goes on in memory with what could be read.
Callers do not notice, because a transaction that could not be stored is done again in memory, statement by statement.
`loss` says why meanwhile, and nothing may be claimed that a loss of power would make untrue. `restore` writes back what
has changed and goes on with the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from evenkeel.controller.journal.file import (
    FILE,
    PATIENCE_S,
    Trouble,
    is_passing,
    journal_error,
    open_file,
    read_file,
    trouble,
)
from evenkeel.controller.journal.footprint import Displacement, Stamp, compare, footprint, stamp
from evenkeel.controller.journal.integrity import fault, fault_on_disk
from evenkeel.controller.journal.merge import Snapshot, append_feedback, fill, is_older, merge
from evenkeel.controller.journal.rescue import empty, rescued, salvage
from evenkeel.controller.journal.size import give_back
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.specs.codec import decode, is_sound
from evenkeel.specs.errors import JournalError

Kept = TypeVar("Kept")
Values = Iterable[Any]

_SHORT_PATIENCE_S = 0.5
"""The time that a controller waits for another process that writes; after that the controller goes on in memory."""


class Loss(NamedTuple):
    """Why everything happens in memory. `base`: the content of the file when it was lost, `None` where that is not known.
    `missing`: tables of which something could not be read. `is_replaced`, `is_torn`: as in `Displacement`."""

    trouble: Trouble
    base: Snapshot | None
    missing: frozenset[str] = frozenset()
    is_replaced: bool = False
    is_torn: bool = False


class Transaction:
    """The statements of one transaction. When the disk refuses one, all are done again in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._done: list[tuple[str, tuple[Any, ...]]] = []

    def execute(self, statement: str, values: Values = ()) -> sqlite3.Cursor:
        """One statement."""
        row = tuple(values)
        try:
            cursor = self._database.connection.execute(statement, row)
        except sqlite3.Error as error:
            self.fall_back(error)
            cursor = self._database.connection.execute(statement, row)
        self._done.append((statement, row))
        return cursor

    def executemany(self, statement: str, rows: Iterable[Values]) -> None:
        """One statement for each of some rows."""
        for row in rows:
            self.execute(statement, row)

    def fall_back(self, error: Exception) -> None:
        """Go on in memory, where everything so far is done again; raises where that is not allowed, or does not
        help."""
        self._database.lose(error)
        connection = self._database.connection
        connection.execute("BEGIN IMMEDIATE")
        for statement, row in self._done:
            connection.execute(statement, row)


class Database:
    """The open file, or a database in memory instead. Every failure of a read or a write is a JournalError."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, now: Now, *, keeps: bool = False, loss: Loss | None = None
    ) -> None:
        """`keeps`: go on in memory when the file is lost. `loss`: the loss of a file that is lost already."""
        self.connection, self._path, self.now, self._keeps = connection, path, now, keeps
        self._loss = loss
        self._footprint = footprint(path) if keeps and loss is None else None
        self._checked: Stamp | None = None
        """The file when it was last looked through."""
        self._transaction: Transaction | None = None
        self._once_kept: list[Callable[[], object]] = []
        self.on_loss: Callable[[], object] = _nothing
        """Called when the file was lost."""
        self.before_writing: Callable[[], object] = _nothing
        """Called before every transaction; an exception of it prevents the transaction."""

    # ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────

    def one(self, query: str, *values: object) -> Any:
        """The first row, `None` when there is none."""
        return next(iter(self.all(query, *values)), None)

    def all(self, query: str, *values: object) -> list[Any]:
        """All rows."""
        try:
            return self.connection.execute(query, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError, TypeError) as error:
            if not self._can_lose(error):
                raise journal_error(self._path, "cannot be read", error) from error
            if self._transaction is not None:
                self._transaction.fall_back(error)
            else:
                self.lose(error)
            return self.all(query, *values)

    def value(self, content: bytes, kind: type[Kept], place: str = "") -> Kept:
        """The value that was stored as `content`; JournalError, which names its `place`, when it cannot be read."""
        try:
            return decode(content, kind)
        except (ValueError, TypeError, RecursionError) as error:
            if isinstance(content, bytes) and is_sound(content):
                why = f"holds a {kind.__name__} of another version of evenkeel: {error}. The file is not damaged"
                raise JournalError(f"journal:{self._path}", why) from error
            what = f"{place} is no {kind.__name__}: {error}" if place else str(error)
            raise journal_error(self._path, "cannot be read", ValueError(what)) from error

    def readable(self, content: bytes, kind: type[Kept]) -> Kept | None:
        """The value that was stored as `content`, `None` when it cannot be read. For rows that the controller goes on
        without."""
        try:
            return self.value(content, kind)
        except JournalError:
            return None

    def why_unreadable(self, content: bytes, kind: type[object]) -> str:
        """Why `content` cannot be read, without advice about the whole file; "" when it can."""
        try:
            self.value(content, kind)
        except JournalError as error:
            return str(error.__cause__)
        return ""

    @property
    def is_writing(self) -> bool:
        """Whether a transaction is open, so that its writes may still be taken back."""
        return self._transaction is not None

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """One transaction: all of it, on the disk, or nothing. Within another one it is a part of that."""
        if self._transaction is not None:
            yield self._transaction
            return
        self.before_writing()
        self.check_place()
        self._transaction = transaction = Transaction(self)
        try:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                transaction.fall_back(error)
            yield transaction
            try:
                self.connection.execute("COMMIT")
            except sqlite3.Error as error:
                transaction.fall_back(error)
                self.connection.execute("COMMIT")
        except BaseException as error:
            self._once_kept.clear()
            with suppress(sqlite3.Error):
                self.connection.rollback()
            if isinstance(error, sqlite3.Error):
                raise journal_error(self._path, "cannot be written", error) from error
            raise
        finally:
            self._transaction = None
        if self._keeps and self._loss is None:
            give_back(self.connection)
        acts, self._once_kept = self._once_kept, []
        for act in acts:
            act()

    def once_kept(self, act: Callable[[], object]) -> None:
        """Call `act` as soon as everything written so far is kept; never, if that fails."""
        if self._transaction is not None:
            self._once_kept.append(act)
        else:
            act()

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    # ── without the file ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def loss(self) -> Loss | None:
        """Why everything happens in memory; `None` while the file is there."""
        return self._loss

    def last_stored(self, table: str) -> int:
        """The last number of a table that is on the disk for certain."""
        if self._loss is None:
            return 1 << 62
        return self._loss.base.numbers.get(table, 0) if self._loss.base is not None else 0

    def damaged(self, why: str) -> JournalError:
        """The error for stored content that is not what was written."""
        return journal_error(self._path, "cannot be read", ValueError(why))

    def supplement(self, *statements: tuple[str, Values]) -> None:
        """Add rows to the copy in memory that the file did not give. It may happen within a transaction."""
        for statement, values in statements:
            self.connection.execute(statement, tuple(values))

    def check_place(self) -> None:
        """Go on in memory when the path no longer leads to the open file: writes would be gone with the process. A file
        that was put in its place, such as a restored older one, is opened by `restore`."""
        if self._loss is not None or self._footprint is None or self._transaction is not None:
            return
        found = compare(self._path, self._footprint, self.connection)
        if isinstance(found, Displacement):
            self._lose(found.trouble, is_replaced=found.is_replaced, is_torn=found.is_torn)
        else:
            self._footprint = found

    def check(self) -> None:
        """Check the place, and go on in memory when the file is damaged. The cache of this process hides the writes of
        others, so the file itself is read through, but only after somebody has written into it."""
        self.check_place()
        if self._loss is not None or self._footprint is None or self._transaction is not None:
            return
        found = stamp(self._path)
        if found != self._checked:
            self._checked = found
            if (why := fault_on_disk(self._path)) is not None:
                self.lose(why)

    def lose(self, error: Exception) -> None:
        """Go on in memory because of an error. The error is raised as a JournalError if memory would not help."""
        if not self._can_lose(error):
            raise journal_error(self._path, "cannot be written", error) from error
        with suppress(sqlite3.Error):
            self.connection.rollback()
        self._lose(trouble(self._path, error))

    def _can_lose(self, error: Exception) -> bool:
        return self._keeps and self._loss is None and (not isinstance(error, sqlite3.Error) or is_passing(error))

    def _lose(self, why: Trouble, *, is_replaced: bool = False, is_torn: bool = False) -> None:
        copy, missing = rescued(self.connection)
        self._loss = Loss(why, None if is_replaced else Snapshot(copy), missing, is_replaced, is_torn)
        with suppress(sqlite3.Error):
            self.connection.close()
        self.connection = copy
        self.on_loss()

    def restore(self) -> Trouble | None:
        """Write the changes back and go on with the file; the reason, if that fails. Not within a transaction."""
        assert self._loss is not None
        try:
            was_there = self._path.exists() and self._path.stat().st_size > 0
            with ExitStack() as cleaning:
                file = open_file(self._path, _SHORT_PATIENCE_S)
                cleaning.callback(file.close)
                if self._loss.trouble.reason == "Damaged" and (found := fault(file)) is not None:
                    raise found
                file.execute("BEGIN IMMEDIATE")
                self._write_back(file, is_new=not was_there)
                file.execute("COMMIT")
                cleaning.pop_all()
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            self._loss = self._loss._replace(trouble=trouble(self._path, error, os.W_OK))
            return self._loss.trouble
        self.connection.close()
        self.connection, self._loss, self._footprint, self._checked = file, None, footprint(self._path), None
        return None

    def _write_back(self, file: sqlite3.Connection, *, is_new: bool) -> None:
        assert self._loss is not None
        if is_new:
            fill(self.connection, file)
        elif self._loss.is_replaced:
            append_feedback(self.connection, file)
        elif self._loss.base is not None and (self._loss.is_torn or is_older(file, self._loss.base)):
            merge(self.connection, file, Snapshot(file))
        else:
            merge(self.connection, file, self._loss.base)


def open_database(state: Path, now: Now = system_now) -> Database:
    """The file of a state directory, to read and write; directory and file are made when they are not there."""
    path = state / FILE
    try:
        return Database(open_file(path, PATIENCE_S), path, now)
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        raise journal_error(path, "cannot be opened", error, os.W_OK) from error


def keep_database(state: Path, now: Now = system_now) -> Database:
    """Open the file for a controller, which goes on in memory when the file cannot be opened. JournalError for a
    version that cannot be read."""
    path = state / FILE
    try:
        connection = open_file(path, _SHORT_PATIENCE_S)
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        why = trouble(path, error, os.W_OK)
        copy, is_whole = salvage(path)
        loss = Loss(why, Snapshot(copy.connection)) if is_whole else Loss(why, None, copy.lost)
        return Database(copy.connection, path, now, keeps=True, loss=loss)
    database = Database(connection, path, now, keeps=True)
    if (found := fault(connection)) is not None:
        database.lose(found)
    return database


def read_database(state: Path) -> Database:
    """The file to read only; an empty one when there is none. Creates and changes no file."""
    path = state / FILE
    try:
        return Database(read_file(path), path, system_now)
    except (FileNotFoundError, NotADirectoryError):
        return empty_database(path)
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        raise journal_error(path, "cannot be read", error, os.R_OK) from error


def empty_database(path: Path = Path(":memory:")) -> Database:
    """Tables without rows, in memory."""
    return Database(empty().connection, path, system_now)


def _nothing() -> None:
    """The default of both hooks."""
