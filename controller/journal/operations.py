"""The open operation of an update manager, as it is stored."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.controller.journal.database import Database
from evenkeel.controller.journal.migrations import checksum
from evenkeel.specs.codec import encode
from evenkeel.specs.operations.operation import Operation


class OpenOperation(NamedTuple):
    """An operation, and the id of the boot in which it was stored."""

    operation: Operation
    boot: str


class Operations:
    """The operations of one journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, domain: str) -> OpenOperation | None:
        """The open operation of an update manager's domain; `None` when none is open, or it cannot be read
        (`controller.journal.unreadable`)."""
        row = self._database.one("SELECT body, boot, checksum FROM operation WHERE domain = ?", domain)
        if row is None or row[2] != checksum(row[0]):
            return None
        found = self._database.readable(row[0], Operation)
        return OpenOperation(found, row[1]) if found is not None else None

    def unreadable(self, domain: str) -> tuple[bytes, str] | None:
        """The stored operation of a domain that cannot be read, and the reason; `None` when there is none."""
        row = self._database.one("SELECT body, checksum FROM operation WHERE domain = ?", domain)
        if row is None:
            return None
        is_changed = row[1] != checksum(row[0])
        why = "it is not what was stored" if is_changed else self._database.why_unreadable(row[0], Operation)
        return (row[0], why) if why else None

    def newest(self) -> Operation | None:
        """The open operation of the device, whatever its update manager is called."""
        for (domain,) in self._database.all("SELECT domain FROM operation ORDER BY rowid DESC"):
            found = self.of(domain)
            if found is not None:
                return found.operation
        return None

    def keep(self, domain: str, operation: Operation, boot: str) -> None:
        """Store the open operation."""
        body = encode(operation)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO operation VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET body = excluded.body, boot = excluded.boot, checksum = excluded.checksum",
                (domain, body, boot, checksum(body)),
            )

    def drop(self, domain: str) -> None:
        """No operation is open."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM operation WHERE domain = ?", (domain,))
