"""Reading stored revisions whose content may be damaged. Damage is no defect of evenkeel's: it is told once, with its
place."""

from __future__ import annotations

from collections.abc import Callable

from evenkeel.controller.journal.journal import Journal, Role
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import JournalError
from evenkeel.specs.feedback import Feedback


class Stored:
    """The revisions of one journal."""

    def __init__(self, journal: Journal, say: Callable[[Feedback], object]) -> None:
        self._journal, self._say = journal, say
        self._told: dict[Role, str] = {}
        """The last text told about each role whose revision cannot be read."""

    def revision(self, role: Role) -> DesiredState | None:
        """As `Journal.revision`; raises JournalError, after it was told."""
        try:
            found = self._journal.revision(role)
        except JournalError as error:
            if self._told.get(role) != error.message:
                self._told[role] = error.message
                self._say(Feedback("state-lost", error.message, revision=self._journal.digest(role)))
            raise
        self._told.pop(role, None)
        return found
