"""Durable intent: what is desired, what was last good, what was tried, and what was said. Never observations.

One SQLite file in the state directory, WAL and `synchronous=FULL`: what a method returned from is on the disk. A settled
device writes nothing. Everything in here can be lost without losing a container: the engine is asked again; only memory of
failed revisions, of proofs and of unread feedback would be gone.

The journal is opened by one writer at a time (`controller.lock` sees to that) and by any number of readers; a reader never
creates or changes a file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from evenkeel.controller.clock import Now, system_now
from evenkeel.specs.codec import changed, decode, encode
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import JournalError
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.plan import History

Role = Literal["desired", "last-good"]
SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE revision (digest TEXT PRIMARY KEY, content BLOB NOT NULL, source TEXT NOT NULL, at REAL NOT NULL) STRICT;
CREATE TABLE role (name TEXT PRIMARY KEY, digest TEXT NOT NULL REFERENCES revision, at REAL NOT NULL) STRICT;
CREATE TABLE attempt (digest TEXT PRIMARY KEY, failures INTEGER NOT NULL, why TEXT NOT NULL, at REAL NOT NULL,
                      failed INTEGER NOT NULL) STRICT;
CREATE TABLE instance (id TEXT PRIMARY KEY, subject TEXT NOT NULL, proven INTEGER NOT NULL DEFAULT 0,
                       stopped INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE switch (subject TEXT PRIMARY KEY, seconds REAL NOT NULL) STRICT;
CREATE TABLE adopted (name TEXT PRIMARY KEY, at REAL NOT NULL) STRICT;
CREATE TABLE feedback (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL) STRICT;
CREATE TABLE cursor (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
CREATE TABLE condition (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
"""


class Attempt(NamedTuple):
    """What became of a revision so far. `failed`: it is in quarantine until it changes or is retried."""

    digest: str
    failures: int
    why: str
    at: float
    failed: bool


class Journal:
    """Reads and writes the file; every writing method is one transaction."""

    def __init__(self, connection: sqlite3.Connection, element: str, now: Now) -> None:
        self._connection, self._element, self._now = connection, element, now

    # ── desired state ──────────────────────────────────────────────────────────────────────────────────────────

    def revision(self, role: Role) -> DesiredState | None:
        """The state in that role, `None` when there is none."""
        row = self._one("SELECT content FROM revision JOIN role USING (digest) WHERE role.name = ?", role)
        return decode(row[0], DesiredState) if row else None

    def digest(self, role: Role) -> str:
        """The digest of the state in that role, "" when there is none."""
        row = self._one("SELECT digest FROM role WHERE name = ?", role)
        return str(row[0]) if row else ""

    def put(self, role: Role, state: DesiredState, source: str) -> bool:
        """Give a state a role. False when it had it, in the same places, already."""
        content = encode(state)
        old = self._one("SELECT content FROM revision JOIN role USING (digest) WHERE role.name = ?", role)
        if old is not None and old[0] == content:
            return False
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO revision VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE"
                " SET content = excluded.content, source = excluded.source",
                (state.digest, content, source, self._now()),
            )
            self._give(connection, role, state.digest)
        return True

    def promote(self) -> None:
        """What is desired is good: it becomes last-good, and what else is remembered of it is forgotten."""
        with self._writing() as connection:
            digest = self.digest("desired")
            self._give(connection, "last-good", digest)
            connection.execute("DELETE FROM attempt WHERE digest = ?", (digest,))
            connection.execute("DELETE FROM revision WHERE digest NOT IN (SELECT digest FROM role)")

    def _give(self, connection: sqlite3.Connection, role: Role, digest: str) -> None:
        connection.execute(
            "INSERT INTO role VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, at = excluded.at",
            (role, digest, self._now()),
        )

    # ── attempts ───────────────────────────────────────────────────────────────────────────────────────────────

    def attempt(self, digest: str) -> Attempt | None:
        """What is remembered of a revision that did not succeed at once."""
        row = self._one("SELECT digest, failures, why, at, failed FROM attempt WHERE digest = ?", digest)
        return Attempt(row[0], row[1], row[2], row[3], bool(row[4])) if row else None

    def count_failure(self, digest: str, why: str, *, failed: bool = False) -> Attempt:
        """One more failure; with `failed` the revision goes into quarantine."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO attempt VALUES (?, 1, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET"
                " failures = failures + 1, why = excluded.why, at = excluded.at, failed = max(failed, excluded.failed)",
                (digest, why, self._now(), int(failed)),
            )
        found = self.attempt(digest)
        assert found is not None
        return found

    def forgive(self, digest: str) -> bool:
        """Forget the failures of a revision, so that it is tried again; False when there were none."""
        with self._writing() as connection:
            return connection.execute("DELETE FROM attempt WHERE digest = ?", (digest,)).rowcount > 0

    # ── what planning has to remember ──────────────────────────────────────────────────────────────────────────

    def history(self) -> History:
        """Proofs, own stops and measured switches."""
        rows = self._all("SELECT id, proven, stopped FROM instance ORDER BY id")
        return History(
            proven=tuple(row[0] for row in rows if row[1]),
            stopped=tuple(row[0] for row in rows if row[2]),
            switch_s=dict(self._all("SELECT subject, seconds FROM switch ORDER BY subject")),
        )

    def mark(self, instance: str, subject: str, *, proven: bool | None = None, stopped: bool | None = None) -> None:
        """Remember of an instance that it was proven (or no longer is), or stopped by evenkeel (or started again)."""
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO instance (id, subject) VALUES (?, ?)", (instance, subject))
            for column, value in (("proven", proven), ("stopped", stopped)):
                if value is not None:
                    connection.execute(f"UPDATE instance SET {column} = ? WHERE id = ?", (int(value), instance))

    def forget(self, present: Sequence[str]) -> None:
        """Drop what is remembered of instances that are not `present` any more."""
        known = [row[0] for row in self._all("SELECT id FROM instance")]
        gone = set(known).difference(present)
        if gone:
            with self._writing() as connection:
                connection.executemany("DELETE FROM instance WHERE id = ?", [(id_,) for id_ in gone])

    def time_switch(self, subject: str, seconds: float) -> None:
        """Remember for how long a subject was away when it was switched."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO switch VALUES (?, ?)", (subject, round(seconds, 3)))

    def adopted(self) -> tuple[str, ...]:
        """Names of containers that evenkeel did not create and was told to take over."""
        return tuple(row[0] for row in self._all("SELECT name FROM adopted ORDER BY name"))

    def adopt(self, name: str) -> bool:
        """Take over a container; False when it was already."""
        with self._writing() as connection:
            return connection.execute("INSERT OR IGNORE INTO adopted VALUES (?, ?)", (name, self._now())).rowcount > 0

    # ── feedback and conditions ────────────────────────────────────────────────────────────────────────────────

    def say(self, feedback: Feedback) -> Feedback:
        """Number, date and store an entry; the stored entry is returned, and only that may be published."""
        with self._writing() as connection:
            dated = changed(feedback, at=self._now())
            seq = connection.execute("INSERT INTO feedback (body) VALUES (?)", (encode(dated),)).lastrowid
        assert seq is not None
        return changed(dated, seq=seq)

    def said(self, after: int = 0, limit: int = 1000) -> tuple[Feedback, ...]:
        """Entries with a number above `after`, the oldest first."""
        rows = self._all("SELECT seq, body FROM feedback WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
        return tuple(changed(decode(body, Feedback), seq=seq) for seq, body in rows)

    def last_seq(self) -> int:
        """The number of the newest entry, 0 when there is none."""
        row = self._one("SELECT max(seq) FROM feedback")
        return int(row[0]) if row and row[0] is not None else 0

    def delivered(self, sink: str) -> int:
        """Up to which number a sink has everything."""
        row = self._one("SELECT seq FROM cursor WHERE sink = ?", sink)
        return int(row[0]) if row else 0

    def confirm(self, sink: str, seq: int) -> None:
        """A sink has everything up to `seq`."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (sink, seq))

    def trim(self, keep: int) -> None:
        """Drop the oldest entries beyond `keep`, but none that a sink still waits for."""
        row = self._one("SELECT min(seq) FROM cursor")
        bound = self.last_seq() - keep
        if row and row[0] is not None:
            bound = min(bound, int(row[0]))
        with self._writing() as connection:
            connection.execute("DELETE FROM feedback WHERE seq <= ?", (bound,))

    def conditions(self) -> tuple[Condition, ...]:
        """All conditions, by name."""
        return tuple(decode(row[0], Condition) for row in self._all("SELECT body FROM condition ORDER BY name"))

    def set_condition(self, condition: Condition) -> bool:
        """Store a condition if it says something new; `since` moves only when `holds` changes. True when stored."""
        old = next((known for known in self.conditions() if known.name == condition.name), None)
        since = old.since if old is not None and old.holds == condition.holds else self._now()
        new = changed(condition, since=since)
        if new == old:
            return False
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO condition VALUES (?, ?)", (new.name, encode(new)))
        return True

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # ── the file ───────────────────────────────────────────────────────────────────────────────────────────────

    def _one(self, query: str, *values: object) -> Any:
        return next(iter(self._all(query, *values)), None)

    def _all(self, query: str, *values: object) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise JournalError(self._element, f"cannot be read: {error}") from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
        except sqlite3.Error as error:
            raise JournalError(self._element, f"cannot be written: {error}") from error


def open_journal(state: Path, now: Now = system_now) -> Journal:
    """The journal of a state directory, to read and write; directory and file are made when they are not there."""
    path = state / "journal.sqlite"
    element = f"journal:{path}"
    try:
        state.mkdir(mode=0o750, parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        elif version != SCHEMA_VERSION:
            raise JournalError(element, f"has version {version}; this evenkeel knows version {SCHEMA_VERSION}")
    except (sqlite3.Error, OSError) as error:
        raise JournalError(element, f"cannot be opened: {error}") from error
    return Journal(connection, element, now)


def read_journal(state: Path) -> Journal:
    """The journal to read only; an empty one when there is none. Creates and changes no file.

    Without a WAL file nobody writes, and SQLite is told that the file will not change, because it would otherwise create
    its index files.
    """
    path = state / "journal.sqlite"
    element = f"journal:{path}"
    try:
        if not path.exists():
            connection = sqlite3.connect(":memory:", isolation_level=None)
            connection.executescript(_SCHEMA)
        else:
            quiet = not path.with_name("journal.sqlite-wal").exists()
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if quiet else ''}",
                uri=True,
                isolation_level=None,
                timeout=10,
            )
    except (sqlite3.Error, OSError) as error:
        raise JournalError(element, f"cannot be opened: {error}") from error
    return Journal(connection, element, system_now)
