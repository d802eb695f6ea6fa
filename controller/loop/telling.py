"""What is said: stored first, then told to the log and to every sink, in order, and never lost on the way.

A sink that cannot take something is asked again later, and the journal keeps for it what it has not taken: at most as many
entries again as it keeps anyway. How many were dropped beyond these is an entry itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.loop.defects import Defects
from evenkeel.controller.loop.ports import Sink
from evenkeel.specs.feedback import Feedback

log = logging.getLogger(__name__)

_AGAIN_AFTER_S = 5.0
_KEPT_TIMES = 2
"""So many times `keep` entries stay where a sink does not take them."""
_BAD = (
    "source-broken",
    "source-empty",
    "revision-failed",
    "step-failed",
    "stalled",
    "engine-lost",
    "rolling-back",
    "defect",
    "state-lost",
    "entries-dropped",
)


class Telling:
    """The voice of one controller. `keep`: entries of feedback that stay in the journal. A sink that breaks keeps the
    others from nothing."""

    def __init__(self, journal: Journal, sinks: Sequence[Sink], keep: int, defects: Defects) -> None:
        self._journal, self._sinks, self._keep, self._defects = journal, sinks, keep, defects
        self._said = asyncio.Event()
        self._trimmed = 0
        self._logged = journal.last_seq()
        """The number of the newest entry that the log has, or that was said before this controller was."""
        self._failing: dict[str, str] = {}
        """What sinks that take nothing have last said of that."""

    def say(self, feedback: Feedback) -> None:
        """Store an entry; once it is on the disk, tell the log and wake the sinks."""
        entry = self._journal.say(feedback)
        self._journal.once_kept(lambda: self._is_said(entry))

    def _is_said(self, entry: Feedback) -> None:
        self._log_others(entry.seq - 1)
        self._log(entry)
        self._logged = entry.seq
        self._said.set()

    def look(self) -> None:
        """Tell what commands have written into the journal meanwhile: a controller's log and sinks miss no number."""
        self._log_others(self._journal.last_seq())
        self._said.set()

    def _log_others(self, newest: int) -> None:
        """Log what somebody else said up to this number. What is not on the disk has none that lasts."""
        if not self._journal.is_durable:
            return
        for entry in self._journal.said(self._logged) if self._logged < newest else ():
            if entry.seq <= newest:
                self._log(entry)
        self._logged = newest

    def _log(self, entry: Feedback) -> None:
        level = logging.WARNING if entry.kind in _BAD else logging.INFO
        fields = {name: getattr(entry, name) for name in ("seq", "subject", "phase", "revision", "cycle", "place")}
        if not self._journal.is_durable:
            fields["seq"] = ""  # it may get another
        log.log(level, entry.kind, extra={"fields": {"message": entry.message, **fields}})

    def restored(self) -> None:
        """Everything is on the disk again, under numbers of its own, and sinks may be told what they have not taken."""
        self._logged = self._journal.last_seq()
        self._said.set()

    async def tell(self) -> None:
        """Tell the sinks whenever something was said; until cancelled."""
        while True:
            await self._said.wait()
            self._said.clear()
            if not await self.tell_once():
                await asyncio.sleep(_AGAIN_AFTER_S)
                self._said.set()

    async def tell_once(self) -> bool:
        """Give every sink what it has not taken and was said by now; False when one could not take it. What is said meanwhile
        comes with the next turn, so that a flood ends in no turn without a clean-up. What is not on the disk is told to none:
        after a loss of power its numbers would be given to other entries."""
        if not self._journal.is_durable:
            return True
        complete, newest = True, self._journal.last_seq()
        for sink in self._sinks:
            while (start := self._journal.delivered(sink.name)) < newest and (entries := self._journal.said(start)):
                if not await self._is_taken(sink, entries):
                    complete = False
                    break
                self._journal.confirm(sink.name, entries[-1].seq)
        if (last := self._journal.last_seq()) >= self._trimmed + max(self._keep // 10, 1):
            with self._journal.at_once():
                self._drop(last - _KEPT_TIMES * self._keep)
                self._journal.trim(self._keep, [sink.name for sink in self._sinks])
            self._trimmed = last
        return complete

    def _drop(self, bound: int) -> None:
        """Sinks that have not taken the entries up to `bound` by now do without them, and it is said how many these were."""
        for sink in self._sinks:
            waiting = self._journal.said(self._journal.delivered(sink.name), limit=1)
            if waiting and waiting[0].seq <= bound:
                count = bound - waiting[0].seq + 1
                self._journal.confirm(sink.name, bound)
                why = self._failing.get(sink.name, "")
                text = f"{count:,} entries were dropped for sink {sink.name}, which did not take them"
                self.say(Feedback("entries-dropped", f"{text}: {why}" if why else text))

    async def _is_taken(self, sink: Sink, entries: Sequence[Feedback]) -> bool:
        with self._defects.turn(f"sink {sink.name}"):
            try:
                await sink.take(entries)
            except OSError as error:
                if self._failing.get(sink.name) != str(error):
                    log.warning("sink failed", extra={"fields": {"sink": sink.name, "why": str(error)}})
                self._failing[sink.name] = str(error)
            else:
                if self._failing.pop(sink.name, None) is not None:
                    log.info("sink works again", extra={"fields": {"sink": sink.name}})
                return True
        return False
