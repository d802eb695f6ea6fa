"""The conditions of each domain and of the device, as they are stored."""

from __future__ import annotations

from evenkeel.controller.journal.database import Database
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.feedback import Condition, ConditionName
from evenkeel.specs.visible import shortened


class Conditions:
    """The conditions of one journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Condition, ...]:
        """All conditions, by domain and name. One that cannot be read is as if it had never been set
        (`controller.journal.unreadable`)."""
        rows = self._database.all("SELECT domain, body FROM condition ORDER BY domain, name")
        found = ((domain, self._database.readable(body, Condition)) for domain, body in rows)
        return tuple(changed(each, domain=domain) for domain, each in found if each is not None)

    def of(self, name: ConditionName, domain: str = "") -> Condition | None:
        """One condition of a domain, or of the whole device; `None` when nothing is known of it."""
        query = "SELECT body FROM condition WHERE domain = ? AND name = ?"
        row = self._database.one(query, domain, name)
        found = self._database.readable(row[0], Condition) if row else None
        return changed(found, domain=domain) if found is not None else None

    def unreadable(self) -> list[tuple[str, str, bytes, str]]:
        """Domain, name and body of the conditions that cannot be read, and why they cannot."""
        rows = self._database.all("SELECT domain, name, body FROM condition ORDER BY domain, name")
        found = ((domain, name, body, self._database.why_unreadable(body, Condition)) for domain, name, body in rows)
        return [each for each in found if each[3]]

    def set(self, condition: Condition) -> bool:
        """Store a condition if it says something new; `since` moves only when `holds` changes. True when stored."""
        old = self.of(condition.name, condition.domain)
        since = old.since if old is not None and old.holds == condition.holds else self._database.now()
        new = changed(condition, since=since, message=shortened(condition.message))
        if new == old:
            return False
        with self._database.writing() as connection:
            row = (new.domain, new.name, encode(new))
            update = "INSERT INTO condition VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body"
            connection.execute(update, row)
        return True

    def drop(self, name: str, domain: str = "") -> None:
        """It means nothing any more."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM condition WHERE domain = ? AND name = ?", (domain, name))
