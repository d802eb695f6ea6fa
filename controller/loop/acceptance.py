"""What of a source is taken over, and what is taken for an accident.

A good reading becomes the desired state. A bad one is reported with its places, one that asks for nothing is taken for an
accident, and both leave in force what was. A message in force overrules the files, and so does one that may be in force
because the journal cannot be read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from evenkeel.controller.journal.intent import files_before, put_in_force
from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.loop.ports import Reading
from evenkeel.reconcilers.emptied import emptied, lost
from evenkeel.specs.feedback import Condition, Feedback, Kind
from evenkeel.specs.problem import errors, problems_text

log = logging.getLogger(__name__)


class Acceptance:
    """The gate between a source and the journal of one controller."""

    def __init__(
        self, journal: Journal, say: Callable[[Feedback], None], *, empty_removes_all: bool, serves: bool
    ) -> None:
        """`empty_removes_all`: a source that asks for nothing is meant. `serves`: whether messages may ask for something."""
        self._journal, self._say = journal, say
        self._empty_removes_all, self._serves = empty_removes_all, serves

    @at_once
    def accept(self, reading: Reading) -> bool:
        """Take over what a source found, or report why not; True when something new is in force."""
        found = errors(reading.problems)
        if found:
            self._source_is("source-broken", "Broken", f"{problems_text(found)}\nwhat was in force stays in force")
            return False
        what = self._seems_an_accident(reading)
        if what:
            self._source_is("source-empty", "Empty", f"{what}; what was in force stays in force")
            return False
        was_bad = any(known.name == "SourceValid" and not known.holds for known in self._journal.conditions())
        doubts = problems_text(reading.problems, "; ")
        if self._journal.set_condition(Condition("SourceValid", True, "Valid", doubts)):
            if doubts:
                log.warning("doubtful specs", extra={"fields": {"problems": doubts}})
            if was_bad:
                self._say(Feedback("source-restored", "the source is valid"))
        if self._serves and not self._journal.knows_intent:
            why = (
                "what is in force cannot be read, and a message may be; what runs is kept as it is, until that is known"
            )
            self._source_is("source-overruled", "Unknown", why)
            return False
        before = self._journal.digest("files")
        is_new = self._journal.put("files", reading.desired, "files")
        if self._journal.digest("message"):
            if reading.desired.digest != before:
                self._say(
                    Feedback("source-overruled", "a message is in force; `evenkeel release` gives the files their say")
                )
            return False
        known = self._journal.digest("desired")
        is_new = put_in_force(self._journal, reading.desired, "files") or is_new
        if reading.desired.digest != known:
            count = len(reading.desired.documents)
            what = f"{count} document{'s' * (count != 1)}" + (f"; {doubts}" if doubts else "")
            self._say(Feedback("revision-accepted", what, revision=reading.desired.digest))
        return is_new

    def _seems_an_accident(self, reading: Reading) -> str:
        """Why what is not asked for (any more) is not taken for unwanted; "" when it is. Where nothing that can be
        read tells what the files asked for before, a new reading replaces that and is compared with nothing."""
        if reading.is_empty and reading.missing:
            return f"{', '.join(reading.missing)} is not there"
        if self._empty_removes_all:
            return ""
        if reading.is_empty:
            return f"no container is asked for in {', '.join(reading.paths) or 'the source'}"
        found = emptied(files_before(self._journal), reading.desired, reading.paths)
        return f"no container is asked for any more in {', '.join(found)}" if found else ""

    def is_hasty(self, reading: Reading) -> bool:
        """After what could not be taken over, files may still be on their way back: what removes something can wait."""
        if not any(known.name == "SourceValid" and not known.holds for known in self._journal.conditions()):
            return False
        if errors(reading.problems) or self._seems_an_accident(reading):
            return False  # refused, and said at once
        return bool(lost(files_before(self._journal), reading.desired))

    @at_once
    def _source_is(self, kind: Kind, reason: str, message: str) -> None:
        if self._journal.set_condition(Condition("SourceValid", False, reason, message)):
            self._say(Feedback(kind, message))
