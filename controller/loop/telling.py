"""The way of feedback: stored first, then sent to the log and to every sink, in order, without loss.

A sink that cannot take an entry is asked again later, and the journal keeps its entries until then: at most as many
again as it keeps anyway. The number of entries that were dropped beyond these is an entry itself.
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
"""So many times `keep` entries stay for a sink that does not take them."""
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
    """The feedback of one controller. `keep`: entries of feedback that stay in the journal. A sink that breaks does not
    hold up the others."""

    def __init__(self, journal: Journal, sinks: Sequence[Sink], keep: int, defects: Defects) -> None:
        self._journal, self._sinks, self._keep, self._defects = journal, sinks, keep, defects
        self._said = asyncio.Event()
        self._trimmed = 0
        self._logged = journal.last_seq()
        """The number of the newest entry in the log, or of the newest one before this controller."""
        self._failing: dict[str, str] = {}
        """The last reasons of sinks that take nothing."""

    def say(self, feedback: Feedback) -> None:
        """Store an entry; once it is on the disk, log it and wake the sinks."""
        entry = self._journal.say(feedback)
        self._journal.once_kept(lambda: self._is_said(entry))

    def _is_said(self, entry: Feedback) -> None:
        self._log_others(entry.seq - 1)
        self._log(entry)
        self._logged = entry.seq
        self._said.set()

    def look(self) -> None:
        """Pass on entries that commands have written into the journal meanwhile, so that log and sinks miss no
        number."""
        self._log_others(self._journal.last_seq())
        self._said.set()

    def _log_others(self, newest: int) -> None:
        """Log entries of other processes up to this number. Entries that are not on the disk have no lasting number."""
        if not self._journal.is_durable:
            return
        for entry in self._journal.entries(self._logged) if self._logged < newest else ():
            if entry.seq <= newest:
                self._log(entry)
        self._logged = newest

    def _log(self, entry: Feedback) -> None:
        level = logging.WARNING if entry.kind in _BAD else logging.INFO
        fields = {name: getattr(entry, name) for name in ("seq", "subject", "phase", "revision", "cycle", "place")}
        if not self._journal.is_durable:
            fields["seq"] = ""  # the number may change
        log.log(level, entry.kind, extra={"fields": {"message": entry.message, **fields}})

    def restored(self) -> None:
        """Everything is on the disk again, with final numbers: sinks may receive what they have not taken."""
        self._logged = self._journal.last_seq()
        self._said.set()

    async def tell(self) -> None:
        """Send to the sinks whenever there is an entry; until cancelled."""
        while True:
            await self._said.wait()
            self._said.clear()
            if not await self.tell_once():
                await asyncio.sleep(_AGAIN_AFTER_S)
                self._said.set()

    async def tell_once(self) -> bool:
        """Give every sink the entries up to now that it has not taken; False when one could not take them.

        Entries that come meanwhile are sent in the next turn, so that a clean-up follows each turn even in a flood.
        Entries that are not on the disk are not sent: after a loss of power their numbers would be given to others.
        """
        if not self._journal.is_durable:
            return True
        complete, newest = True, self._journal.last_seq()
        for sink in self._sinks:
            while (start := self._journal.delivered(sink.name)) < newest and (entries := self._journal.entries(start)):
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
        """Drop the entries up to `bound` that sinks have not taken, and say how many these were."""
        for sink in self._sinks:
            waiting = self._journal.entries(self._journal.delivered(sink.name), limit=1)
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
