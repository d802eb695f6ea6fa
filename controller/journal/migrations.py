"""The tables of the journal, and how a file of an earlier version gets them.

A device is updated in the field, and its journal with it: a file of every version since 4 is brought to the present one when
it is opened to write, in one transaction. A change of the tables is a new version, a step in `MIGRATIONS`, and the same
change in `SCHEMA`; a step that was released is never changed again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from evenkeel.specs.errors import JournalError

VERSION = 10
OLDEST = 4
"""The first version that a released evenkeel wrote."""

SCHEMA = """
CREATE TABLE revision (digest TEXT PRIMARY KEY, content BLOB NOT NULL, source TEXT NOT NULL, at REAL NOT NULL,
                       checksum BLOB NOT NULL DEFAULT x'') STRICT;
CREATE TABLE role (domain TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL REFERENCES revision, at REAL NOT NULL,
                   source TEXT NOT NULL, activity TEXT NOT NULL, PRIMARY KEY (domain, name)) STRICT;
CREATE TABLE attempt (domain TEXT NOT NULL, digest TEXT NOT NULL, failures INTEGER NOT NULL, why TEXT NOT NULL,
                      at REAL NOT NULL, failed INTEGER NOT NULL, PRIMARY KEY (domain, digest)) STRICT;
CREATE TABLE sick_before (digest TEXT NOT NULL REFERENCES revision ON DELETE CASCADE, domain TEXT NOT NULL,
                          subject TEXT NOT NULL, PRIMARY KEY (digest, domain, subject)) STRICT;
CREATE TABLE memory (domain TEXT NOT NULL, key TEXT NOT NULL, fact TEXT NOT NULL, body BLOB NOT NULL,
                     place INTEGER NOT NULL, PRIMARY KEY (domain, key, fact)) STRICT, WITHOUT ROWID;
CREATE TABLE last_failure (subject TEXT PRIMARY KEY, number INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE feedback (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL) STRICT;
CREATE TABLE cursor (sink TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
CREATE TABLE condition (domain TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
                        PRIMARY KEY (domain, name)) STRICT;
CREATE TABLE activity (domain TEXT PRIMARY KEY, body BLOB NOT NULL, checksum BLOB NOT NULL) STRICT;
CREATE TABLE activity_part (domain TEXT NOT NULL, field TEXT NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL,
                            PRIMARY KEY (domain, field, place)) STRICT;
CREATE TABLE operation (domain TEXT PRIMARY KEY, body BLOB NOT NULL, boot TEXT NOT NULL, checksum BLOB NOT NULL) STRICT;
CREATE TABLE inbox (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL, at REAL NOT NULL,
                    packet INTEGER NOT NULL, begun INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
                    tried_in TEXT NOT NULL DEFAULT '', domain TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX inbox_topic ON inbox (topic);
CREATE TABLE set_aside (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, beginning BLOB NOT NULL,
                        size INTEGER NOT NULL, at REAL NOT NULL, why TEXT NOT NULL) STRICT;
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL,
                     retain INTEGER NOT NULL, latest INTEGER NOT NULL, actions INTEGER NOT NULL DEFAULT 0,
                     version INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE told (place INTEGER NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,
                   PRIMARY KEY (place, version)) STRICT, WITHOUT ROWID;
CREATE TABLE dealt (id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, digest BLOB NOT NULL,
                    packet INTEGER NOT NULL) STRICT;
CREATE TABLE retained (topic TEXT PRIMARY KEY, digest BLOB NOT NULL) STRICT;
"""

BEFORE_MEMORY = ("instance", "switch", "adopted")
"""Tables whose rows are in `memory` since version 8."""

_LATE = "CREATE TABLE IF NOT EXISTS last_failure (subject TEXT PRIMARY KEY, number INTEGER NOT NULL, body BLOB NOT NULL) STRICT"
"""A table that not every evenkeel of version 7 made."""


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
    """Parts of the open activity and of its messages, and the waiting messages by topic. A body that is stored whole
    stays so until it is stored again."""
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


def _to_8(connection: sqlite3.Connection) -> None:
    """A domain in every key. All rows from before belong to containers, but for those of the whole device."""
    connection.execute(_LATE)
    for table, columns, values in (
        ("role", "domain, name, digest, at, source, activity", "iif(name = 'message', 'containers', ''), *"),
        (
            "attempt",
            "domain, digest, failures, why, at, failed",
            "iif(digest LIKE '%sha256:%', 'containers', ''), *",
        ),
        ("sick_before", "digest, domain, subject", "digest, 'containers', subject"),
        ("condition", "domain, name, body", f"iif(name IN {_OF_CONTAINERS}, 'containers', ''), *"),
        ("activity", "domain, body, checksum", "'containers', body, checksum"),
        ("activity_part", "domain, field, place, body", "'containers', *"),
    ):
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        connection.execute(_statement(f"CREATE TABLE {table} "))
        connection.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM old_{table} ORDER BY rowid")
        connection.execute(f"DROP TABLE old_{table}")
    connection.execute("ALTER TABLE inbox ADD COLUMN domain TEXT NOT NULL DEFAULT ''")
    connection.execute("UPDATE inbox SET domain = 'containers'")
    connection.execute(
        "CREATE TABLE memory (domain TEXT NOT NULL, fact TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,"
        " PRIMARY KEY (domain, fact, key)) STRICT"
    )
    facts = (
        ("made", "SELECT id, made FROM instance ORDER BY made"),
        ("proven", "SELECT id, proven_as FROM instance WHERE proven ORDER BY id"),
        ("stopped", "SELECT id, stopped FROM instance WHERE stopped ORDER BY id"),
        ("watched", "SELECT id, watched FROM instance WHERE watched ORDER BY id"),
        ("switch_s", "SELECT subject, seconds FROM switch ORDER BY rowid"),
        ("adopted", "SELECT instance, subject FROM adopted ORDER BY at"),
    )
    for fact, query in facts:
        for key, value in connection.execute(query).fetchall():
            body = json.dumps(value if fact not in ("stopped", "watched") else True)
            connection.execute("INSERT INTO memory VALUES ('containers', ?, ?, ?)", (fact, key, body.encode()))
    for table in BEFORE_MEMORY:
        connection.execute(f"DROP TABLE {table}")


def _to_9(connection: sqlite3.Connection) -> None:
    """No second copy of each key of two tables that are written at every step, in the index of the key. `memory` has
    all facts of a key on one page, and the order of its rows in a column."""
    for table, columns, values in (
        ("memory", "domain, key, fact, body, place", "domain, key, fact, body, rowid"),
        ("told", "place, version, body", "*"),
    ):
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        connection.execute(_statement(f"CREATE TABLE {table} "))
        connection.execute(f"INSERT INTO {table} ({columns}) SELECT {values} FROM old_{table}")
        connection.execute(f"DROP TABLE old_{table}")


def _to_10(connection: sqlite3.Connection) -> None:
    """The operations of an update manager."""
    connection.execute(_statement("CREATE TABLE operation "))


_OF_CONTAINERS = "('EngineReachable', 'Healthy', 'ContentCurrent', 'CleanedUp', 'ActivityCompleted')"


def _statement(beginning: str) -> str:
    """The statement of the present tables with this beginning. A later version that changes it takes a copy into this
    step."""
    return next(each.strip() for each in SCHEMA.split(";") if each.strip().startswith(beginning))


MIGRATIONS: Mapping[int, Callable[[sqlite3.Connection], None]] = {
    5: _to_5,
    6: _to_6,
    7: _to_7,
    8: _to_8,
    9: _to_9,
    10: _to_10,
}
"""By version: the step that leads to it from the one before."""


def checksum(content: bytes) -> bytes:
    """A checksum of a stored revision or activity, because SQLite itself keeps none of its pages."""
    return sha256(content).digest()


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a file; 0 when it has no tables yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether nothing has to be done to bring a file to the present version."""
    return version_of(connection) == VERSION


def migrate(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring them to the present version. Within a transaction of the caller's: another process may do
    the same at this moment."""
    found = version_of(connection)
    if not found:
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
    for version in range(found + 1, VERSION + 1) if found else ():
        MIGRATIONS[version](connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """JournalError for a version that this evenkeel cannot read. Version 0 is a file without tables."""
    version = version_of(connection)
    if version > VERSION:
        why = (
            f"has version {version}, written by a newer evenkeel; this one knows versions up to {VERSION}."
            " Nothing was changed: start the newer one again"
        )
        raise JournalError(f"journal:{path}", why)
    if 0 < version < OLDEST:
        raise JournalError(f"journal:{path}", f"has version {version}, which no released evenkeel has written")
