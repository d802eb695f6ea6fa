"""The memory of each domain: the rows behind the domain's own noun (`specs.memory`).

A domain returns its new memory as a value; the rows that differ are written here, and no others. The last memory is
kept as it was read, because a plan of many steps asks for it at each of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from evenkeel.controller.journal.attempts import Attempts
from evenkeel.controller.journal.database import Database, Transaction
from evenkeel.controller.journal.failures import Failures
from evenkeel.specs.codec import changed, decode, encode
from evenkeel.specs.memory import Memory

Kept = TypeVar("Kept", bound=Memory)
_Key = tuple[str, str, str]
"""Domain, key and fact."""
Rows = dict[tuple[str, str], bytes]
"""Fact and key → value as JSON, in the order in which they were written."""

_OF_THE_JOURNAL = frozenset({"rejected", "ends"})
"""Facts that are stored elsewhere in the journal."""


class _Read(NamedTuple):
    """Facts as they were read, and a mark of the state of the file at that time."""

    state: tuple[sqlite3.Connection, int]
    facts: Memory


class Memories:
    """The memories of all domains."""

    def __init__(self, database: Database, attempts: Attempts, failures: Failures) -> None:
        self._database, self._attempts, self._failures = database, attempts, failures
        self._read: dict[str, _Read] = {}

    def of(self, kind: type[Kept]) -> Kept:
        """The memory of a domain, by its noun."""
        facts = self._facts(kind)
        return changed(facts, rejected=self._attempts.rejected(kind.domain), ends=self._failures.ends())

    def keep(self, before: Kept, after: Kept) -> bool:
        """Store that a domain's memory is `after` from now on; the caller read it as `before`. False when that is no
        change. Rows that another process has written meanwhile stay: only the differences between the two are
        written."""
        domain = after.domain
        gone, news = list[_Key](), list[tuple[_Key, bytes]]()
        for fact in _facts_of(type(after)):
            old, new = _values(before, fact), _values(after, fact)
            if old != new:
                gone += [(domain, key, fact) for key in old.keys() - new.keys()]
                news += [((domain, key, fact), encode(value)) for key, value in new.items() if old.get(key) != value]
        if not gone and not news:
            return False
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM memory WHERE domain = ? AND key = ? AND fact = ?", gone)
            self._write(connection, news)
        self._read.pop(domain, None)
        return True

    def notify(self, domain: str, subjects: Iterable[str]) -> None:
        """These subjects of a domain have to begin anew (`Memory.notified`), whether the domain is at work now or not."""
        with self._database.writing() as connection:
            self._write(connection, [((domain, subject, "notified"), encode(True)) for subject in subjects])
        self._read.pop(domain, None)

    def _write(self, connection: Transaction, news: Sequence[tuple[_Key, bytes]]) -> None:
        """Write rows, new ones after all others. A row that is there keeps its place."""
        last = int(self._database.one("SELECT ifnull(max(place), 0) FROM memory")[0])
        update = "INSERT INTO memory VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body"
        connection.executemany(update, [(*key, body, place) for place, (key, body) in enumerate(news, last + 1)])

    def notified(self) -> tuple[str, ...]:
        """The domains of which subjects have to begin anew."""
        return tuple(
            domain for (domain,) in self._database.all("SELECT DISTINCT domain FROM memory WHERE fact = 'notified'")
        )

    def _facts(self, kind: type[Kept]) -> Kept:
        state = self._database.connection, int(self._database.one("PRAGMA data_version")[0])
        known = self._read.get(kind.domain)
        if known is not None and known.state == state and isinstance(known.facts, kind):
            return known.facts
        query = "SELECT fact, key, body FROM memory WHERE domain = ? ORDER BY place"
        facts = _joined(kind, {(fact, key): body for fact, key, body in self._database.all(query, kind.domain)})
        if not self._database.is_writing:  # these writes may still be taken back
            self._read[kind.domain] = _Read((self._database.connection, state[1]), facts)
        return facts


def _facts_of(kind: type[Memory]) -> tuple[str, ...]:
    return tuple(each for each in kind.__struct_fields__ if each not in _OF_THE_JOURNAL)


def _values(memory: Memory, fact: str) -> Mapping[str, Any]:
    """The value of each key. A fact that is a tuple of keys has no values of its own: a key is there, or it is not."""
    found: Mapping[str, Any] | tuple[str, ...] = getattr(memory, fact)
    return found if isinstance(found, Mapping) else dict.fromkeys(found, True)


def _joined(kind: type[Kept], rows: Rows) -> Kept:
    """Rows that cannot be read are left out, each by itself: a container that is not remembered is looked at, or
    proven, once more."""
    try:
        return decode(_text(kind, rows), kind)
    except (ValueError, TypeError, RecursionError):
        readable = {key: body for key, body in rows.items() if _is_readable(kind, key, body)}
        return decode(_text(kind, readable), kind)


def _is_readable(kind: type[Memory], key: tuple[str, str], body: bytes) -> bool:
    try:
        decode(_text(kind, {key: body}), kind)
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _text(kind: type[Memory], rows: Rows) -> bytes:
    """The facts as one JSON object; facts that this version does not know are left where they are."""
    blank = kind()
    has_values = {fact: isinstance(getattr(blank, fact), Mapping) for fact in _facts_of(kind)}
    parts: dict[str, list[bytes]] = {}
    for (fact, key), body in rows.items():
        if fact in has_values:
            parts.setdefault(fact, []).append(encode(key) + b":" + body if has_values[fact] else encode(key))
    joined = (
        encode(fact) + b":" + (b"{%b}" if has_values[fact] else b"[%b]") % b",".join(found)
        for fact, found in parts.items()
    )
    return b"{" + b",".join(joined) + b"}"
