"""The last failure of each container, with its last output: the part of the journal that `evenkeel logs` reads.

One record for each subject; a newer failure replaces the older one. Only the newest few are kept, each within the
bounds of `specs.containers.output`. A record stays when the subject is well again, or gone, because people ask for it
then. A record with output stays until another has output, too.

The newest may be in memory alone: a container that ends every few seconds would else be written as often. The
controller then sends it to commands that ask (`hear` is the other side), and writes it when its caller says so, or when
it stops.
"""

from __future__ import annotations

from collections.abc import Iterable

from evenkeel.controller.journal.database import Database
from evenkeel.specs.codec import encode
from evenkeel.specs.feedback import names
from evenkeel.specs.output import LastFailure, Output, says_something

MOST = 20
"""The most subjects; the one that failed longest ago is forgotten."""


_Ends = dict[str, tuple[str, str, int]]
"""By subject: the instance, a name of its newest end, and the exit code of that."""


class Failures:
    """The records of one journal."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, LastFailure] = {}
        """The newest records that are not written, or that another process has sent."""
        self._ends: _Ends | None = None
        """`None` until they were read."""

    def last(self, subject: str) -> LastFailure | None:
        """The last failure of a subject; `None` when none is known."""
        if subject in self._held:
            return self._held[subject]
        row = self._database.one("SELECT body FROM last_failure WHERE subject = ?", subject)
        return self._database.readable(row[0], LastFailure) if row else None

    def all(self) -> tuple[LastFailure, ...]:
        """The last failures of all subjects, the newest first."""
        rows = self._database.all("SELECT body FROM last_failure ORDER BY number DESC")
        found = (self._database.readable(row[0], LastFailure) for row in rows)
        stored = (each for each in found if each is not None and each.subject not in self._held)
        return (*reversed(self._held.values()), *stored)

    def unwritten(self) -> tuple[LastFailure, ...]:
        """The last failures that are not written."""
        return tuple(self._held.values())

    def hear(self, held: Iterable[LastFailure]) -> None:
        """Take over the unwritten records that the controller at work has sent."""
        for each in held:
            self._hold(each)

    def ends(self) -> dict[str, tuple[str, int]]:
        """By instance: a name of its newest end that was seen to have an exit code, and that code."""
        if self._ends is None:
            self._ends = {}
            for each in reversed(self.all()):
                _learn(self._ends, each)
        return {instance: (end, code) for instance, end, code in self._ends.values()}

    def with_output(self, revision: str, texts: Iterable[str]) -> tuple[str, ...]:
        """The subjects, in order, that failed in a revision or that one of the texts names, and whose output is kept."""
        said = [each for each in self.all() if says_something(each.output)]
        named = {each.subject for text in texts for each in said if names(text, each.subject)}
        return tuple(sorted(each.subject for each in said if each.revision == revision or each.subject in named))

    def keep(
        self, subject: str, instance: str, revision: str, why: str, output: Output, end: str = "", *, write: bool = True
    ) -> bool:
        """Keep the failure that a subject has just had, in memory alone unless it is to `write`. False, and nothing
        changes, when the instance has neither new output nor a new end since its last failure, or has no output at all
        where that of an earlier failure is known."""
        known = self.last(subject)
        is_known = known is not None and (known.instance, known.output) == (instance, output)
        if known is not None and is_known and known.end in ("", end):
            if write and subject in self._held:
                self._write(known)
            return False
        failure = LastFailure(subject, self._database.now(), revision, instance, why, output, end)
        if known is not None and says_something(known.output) and not says_something(output):
            self.ends()
            self._know_end(failure)
            return False
        self._hold(failure)
        if write:
            self._write(failure)
        return True

    def flush(self) -> None:
        """Write the records that are in memory alone."""
        for each in tuple(self._held.values()):
            self._write(each)

    def _hold(self, failure: LastFailure) -> None:
        self._held.pop(failure.subject, None)
        self._held[failure.subject] = failure
        for subject in tuple(self._held)[:-MOST]:
            del self._held[subject]
        self._know_end(failure)

    def _know_end(self, failure: LastFailure) -> None:
        if self._ends is not None:
            _learn(self._ends, failure)

    def _write(self, failure: LastFailure) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO last_failure SELECT ?, ifnull(max(number), 0) + 1, ? FROM last_failure",
                (failure.subject, encode(failure)),
            )
            connection.execute(
                "DELETE FROM last_failure WHERE subject NOT IN"
                " (SELECT subject FROM last_failure ORDER BY number DESC LIMIT ?)",
                (MOST,),
            )
        self._held.pop(failure.subject, None)


def _learn(ends: _Ends, failure: LastFailure) -> None:
    ends.pop(failure.subject, None)
    if failure.end and failure.output.exit_code is not None:
        ends[failure.subject] = failure.instance, failure.end, failure.output.exit_code
    for subject in tuple(ends)[:-MOST]:
        del ends[subject]
