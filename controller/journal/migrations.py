"""The tables of the journal, and how a file of an earlier version gets them.

A device is updated in the field, and its journal with it: a file of every version since 4 is brought to the present one when
it is opened to write, in one transaction. A change of the tables is a new version, a step in `MIGRATIONS`, and the same
change in `SCHEMA`; a step that was released is never changed again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from hashlib import sha256

VERSION = 7
OLDEST = 4
"""The first version that a released evenkeel wrote."""

SCHEMA = """
CREATE TABLE revision (digest TEXT PRIMARY KEY, content BLOB NOT NULL, source TEXT NOT NULL, at REAL NOT NULL,
                       checksum BLOB NOT NULL DEFAULT x'') STRICT;
CREATE TABLE role (name TEXT PRIMARY KEY, digest TEXT NOT NULL REFERENCES revision, at REAL NOT NULL,
                   source TEXT NOT NULL DEFAULT '', activity TEXT NOT NULL DEFAULT '') STRICT;
CREATE TABLE attempt (digest TEXT PRIMARY KEY, failures INTEGER NOT NULL, why TEXT NOT NULL, at REAL NOT NULL,
                      failed INTEGER NOT NULL) STRICT;
CREATE TABLE sick_before (digest TEXT NOT NULL REFERENCES revision ON DELETE CASCADE, subject TEXT NOT NULL,
                          PRIMARY KEY (digest, subject)) STRICT;
CREATE TABLE instance (id TEXT PRIMARY KEY, subject TEXT NOT NULL, proven INTEGER NOT NULL DEFAULT 0,
                       stopped INTEGER NOT NULL DEFAULT 0, made INTEGER NOT NULL DEFAULT 0,
                       proven_as TEXT NOT NULL DEFAULT '', watched INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE switch (subject TEXT PRIMARY KEY, seconds REAL NOT NULL) STRICT;
CREATE TABLE adopted (instance TEXT PRIMARY KEY, subject TEXT NOT NULL, at REAL NOT NULL) STRICT;
CREATE TABLE feedback (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL) STRICT;
CREATE TABLE cursor (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
CREATE TABLE condition (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE activity (open INTEGER PRIMARY KEY CHECK (open = 1), body BLOB NOT NULL,
                       checksum BLOB NOT NULL DEFAULT x'') STRICT;
CREATE TABLE activity_part (field TEXT NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL,
                            PRIMARY KEY (field, place)) STRICT;
CREATE TABLE inbox (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL, at REAL NOT NULL,
                    packet INTEGER NOT NULL, begun INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
                    tried_in TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX inbox_topic ON inbox (topic);
CREATE TABLE set_aside (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, beginning BLOB NOT NULL,
                        size INTEGER NOT NULL, at REAL NOT NULL, why TEXT NOT NULL) STRICT;
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL,
                     retain INTEGER NOT NULL, latest INTEGER NOT NULL, actions INTEGER NOT NULL DEFAULT 0,
                     version INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE told (place INTEGER NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,
                   PRIMARY KEY (place, version)) STRICT;
CREATE TABLE dealt (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, digest BLOB NOT NULL,
                    packet INTEGER NOT NULL) STRICT;
CREATE TABLE retained (topic TEXT PRIMARY KEY, digest BLOB NOT NULL) STRICT;
"""

ADDED = """
CREATE TABLE IF NOT EXISTS last_failure (subject TEXT PRIMARY KEY, number INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
"""
"""Tables that an evenkeel of the same version may not have known, and leaves alone."""


def _to_5(connection: sqlite3.Connection) -> None:
    """Checksums of revisions, tries of messages and those set aside, the order in which instances were made, the health
    check that each was proven with, and the containers that were sick before a revision."""
    for statement in (
        "ALTER TABLE revision ADD COLUMN checksum BLOB NOT NULL DEFAULT x''",
        (
            "CREATE TABLE sick_before (digest TEXT NOT NULL REFERENCES revision ON DELETE CASCADE, subject TEXT NOT NULL,"
            " PRIMARY KEY (digest, subject)) STRICT"
        ),
        "ALTER TABLE instance ADD COLUMN made INTEGER NOT NULL DEFAULT 0",
        "UPDATE instance SET made = rowid",
        "ALTER TABLE instance ADD COLUMN proven_as TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE inbox ADD COLUMN tries INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE inbox ADD COLUMN tried_in TEXT NOT NULL DEFAULT ''",
        (
            "CREATE TABLE set_aside (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, beginning BLOB NOT NULL,"
            " size INTEGER NOT NULL, at REAL NOT NULL, why TEXT NOT NULL) STRICT"
        ),
    ):
        connection.execute(statement)
    for digest, content in connection.execute("SELECT digest, content FROM revision").fetchall():
        connection.execute("UPDATE revision SET checksum = ? WHERE digest = ?", (checksum(content), digest))


def _to_6(connection: sqlite3.Connection) -> None:
    """Instances whose proof has not come to a verdict, and the checksum of the open activity."""
    connection.execute("ALTER TABLE instance ADD COLUMN watched INTEGER NOT NULL DEFAULT 0")
    connection.execute("ALTER TABLE activity ADD COLUMN checksum BLOB NOT NULL DEFAULT x''")
    for (body,) in connection.execute("SELECT body FROM activity").fetchall():
        connection.execute("UPDATE activity SET checksum = ?", (checksum(body),))


def _to_7(connection: sqlite3.Connection) -> None:
    """Parts of the open activity and of what it says, and the waiting messages by topic. What is stored whole stays so until
    it is stored again."""
    for statement in (
        "CREATE INDEX inbox_topic ON inbox (topic)",
        (
            "CREATE TABLE activity_part (field TEXT NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL,"
            " PRIMARY KEY (field, place)) STRICT"
        ),
        "ALTER TABLE outbox ADD COLUMN actions INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE outbox ADD COLUMN version INTEGER NOT NULL DEFAULT 0",
        (
            "CREATE TABLE told (place INTEGER NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,"
            " PRIMARY KEY (place, version)) STRICT"
        ),
    ):
        connection.execute(statement)


MIGRATIONS: Mapping[int, Callable[[sqlite3.Connection], None]] = {5: _to_5, 6: _to_6, 7: _to_7}
"""By the version that a step leads to from the one before."""


def checksum(content: bytes) -> bytes:
    """What tells that a stored revision or activity is still what was stored: SQLite itself keeps no sums of its pages."""
    return sha256(content).digest()


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a file; 0 when it has no tables yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether nothing has to be done to bring a file to the present version."""
    added = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'last_failure'")
    return version_of(connection) == VERSION and bool(added.fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring them to the present version. Within a transaction of the caller's: another process may do
    the same at this moment."""
    found = version_of(connection)
    if not found:
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
    for version in range(found + 1, VERSION + 1) if found else ():
        MIGRATIONS[version](connection)
    for statement in ADDED.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
