"""How each container failed the last time, and what it had said: the part of the journal that `evenkeel logs` reads.

One record for each subject; a newer failure replaces the older one. Only the newest few are kept, each within the bounds of
`specs.output`. A record stays when the subject is well again, or gone: that is when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable

from evenkeel.controller.database import Database
from evenkeel.specs.codec import encode
from evenkeel.specs.feedback import names
from evenkeel.specs.output import LastFailure, Output, says_something

MOST = 20
"""So many subjects; the one that failed longest ago is forgotten."""


class Failures:
    """The records of one journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, subject: str) -> LastFailure | None:
        """The last failure of a subject; `None` when none is known."""
        row = self._database.one("SELECT body FROM last_failure WHERE subject = ?", subject)
        return self._database.readable(row[0], LastFailure) if row else None

    def all(self) -> tuple[LastFailure, ...]:
        """The last failures of all subjects, the newest first."""
        rows = self._database.all("SELECT body FROM last_failure ORDER BY number DESC")
        found = (self._database.readable(row[0], LastFailure) for row in rows)
        return tuple(each for each in found if each is not None)

    def told(self, revision: str, texts: Iterable[str]) -> tuple[str, ...]:
        """The subjects, in order, that failed in a revision or that one of the texts names, and whose output is kept."""
        said = [each for each in self.all() if says_something(each.output)]
        named = {each.subject for text in texts for each in said if names(text, each.subject)}
        return tuple(sorted(each.subject for each in said if each.revision == revision or each.subject in named))

    def keep(self, subject: str, instance: str, revision: str, why: str, output: Output) -> bool:
        """Keep how a subject has just failed. False, and nothing is written, when the instance has said nothing new since its
        last failure."""
        known = self.last(subject)
        if known is not None and (known.instance, known.output) == (instance, output):
            return False
        failure = LastFailure(subject, self._database.now(), revision, instance, why, output)
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO last_failure SELECT ?, ifnull(max(number), 0) + 1, ? FROM last_failure",
                (subject, encode(failure)),
            )
            connection.execute(
                "DELETE FROM last_failure WHERE subject NOT IN"
                " (SELECT subject FROM last_failure ORDER BY number DESC LIMIT ?)",
                (MOST,),
            )
        return True
