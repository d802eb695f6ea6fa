"""The stored form of the open activity: a head, and parts that are written only when they change.

Both desired states of an activity may be a hundred times as long as what a step changes, and there is a record for each
component and command. A record costs the head and the action that changed; everything else stays as it lies in the file. The
checksum is that of the whole, put together, so that a part that is damaged, lost, or of another moment is noticed. A row
is updated where it lies: one that is replaced moves to the end of its table, which costs pages of the index, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.controller.journal.database import Database, Transaction
from evenkeel.controller.journal.migrations import checksum
from evenkeel.specs.codec import encode, fields_of, items_of
from evenkeel.specs.kanto.activity import Activity

_PARTS = ("target", "before", "notes")
_LISTS = ("actions", "baselines")
"""Fields of which every item is a part."""
_FACTS = ("subject", "version", "kind", "promised", "image_before")
"""The fields of an action that stay as they were identified; together they are a part of their own."""

Parts = Mapping[tuple[str, int], bytes]
"""Field and place in the field → JSON."""


class Stored(NamedTuple):
    """An activity as it lies in the file. `known`: the checksum that was stored with it."""

    body: bytes
    known: bytes

    @property
    def is_changed(self) -> bool:
        """Whether the activity is not the one that was stored. A damaged activity may still be read as another one."""
        return bool(self.known) and self.known != checksum(self.body)


def stored_activity(database: Database, domain: str) -> Stored | None:
    """The stored parts of the open activity of a domain, `None` when none is open."""
    row = database.one("SELECT body, checksum FROM activity WHERE domain = ?", domain)
    return Stored(_joined(row[0], _parts(database, domain)), row[1]) if row else None


def store_activity(database: Database, connection: Transaction, domain: str, activity: Activity | None) -> None:
    """Replace the open activity of a domain (`None`: none is open) as far as it has changed."""
    head, parts = _split(activity) if activity is not None else (b"", {})
    before = _parts(database, domain)
    connection.executemany(
        "DELETE FROM activity_part WHERE domain = ? AND field = ? AND place = ?",
        [(domain, *key) for key in before if key not in parts],
    )
    connection.executemany(
        "INSERT INTO activity_part VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
        [(domain, *key, body) for key, body in parts.items() if before.get(key) != body],
    )
    if activity is None:
        connection.execute("DELETE FROM activity WHERE domain = ?", (domain,))
    else:
        row = (domain, head, checksum(_joined(head, parts)))
        news = "body = excluded.body, checksum = excluded.checksum"
        connection.execute(f"INSERT INTO activity VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET {news}", row)


def _parts(database: Database, domain: str) -> Parts:
    query = "SELECT field, place, body FROM activity_part WHERE domain = ? ORDER BY field, place"
    return {(field, place): body for field, place, body in database.all(query, domain)}


def _split(activity: Activity) -> tuple[bytes, Parts]:
    fields = fields_of(encode(activity))
    parts = {(field, 0): fields.pop(field) for field in _PARTS if field in fields}
    for field in _LISTS:
        for place, item in enumerate(items_of(fields.pop(field))):
            changing = fields_of(item)
            facts = {name: changing.pop(name) for name in _FACTS if name in changing}
            parts[field, place] = _object(changing)
            if facts:
                parts[_facts(field), place] = _object(facts)
    return _object(fields), parts


def _joined(head: bytes, parts: Parts) -> bytes:
    """The whole activity. A head of an earlier version has no parts beside it."""
    if not parts:
        return head
    bodies = [_field(field, parts[field, 0]) for field in _PARTS if (field, 0) in parts]
    for field in _LISTS:
        items = []
        for place in sorted(place for found, place in parts if found == field):
            facts = parts.get((_facts(field), place))
            item = parts[field, place]
            items.append(item if facts is None else facts.removesuffix(b"}") + b"," + item.removeprefix(b"{"))
        bodies.append(_field(field, b"[" + b",".join(items) + b"]"))
    return b",".join([head.removesuffix(b"}"), *bodies]) + b"}"


def _facts(field: str) -> str:
    return f"{field} as identified"


def _object(fields: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(_field(name, content) for name, content in fields.items()) + b"}"


def _field(name: str, content: bytes) -> bytes:
    return encode(name) + b":" + content
