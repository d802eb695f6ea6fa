"""The acceptance of readings: a reading becomes the desired state, or is reported as a fault or an accident.

A good reading becomes the desired state. A bad one is reported with its places; one that asks for nothing is taken for
an accident. Both leave the state in force as it is. A message in force overrules the files, and so does one that may be
in force because the journal cannot be read. Trouble that recurs is told a few times, and in any case when it lasts.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable

from evenkeel.controller.cycle.recurrences import Recurrences
from evenkeel.controller.journal.intent import files_before, files_in_force
from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.loop.ports import Reading
from evenkeel.reconcilers.emptied import emptied, lost
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Condition, Feedback, Kind
from evenkeel.specs.problem import errors, problems_text

log = logging.getLogger(__name__)

_MOST_KINDS = 100
"""The most faults of a source that are told apart. The author of a spec makes many within an hour, and needs a report
of each."""


class Acceptance:
    """The gate between a source and the journal of one controller."""

    def __init__(
        self, journal: Journal, say: Callable[[Feedback], None], *, empty_removes_all: bool, serves: bool
    ) -> None:
        """`empty_removes_all`: a source that asks for nothing is meant. `serves`: whether desired states may come in
        messages."""
        self._journal, self._say = journal, say
        self._empty_removes_all, self._serves = empty_removes_all, serves
        self._troubles = Recurrences(numbers=False, most_kinds=_MOST_KINDS)
        self._trouble: Feedback | None = None
        """The trouble of the source now, if that was not told."""
        self._owes_end = True
        """Whether trouble was told since its last end, perhaps by an earlier process."""

    @at_once
    def accept(self, reading: Reading) -> bool:
        """Accept a reading as the desired state, or report why not; True when the state in force has changed."""
        found = errors(reading.problems)
        if found:
            self._source_is("source-broken", "Broken", f"{problems_text(found)}\nwhat was in force stays in force")
            return False
        what = self._seems_an_accident(reading)
        if what:
            self._source_is("source-empty", "Empty", f"{what}; what was in force stays in force")
            return False
        was_bad = self._is_bad()
        doubts = problems_text(reading.problems, "; ")
        if self._journal.set_condition(Condition("SourceValid", True, "Valid", doubts)):
            if doubts:
                log.warning("doubtful specs", extra={"fields": {"problems": doubts}})
            if was_bad:
                self._is_over()
        if self._serves and not self._journal.knows_intent:
            why = (
                "what is in force cannot be read, and a message may be; what runs is kept as it is, until that is known"
            )
            self._source_is("source-overruled", "Unknown", why)
            return False
        before = self._journal.readable_revision("files")
        is_new = self._journal.put("files", reading.desired, "files")
        if any(_differs(before, reading.desired, domain) for domain in self._journal.overruled()):
            what = "a message is in force; `evenkeel release` gives the files their say"
            self._say(Feedback("source-overruled", what))
        known = self._journal.digest("desired")
        is_new = files_in_force(self._journal, reading.desired) or is_new
        if is_new and self._journal.digest("desired") != known:
            count = len(reading.desired.documents)
            what = f"{count} document{'s' * (count != 1)}" + (f"; {doubts}" if doubts else "")
            self._say(Feedback("revision-accepted", what, revision=self._journal.digest("desired")))
        return is_new

    def _is_bad(self) -> bool:
        """Whether the newest reading could not be accepted."""
        known = self._journal.condition("SourceValid")
        return known is not None and not known.holds

    def _seems_an_accident(self, reading: Reading) -> str:
        """The reason why removals in a reading are taken for an accident; "" when they are meant. A new reading is
        compared with nothing, and replaces everything, where no readable state tells what the files asked for
        before."""
        if reading.is_empty and reading.missing:
            return f"{', '.join(reading.missing)} is not there"
        if self._empty_removes_all:
            return ""
        if reading.is_empty:
            return f"nothing is asked for in {', '.join(reading.paths) or 'the source'}"
        found = emptied(files_before(self._journal), reading.desired, reading.paths)
        return f"nothing is asked for any more in {', '.join(found)}" if found else ""

    def can_wait(self, reading: Reading) -> bool:
        """Whether a reading can wait: it removes something after a reading that could not be accepted, and files may
        still be on their way back."""
        if not self._is_bad():
            return False
        if errors(reading.problems) or self._seems_an_accident(reading):
            return False  # refused, and said at once
        return bool(lost(files_before(self._journal), reading.desired))

    @at_once
    def look(self) -> None:
        """Tell of trouble that lasts, if it was not told because it had recurred so often."""
        if self._trouble is not None:
            self._tell(self._trouble)

    @at_once
    def _source_is(self, kind: Kind, reason: str, message: str) -> None:
        if self._journal.set_condition(Condition("SourceValid", False, reason, message)):
            self._tell(Feedback(kind, message))

    def _tell(self, trouble: Feedback) -> None:
        if self._is_news(trouble):
            self._trouble, self._owes_end = None, True
            self._say(trouble)
        else:
            self._trouble = trouble

    def _is_over(self) -> None:
        """Tell the end of trouble that was told."""
        self._trouble = None
        self._is_news(None)
        if self._owes_end:
            self._say(Feedback("source-restored", "the source is valid"))
        self._owes_end = False

    def _is_news(self, trouble: Feedback | None) -> bool:
        """Whether trouble is news. Texts may have megabytes, and are told apart by their digests."""
        text = "" if trouble is None else hashlib.sha256(f"{trouble.kind} {trouble.message}".encode()).hexdigest()
        return self._troubles.is_news({"source": text}, _now_s())


def _differs(before: DesiredState | None, now: DesiredState, domain: str) -> bool:
    """Whether two states differ in a domain."""
    return before is None or before.part(domain).digest != now.part(domain).digest


def _now_s() -> float:
    """Seconds of a monotonic clock: the loop's, where there is one."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()
