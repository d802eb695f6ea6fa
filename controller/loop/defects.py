"""Unexpected exceptions: a defect of evenkeel's own must not take the device with it.

Every part of the controller works under supervision. An exception in one part is logged with its traceback, reported by
the condition `Defect` with the place in the code, and followed by another try after a back-off; all other parts go on.
The condition is gone as soon as every part that broke has gone through without an exception. `Busy` passes: it means
that another controller is at work. So do cancellations and everything else that is no `Exception`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.process.defect import defect_text
from evenkeel.specs.errors import Busy, EvenkeelError
from evenkeel.specs.feedback import Condition, Feedback, Kind

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 60.0
"""The longest wait of a part that broke before it is tried again."""
_FIRST_WAIT_S = 1.0
_SOUND_S = 30.0
"""A part without an end counts as sound again when it has worked for so long."""


class Defects:
    """The parts of one controller that are broken now."""

    def __init__(self, journal: Journal, say: Callable[[Feedback], None]) -> None:
        self._journal, self._say = journal, say
        self._broken: dict[str, tuple[str, str]] = {}
        """Part → kind of exception, and its text."""
        self._met: dict[str, int] = {}
        self._again: dict[str, int] = {}
        """The number of failures of a part in a row and in the same way."""

    def begin(self) -> None:
        """Forget the defects of an earlier process."""
        self._store(lambda: self._journal.drop_condition("Defect"))

    def is_broken(self, part: str) -> bool:
        """Whether the part broke and has not gone through since."""
        return part in self._broken

    def texts(self) -> str:
        """The texts of all defects, a line for each part."""
        return "\n".join(f"{part}: {text}" for part, (_, text) in self._broken.items())

    def report(self, part: str, error: Exception) -> str:
        """Log and report an exception of a part. Returns the text of the defect; nothing is raised."""
        text = defect_text(error)
        fields = {"part": part, "why": text}
        self._met[part] = self._met.get(part, 0) + 1
        if self._broken.get(part) == (type(error).__name__, text):
            self._again[part] = self._again.get(part, 1) + 1
            if self._again[part] & (self._again[part] - 1) == 0:  # else there is a line every few seconds
                log.error("defect again", extra={"fields": {**fields, "times": self._again[part]}})
            return text
        self._again.pop(part, None)
        log.error("defect", exc_info=error, extra={"fields": fields})
        self._broken[part] = type(error).__name__, text
        self._store(lambda: self._tell("defect", f"{part}: {text}"))
        return text

    def passed(self, part: str) -> None:
        """A part has gone through without breaking."""
        self._again.pop(part, None)
        if self._broken.pop(part, None) is not None:
            self._store(lambda: self._tell("defect-over", f"{part} goes on"))

    @contextmanager
    def turn(self, part: str) -> Iterator[None]:
        """A context for one pass of a part: an exception is reported and ends the pass, and nothing else."""
        before = self._met.get(part, 0)
        try:
            yield
        except Busy:
            raise
        except Exception as error:  # noqa: BLE001 - here unexpected exceptions end
            self.report(part, error)
        else:
            if self._met.get(part, 0) == before:
                self.passed(part)

    async def supervise(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns, and begin it anew whenever it breaks."""
        loop = asyncio.get_running_loop()
        wait_s = _FIRST_WAIT_S
        while True:
            begun = loop.time()
            sound = loop.call_later(_SOUND_S, self.passed, part)
            try:
                await work()
            except Busy:
                raise
            except Exception as error:  # noqa: BLE001 - here unexpected exceptions end
                self.report(part, error)
            else:
                self.passed(part)
                return
            finally:
                sound.cancel()
            if loop.time() - begun >= _SOUND_S:
                wait_s = _FIRST_WAIT_S
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    def in_callback(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The handler of the event loop for exceptions that no task awaits."""
        error = context.get("exception")
        if not isinstance(error, Exception):
            loop.default_exception_handler(context)
            return
        self.report("event loop", error)
        loop.call_later(_SOUND_S, self.passed, "event loop")

    def _tell(self, kind: Kind, message: str) -> None:
        if self._broken:
            reason = next(iter(self._broken.values()))[0]
            self._journal.set_condition(Condition("Defect", False, reason, self.texts()))
        else:
            self._journal.drop_condition("Defect")
        self._say(Feedback(kind, message))

    def _store(self, write: Callable[[], None]) -> None:
        try:
            with self._journal.at_once():
                write()
        except EvenkeelError as error:
            log.error("defect cannot be stored", extra={"fields": {"why": error.message}})
