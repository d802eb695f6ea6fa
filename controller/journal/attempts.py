"""Attempts that failed: of revisions, and of contents that were pushed again under a tag in force.

A revision is the whole device's, and its domain is "". A content belongs to the domain that fetches it. A part of a revision
that asks something of one group fails by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from evenkeel.controller.journal.database import Database
from evenkeel.specs.reading.sound import sound_text
from evenkeel.specs.visible import shortened

_MOST = 1000
"""The most attempts that are kept, so that a fleet that is sent new failures for years fills no disk. The oldest
failure may be tried again."""


GROUPS = "groups"
"""Stands in the place of a domain for the attempts of a group of subjects (`reconcilers.transaction.groups`)."""


class Attempt(NamedTuple):
    """The attempts at a revision, or at a content, so far. `failed`: in quarantine until it changes or is retried."""

    digest: str
    failures: int
    why: str
    at: float
    failed: bool


class Attempts:
    """The attempts of one journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, digest: str, domain: str = "") -> Attempt | None:
        """The attempts at a revision, or at a content of a domain, that did not succeed at once."""
        query = "SELECT digest, failures, why, at, failed FROM attempt WHERE domain = ? AND digest = ?"
        row = self._database.one(query, domain, digest)
        return Attempt(row[0], row[1], row[2], row[3], bool(row[4])) if row else None

    def count(self, digest: str, why: str, *, failed: bool = False, domain: str = "") -> Attempt:
        """One more failure; with `failed` it goes into quarantine. The row is replaced, so that `rowid` has the order
        of the failures. The time of day does not have it on a device that lost its clock."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO attempt SELECT ?1, ?2, ifnull(max(failures), 0) + 1, ?3, ?4,"
                " max(?5, ifnull(max(failed), 0)) FROM attempt WHERE domain = ?1 AND digest = ?2",
                (domain, digest, shortened(sound_text(why)), self._database.now(), int(failed)),
            )
            connection.execute(
                "DELETE FROM attempt WHERE digest != ? AND digest NOT IN (SELECT digest FROM role)"
                " AND rowid NOT IN (SELECT rowid FROM attempt ORDER BY rowid DESC LIMIT ?)",
                (digest, _MOST),
            )
        found = self.of(digest, domain)
        assert found is not None
        return found

    def forgive(self, digest: str, domain: str = "") -> bool:
        """Forget the failures of a revision, or of a content, so that it is tried again; False when there were none."""
        with self._database.writing() as connection:
            if not domain:
                connection.execute("DELETE FROM sick_before WHERE digest = ?", (digest,))
            found = connection.execute("DELETE FROM attempt WHERE domain = ? AND digest = ?", (domain, digest))
            return found.rowcount > 0

    def forgive_all(self, digest: str) -> bool:
        """Forget the failures of a revision and of every content; False when there were none."""
        with self._database.writing() as connection:
            was_there = self.forgive(digest)
            return connection.execute("DELETE FROM attempt WHERE domain != ''").rowcount > 0 or was_there

    def has_contents(self) -> bool:
        """Whether any content of any domain has failed."""
        return self._database.one("SELECT 1 FROM attempt WHERE domain != '' LIMIT 1") is not None

    def rejected(self, domain: str) -> dict[str, str]:
        """The contents of a domain that are in quarantine, and why."""
        query = "SELECT digest, why FROM attempt WHERE domain = ? AND failed ORDER BY digest"
        return dict(self._database.all(query, domain)) if domain else {}

    # ── what was not well before a revision ────────────────────────────────────────────────────────────────────

    def sick_before(self, digest: str, domain: str) -> frozenset[str] | None:
        """The subjects of a domain that were not well before a revision disturbed anything; `None` when that was not
        recorded."""
        query = "SELECT subject FROM sick_before WHERE digest = ? AND domain = ?"
        rows = self._database.all(query, digest, domain)
        return frozenset(row[0] for row in rows if row[0]) if rows else None

    def has_begun(self, digest: str) -> bool:
        """Whether a revision has begun to disturb the world, in any domain."""
        return self._database.one("SELECT 1 FROM sick_before WHERE digest = ? LIMIT 1", digest) is not None

    def record_sick(self, digest: str, domain: str, subjects: Iterable[str]) -> None:
        """Record which subjects of a domain are not well before a revision disturbs anything."""
        with self._database.writing() as connection:
            rows = [
                (digest, domain, subject) for subject in ("", *subjects)
            ]  # an empty subject says that it was recorded
            connection.executemany("INSERT OR IGNORE INTO sick_before VALUES (?, ?, ?)", rows)

    def forget_sick(self, but: Collection[str] = ()) -> None:
        """Drop the records of all other revisions: when one of them is asked for again, the device has changed."""
        others = set(self._database.all("SELECT DISTINCT digest FROM sick_before")).difference((each,) for each in but)
        if others:
            with self._database.writing() as connection:
                connection.executemany("DELETE FROM sick_before WHERE digest = ?", sorted(others))
