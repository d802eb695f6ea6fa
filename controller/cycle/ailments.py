"""The output of ailing instances, kept while they are there.

A container that keeps ending, or fails its check, is replaced or removed sooner or later, and its output with it. So
its output is read when the ailment is first seen, at each end that is seen after that, and every ten minutes while it
lasts. The newest output is kept in memory. It is written the first time, and then after pauses that double, so that a
container that ends every few seconds costs a few writes. Output that is already known is not written again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Generic, NamedTuple

from evenkeel.controller.cycle.stage import output
from evenkeel.controller.cycle.steps import Steps
from evenkeel.controller.journal.journal import Journal, Role
from evenkeel.reconcilers.capabilities import watched
from evenkeel.reconcilers.ports import Ailment, Driver, Reconciler, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState

_AGAIN_S = 600.0
_SOONEST_S = 10.0
"""The pause between the first write and the next. Each further pause is twice as long, up to `_AGAIN_S`."""
_LATELY_S = 3600.0
"""After this time without a failure, the next one is written at once again."""
_AT_ONCE = 20
"""The most outputs per look, which is as many as the journal keeps. When more instances fall ill together, they say the
same."""


class _Read(NamedTuple):
    instance: str
    end: str
    at: float


class _Written(NamedTuple):
    """The time at which a failure of a subject was written, and the pause until it may be written again."""

    at: float
    rest_s: float


class Ailments(Generic[Want, Seen, Remembered]):
    """The ailments of one domain, by subject."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        driver: Driver[Seen],
        journal: Journal,
        steps: Steps[Want, Seen, Remembered],
    ) -> None:
        self._reconciler, self._watched = reconciler, watched(reconciler)
        self._driver, self._journal, self._steps = driver, journal, steps
        self._read: dict[str, _Read] = {}
        self._written: dict[str, _Written] = {}

    async def listen(self, ailing: Mapping[str, Ailment], revision: str) -> None:
        """Keep the output of ailing subjects whose output was not read lately; `revision` is the one at work."""
        now = asyncio.get_running_loop().time()
        self._read = {subject: read for subject, read in self._read.items() if subject in ailing}
        self._written = {subject: each for subject, each in self._written.items() if now - each.at < _LATELY_S}
        due = [each for each in sorted(ailing.items()) if self._is_due(*each, now)][:_AT_ONCE]
        if not due:
            return
        said = await asyncio.gather(*(output(self._driver, ailment.instance, self._steps.broke) for _, ailment in due))
        with self._journal.at_once():
            for (subject, ailment), newest in zip(due, said, strict=True):
                self._read[subject] = _Read(ailment.instance, ailment.end, now)
                discreet = self._watched.discreet(newest, subject, self._wants())
                is_due = self._is_to_be_written(subject, now)
                why = f"it {ailment.why}"
                by = self._asking(subject, revision)
                self._journal.failures.keep(subject, ailment.instance, by, why, discreet, ailment.end, write=is_due)

    def _is_to_be_written(self, subject: str, now: float) -> bool:
        last = self._written.get(subject)
        if last is not None and now - last.at < last.rest_s:
            return False
        self._written[subject] = _Written(now, min(2 * last.rest_s, _AGAIN_S) if last is not None else _SOONEST_S)
        return True

    def _asking(self, subject: str, revision: str) -> str:
        """The revision that asks for a subject, this one before others; "" for a subject that is about to be
        removed."""
        having = {state.digest for state in self._states() if subject in self._reconciler.select(state).subjects}
        return revision if revision in having else next(iter(sorted(having)), "")

    def _states(self) -> tuple[DesiredState, ...]:
        roles: tuple[Role, ...] = ("desired", "last-good")
        return tuple(state for state in map(self._journal.readable_revision, roles) if state is not None)

    def _wants(self) -> list[Want]:
        return [self._reconciler.select(state) for state in self._states()]

    def _is_due(self, subject: str, ailment: Ailment, now: float) -> bool:
        read = self._read.get(subject)
        newest = ailment.instance, ailment.end
        is_known = read is not None and (read.instance, read.end) == newest and now - read.at < _AGAIN_S
        return bool(ailment.instance) and not is_known
