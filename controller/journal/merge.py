"""Writing back the changes that were made in memory while the journal's file could not be written.

Other processes may have written to the file meanwhile: an operator's `retry`, `release` or `adopt`. So only the rows
are written back that differ from those that were there when the file was lost. Where both changed the same row, the
operator's counts. Entries of feedback keep their numbers, unless the file has given these to others; then they get the
next ones, in their order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from evenkeel.controller.journal.integrity import TABLES

Rows = Mapping[tuple[Any, ...], int]
"""Key of a row → hash of the row."""

_FEEDBACK = "feedback"
_OPERATORS = ("role", "attempt", "memory")
"""Tables in which commands write beside the controller."""
_CONTROLLERS = ("condition",)
"""Tables that are about the controller itself, so that the file's rows do not count."""


class Snapshot:
    """The content of the file when it was lost, in hashes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.rows: dict[str, Rows] = {
            name: _hashes(connection, name) for name in _tables(connection) if name != _FEEDBACK
        }
        self.numbers = _numbers(connection)


def is_older(file: sqlite3.Connection, base: Snapshot) -> bool:
    """Whether the file lacks entries that it held, because its last writes are gone with its log."""
    return _numbers(file).get(_FEEDBACK, 0) < base.numbers.get(_FEEDBACK, 0)


def merge(memory: sqlite3.Connection, file: sqlite3.Connection, base: Snapshot | None) -> None:
    """Write the changes in `memory` since `base` into `file`, within a transaction of the caller's. Without a base the
    file was never read: then its rows count, and only entries and conditions are added to it."""
    file.execute("PRAGMA defer_foreign_keys = ON")
    for name in _tables(memory):
        if name == _FEEDBACK:
            _merge_feedback(memory, file, base.numbers.get(_FEEDBACK, 0) if base is not None else None)
        elif base is not None:
            _merge_rows(memory, file, name, base.rows.get(name, {}))
        elif name in _CONTROLLERS:
            _merge_rows(memory, file, name, {})
    if base is not None:
        _keep_references(memory, file)
        for name, number in _numbers(memory).items():
            _raise_number(file, name, number)


def fill(memory: sqlite3.Connection, file: sqlite3.Connection) -> None:
    """Write everything into a `file` that is empty, within a transaction of the caller's."""
    file.execute("PRAGMA defer_foreign_keys = ON")
    for name in _tables(memory):
        file.execute(f"DELETE FROM {name}")
        _upsert(file, name, memory.execute(f"SELECT * FROM {name}"))
    for name, number in _numbers(memory).items():
        _raise_number(file, name, number)


def append_feedback(memory: sqlite3.Connection, file: sqlite3.Connection) -> None:
    """Where `file` is an earlier state of the same journal, such as one that was restored: add the entries it lacks, so
    that no number is used twice. Within a transaction of the caller's."""
    last = _last(file)
    body = "SELECT body FROM feedback WHERE seq = ?"
    if file.execute(body, (last,)).fetchone() == memory.execute(body, (last,)).fetchone():
        _upsert(file, _FEEDBACK, memory.execute("SELECT * FROM feedback WHERE seq > ?", (last,)))
        _raise_number(file, _FEEDBACK, _numbers(memory).get(_FEEDBACK, 0))
        _upsert(file, "cursor", memory.execute("SELECT * FROM cursor"))  # sinks are not given again what they have


def _merge_feedback(memory: sqlite3.Connection, file: sqlite3.Connection, since: int | None) -> None:
    last = _numbers(file).get(_FEEDBACK, 0)
    if since is not None and last == since:
        oldest = memory.execute("SELECT min(seq) FROM feedback").fetchone()[0]
        file.execute(
            "DELETE FROM feedback WHERE seq < ?", (oldest if oldest is not None else 0,)
        )  # as trimmed meanwhile
        _upsert(file, _FEEDBACK, memory.execute("SELECT * FROM feedback WHERE seq > ?", (since,)))
    else:
        news = memory.execute("SELECT body FROM feedback WHERE seq > ? ORDER BY seq", (since or 0,))
        file.executemany("INSERT INTO feedback (body) VALUES (?)", news.fetchall())


def _merge_rows(memory: sqlite3.Connection, file: sqlite3.Connection, name: str, base: Rows) -> None:
    keys, now = _keys(memory, name), _rows(memory, name)
    theirs = _hashes(file, name) if name in _OPERATORS else base
    is_ours = {key for key in {*now, *base} if theirs.get(key) == base.get(key)}
    _upsert(file, name, [row for key, row in now.items() if key in is_ours and base.get(key) != hash(row)])
    gone = [key for key in base if key not in now and key in is_ours]
    where = " AND ".join(f"{column} = ?" for column in keys)
    if name == "revision":
        where += " AND digest NOT IN (SELECT digest FROM role)"
    file.executemany(f"DELETE FROM {name} WHERE {where}", gone)


def _keep_references(memory: sqlite3.Connection, file: sqlite3.Connection) -> None:
    """Give a role its revision back, if another process has removed the revision meanwhile."""
    missing = file.execute("SELECT digest FROM role WHERE digest NOT IN (SELECT digest FROM revision)").fetchall()
    for row in missing:
        _upsert(file, "revision", memory.execute("SELECT * FROM revision WHERE digest = ?", row))


def _upsert(file: sqlite3.Connection, name: str, rows: Iterable[tuple[Any, ...]]) -> None:
    keys, columns = _keys(file, name), [row[1] for row in file.execute(f"PRAGMA table_info({name})")]
    marks, others = ", ".join("?" * len(columns)), [column for column in columns if column not in keys]
    news = ", ".join(f"{column} = excluded.{column}" for column in others)
    act = f"DO UPDATE SET {news}" if others else "DO NOTHING"
    statement = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT ({', '.join(keys)}) {act}"
    file.executemany(statement, list(rows))


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute(TABLES).fetchall()]


def _keys(connection: sqlite3.Connection, name: str) -> list[str]:
    found = [(row[5], row[1]) for row in connection.execute(f"PRAGMA table_info({name})") if row[5]]
    return [column for _, column in sorted(found)]


def _rows(connection: sqlite3.Connection, name: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
    places = [columns.index(key) for key in _keys(connection, name)]
    return {tuple(row[place] for place in places): row for row in connection.execute(f"SELECT * FROM {name}")}


def _hashes(connection: sqlite3.Connection, name: str) -> Rows:
    return {key: hash(row) for key, row in _rows(connection, name).items()}


def _numbers(connection: sqlite3.Connection) -> dict[str, int]:
    """The last number that was given in each table with numbers."""
    return dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())


def _last(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT ifnull(max(seq), 0) FROM feedback").fetchone()[0])


def _raise_number(file: sqlite3.Connection, name: str, number: int) -> None:
    if file.execute("SELECT 1 FROM sqlite_sequence WHERE name = ?", (name,)).fetchone() is None:
        file.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))
    else:
        file.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, name))
