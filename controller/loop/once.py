"""The end of a controller that works as one command: nothing more would happen by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled, Waiting, foremost
from evenkeel.controller.loop.defects import Defects
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.worker import Worker
from evenkeel.specs.plan import Phase

_LONGEST_CLEAN_UP_S = 5.0
"""A command tries to remove leftovers until the next try is further away than this."""
_MOST_DEFECTS = 5
"""A command ends when so many turns in a row met a defect. That is enough for a revision to fail by it, and for
last-good to be back."""
Waits = Callable[[float, str], None]
"""Called with the seconds until the next try, and the reason of the wait where nothing failed."""


class Once:
    """The work of one command, judged after each turn of a domain."""

    def __init__(
        self, workers: Mapping[str, Worker], queue: WakeUps, defects: Defects, waits: Waits, tries: int
    ) -> None:
        """`tries`: a disturbing phase that failed so often in a row ends the command, although a running controller would go
        on trying; and so does a defect."""
        self._workers, self._queue, self._defects = workers, queue, defects
        self._waits, self._tries = waits, tries
        self._endings: dict[str, Ending] = {}
        self._failed = self._broke = 0
        self.ending: Ending = Progressed()
        """The ending of all domains together."""

    def turned(self, domain: str, ending: Ending, wait_s: float) -> bool:
        """A turn of a domain has ended, and its next one is due in `wait_s` seconds. Whether the command ends."""
        self._endings[domain] = ending
        match ending:
            case Progressed():
                self._failed = 0
            case Retrying(phase=phase):
                self._failed += phase not in (None, Phase.DOWNLOAD)
            case Settled() | Stalled() | Waiting():
                pass
        self._broke = self._broke + 1 if any(map(self._defects.is_broken, self._workers)) else 0
        self.ending = foremost([*self._endings.values()])
        if self._broke >= max(_MOST_DEFECTS, self._tries) and not isinstance(self.ending, Progressed):
            self.ending = Stalled(f"a defect of evenkeel, {self._broke} times in a row: {self._defects.texts()}")
            return True
        if self._endings.keys() != self._workers.keys() or not self._queue.is_quiet(domain):
            return False
        return self._is_over(ending, wait_s)

    def _is_over(self, ending: Ending, wait_s: float) -> bool:
        match self.ending:
            case Settled(left_over=why, again_s=again_s) if why and again_s <= _LONGEST_CLEAN_UP_S:
                pass
            case Waiting(again_s=again_s) if again_s:
                pass
            case Retrying():
                if self._failed >= self._tries:
                    return True
            case Progressed():
                return False
            case Settled() | Stalled() | Waiting():
                if not any(each.cycles.fetched_beside for each in self._workers.values()):
                    return True
                wait_s = 0.0
        if self.ending == ending:
            self._waits(wait_s, ending.why if isinstance(ending, Waiting) else "")
        return False
