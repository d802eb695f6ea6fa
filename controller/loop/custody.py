"""Care of the state directory while a controller is at work.

Journal and lock may be lost during that: the disk is full or read-only, a file system is unmounted, or files are
removed or restored. The journal goes on in memory by itself (`controller.journal.database`). This module notices a loss
even when nothing is written, reports it by the condition `StateWritable`, and writes everything back as soon as that is
possible. A loss that is over at once is not reported.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from evenkeel.controller.journal.database import Loss
from evenkeel.controller.journal.file import Trouble
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.lock import Lock
from evenkeel.specs.feedback import Condition, Feedback

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_STORED = "the state directory can be written again; everything is stored"
_WITHOUT = "what is in force is kept up from memory, and forgotten with the process; no message is taken in"


class Custody:
    """The state directory of one controller."""

    def __init__(
        self,
        journal: Journal,
        lock: Lock | None,
        say: Callable[[Feedback], None],
        restored: Callable[[], None],
        resync_s: float,
    ) -> None:
        """`restored` is called when everything is on the disk again. `resync_s`: the pause between two checks of the
        directory."""
        self._journal, self._lock, self._say, self._restored = journal, lock, say, restored
        self._resync_s = resync_s
        self._lost = asyncio.Event()
        journal.on_loss = self._lost.set
        if lock is not None:
            journal.before_writing(lock.check)
        self._told: Trouble | None = None

    async def watch(self) -> None:
        """Watch the directory until cancelled. Raises Busy when another controller has taken the lock's place."""
        wait_s = _FIRST_WAIT_S
        while True:
            self._lost.clear()
            self.look()
            if self._journal.is_durable:
                wait_s = _FIRST_WAIT_S
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._resync_s):
                        await self._lost.wait()
            else:
                await asyncio.sleep(wait_s)
                if self._restore():
                    continue
                self._tell()
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S, self._resync_s)

    def look(self) -> None:
        """Notice a loss, and report one that an earlier process or the start has left."""
        if self._lock is not None:
            self._lock.check()
        self._journal.check()
        if self._journal.is_durable:
            self._mark("")
            known = self._journal.condition("StateWritable")
            if known is not None and not known.holds:
                self._store_restored(_STORED)

    def finish(self) -> None:
        """Store at the end what can be stored."""
        if not self._journal.is_durable and not self._restore():
            self._tell()

    def _restore(self) -> bool:
        loss = self._journal.loss
        if loss is None or self._journal.restore() is not None:
            return loss is None
        log.info("state directory is back", extra={"fields": {"was": loss.trouble.why}})
        self._mark("")
        if loss.is_replaced:
            self._store_restored(f"{loss.trouble.why}; it is opened, and what it says counts")
        elif loss.trouble.reason == "Gone":
            self._store_restored(f"{loss.trouble.why}; everything was written there again")
        elif self._told is not None:
            self._store_restored(_STORED)
        self._told = None
        self._restored()
        return True

    def _store_restored(self, message: str) -> None:
        with self._journal.at_once():
            self._journal.set_condition(Condition("StateWritable", True, "Stored", ""))
            self._say(Feedback("state-restored", message))

    def _tell(self) -> None:
        loss = self._journal.loss
        if loss is None or loss.trouble == self._told:
            return
        is_first, self._told = self._told is None, loss.trouble
        condition = unwritable(loss)
        self._mark(loss.trouble.mark)
        with self._journal.at_once():
            self._journal.set_condition(condition)
            if is_first:
                self._say(Feedback("state-lost", condition.message))
            else:
                log.warning("state directory", extra={"fields": {"why": loss.trouble.why}})

    def _mark(self, trouble: str) -> None:
        if self._lock is not None:
            self._lock.mark(trouble)


def unwritable(loss: Loss) -> Condition:
    """The condition of the state directory while everything happens in memory."""
    missing = f"; what could not be read of it: {', '.join(sorted(loss.missing))}" if loss.missing else ""
    return Condition("StateWritable", False, loss.trouble.reason, f"{loss.trouble.why}{missing}; {_WITHOUT}")
