"""What is remembered for each domain: the rows behind the domain's own noun (`specs.memory`).

A domain says what its memory becomes, as a value; here the rows that differ are written, and no others. What was read last is
kept, because a plan of many steps asks for it at each of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from evenkeel.controller.journal.attempts import Attempts
from evenkeel.controller.journal.database import Database
from evenkeel.controller.journal.failures import Failures
from evenkeel.specs.codec import changed, decode, encode
from evenkeel.specs.memory import Memory

Kept = TypeVar("Kept", bound=Memory)
Rows = dict[tuple[str, str], bytes]
"""Fact and key → value as JSON, in the order in which they were written."""

_OF_THE_JOURNAL = frozenset(Memory.__struct_fields__)
_IS_KEY = b"true"


class _Read(NamedTuple):
    """Facts as they were read, and what names that state of the file."""

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
        """A domain's memory was `before`, as far as whoever calls knows, and is `after` from now on; False when that is no
        change. What another process has written meanwhile stays: only what differs between the two is written."""
        if before is after:
            return False
        domain, old, new = after.domain, dict(_rows(before)), dict(_rows(after))
        gone = [(domain, *key) for key in old.keys() - new.keys()]
        news = [(domain, *key, body) for key, body in new.items() if old.get(key) != body]
        if not gone and not news:
            return False
        with self._database.writing() as connection:
            connection.executemany("DELETE FROM memory WHERE domain = ? AND fact = ? AND key = ?", gone)
            connection.executemany("INSERT OR REPLACE INTO memory VALUES (?, ?, ?, ?)", news)
        self._read.pop(domain, None)
        return True

    def _facts(self, kind: type[Kept]) -> Kept:
        state = self._database.connection, int(self._database.one("PRAGMA data_version")[0])
        known = self._read.get(kind.domain)
        if known is not None and known.state == state and isinstance(known.facts, kind):
            return known.facts
        query = "SELECT fact, key, body FROM memory WHERE domain = ? ORDER BY rowid"
        facts = _joined(kind, {(fact, key): body for fact, key, body in self._database.all(query, kind.domain)})
        if not self._database.is_writing:  # what is written may still be taken back
            self._read[kind.domain] = _Read((self._database.connection, state[1]), facts)
        return facts


def _rows(memory: Memory) -> Iterator[tuple[tuple[str, str], bytes]]:
    for fact in memory.__struct_fields__:
        if fact not in _OF_THE_JOURNAL:
            found: Mapping[str, Any] | tuple[str, ...] = getattr(memory, fact)
            for key in found:
                yield (fact, key), encode(found[key]) if isinstance(found, Mapping) else _IS_KEY


def _joined(kind: type[Kept], rows: Rows) -> Kept:
    """Rows that cannot be read are left out, each by itself: what is remembered less is looked at, or proven, once more."""
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
    facts: dict[str, list[bytes]] = {}
    blank = kind()
    for (fact, key), body in rows.items():
        if fact in kind.__struct_fields__ and fact not in _OF_THE_JOURNAL:
            is_mapping = isinstance(getattr(blank, fact), Mapping)
            facts.setdefault(fact, []).append(encode(key) + b":" + body if is_mapping else encode(key))
    joined = (
        encode(fact) + b":" + (b"{%b}" if isinstance(getattr(blank, fact), Mapping) else b"[%b]") % b",".join(parts)
        for fact, parts in facts.items()
    )
    return b"{" + b",".join(joined) + b"}"
