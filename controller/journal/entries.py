"""The entries: numbered feedback, and the position of each sink in it."""

from __future__ import annotations

from collections.abc import Iterable

from evenkeel.controller.journal.database import Database
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.visible import shortened


class Entries:
    """The entries of one journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def say(self, feedback: Feedback) -> Feedback:
        """Number, date and store an entry; the stored entry is returned, and only that may be published."""
        with self._database.writing() as connection:
            dated = changed(feedback, at=self._database.now(), message=shortened(feedback.message))
            seq = connection.execute("INSERT INTO feedback (body) VALUES (?)", (encode(dated),)).lastrowid
        assert seq is not None
        return changed(dated, seq=seq)

    def page(self, after: int = 0, limit: int = 1000) -> tuple[Feedback, ...]:
        """Entries with a number above `after`, the oldest first. In the place of one that cannot be read stands an entry that
        says so: no sink waits for it for ever, and none misses its number."""
        rows = self._database.all("SELECT seq, body FROM feedback WHERE seq > ? ORDER BY seq LIMIT ?", after, limit)
        lost = Feedback("state-lost", "what was said under this number cannot be read")
        return tuple(changed(self._database.readable(body, Feedback) or lost, seq=seq) for seq, body in rows)

    def last_seq(self) -> int:
        """The number of the newest entry, 0 when there is none."""
        row = self._database.one("SELECT max(seq) FROM feedback")
        return int(row[0]) if row and row[0] is not None else 0

    def delivered(self, sink: str) -> int:
        """Up to which number a sink has everything."""
        row = self._database.one("SELECT seq FROM cursor WHERE sink = ?", sink)
        return int(row[0]) if row else 0

    def confirm(self, sink: str, seq: int) -> None:
        """A sink has everything up to `seq`."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (sink, seq))

    def trim(self, keep: int, sinks: Iterable[str]) -> None:
        """Drop the oldest entries beyond `keep`, but none that one of these `sinks` still waits for. A sink that took
        nothing yet waits for everything; one that is not named, because the settings name it no more, for nothing."""
        bound = min([self.last_seq() - keep, *(self.delivered(sink) for sink in sinks)])
        with self._database.writing() as connection:
            connection.execute("DELETE FROM feedback WHERE seq <= ?", (bound,))
