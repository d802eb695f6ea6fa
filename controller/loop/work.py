"""The current work of a worker, for `evenkeel status`.

Steps come and go too quickly to be stored; the process that performs them knows them, and is asked over its socket
(`control`). Times are durations, because clocks may be set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.loop.pace import Pace
from evenkeel.specs.feedback import Feedback, StepAtWork, Work
from evenkeel.specs.plan import Phase, Step

_ENDS = ("step-done", "step-retrying", "step-failed")


@dataclass
class _Begun:
    entry: Feedback
    at_s: float
    far: str = ""
    done: int = 0
    total: int = 0
    pace: Pace = field(default_factory=Pace)


class WorkAtHand:
    """The steps at work, why the newest try failed, and when the next one is."""

    def __init__(self) -> None:
        self._begun: dict[str, _Begun] = {}
        self._error, self._waits_for, self._again_at_s = "", "", 0.0

    def entry(self, entry: Feedback) -> None:
        """An entry of the worker."""
        if entry.kind == "step-started":
            self._begun[entry.step] = _Begun(entry, _clock_s())
        elif entry.kind in _ENDS:
            self._begun.pop(entry.step, None)

    def progressed(self, step: Step, far: str, done: int, total: int) -> str:
        """The progress of a step. Of one that fetches, from time to time, how much has come, and the rate; of one that waits,
        the reason when it is news, such as who holds off a reboot; else ""."""
        begun = self._begun.get(step.id)
        if begun is None:
            return ""
        is_news = far != begun.far
        begun.far, begun.done, begun.total = far, done, total
        if step.action.traits.fetches:
            return begun.pace.text(done, total, _clock_s())
        return far if is_news and not total and step.phase != Phase.VERIFY else ""

    def turned(self, ending: Ending, again_s: float, beside: Collection[str] = ()) -> None:
        """A cycle has ended, and no step is at work but those `beside` cycles. `again_s`: seconds until the next one."""
        self._begun = {step: begun for step, begun in self._begun.items() if step in beside}
        self._error = self._waits_for = ""
        self._again_at_s = _clock_s() + again_s
        match ending:
            case Retrying(why=why) | Settled(left_over=why):
                self._error = why
            case Waiting(why=why):
                self._waits_for = why
            case Stalled() | Progressed():
                pass  # the conditions tell why nothing more is tried

    def now(self, late: str = "") -> Work:
        """The work at this moment. `late`: the part of the world that has not answered a look, "" while none is
        late."""
        now_s = _clock_s()
        steps = tuple(_at_work(each, now_s) for each in self._begun.values())
        if late:
            return Work(steps, waits_for=late)
        is_idle = not steps and (self._error or self._waits_for)
        again_s = round(max(self._again_at_s - now_s, 0.0), 1) if is_idle else 0.0
        return Work(steps, self._error, self._waits_for, again_s)


def merged(works: Sequence[Work]) -> Work:
    """The work of several domains as one."""
    if len(works) == 1:
        return works[0]
    again = [each.again_s for each in works if each.again_s]
    return Work(
        tuple(step for each in works for step in each.steps),
        "; ".join(each.error for each in works if each.error),
        "; ".join(each.waits_for for each in works if each.waits_for),
        min(again, default=0.0),
    )


def _clock_s() -> float:
    """Seconds of a monotonic clock."""
    return asyncio.get_running_loop().time()


def _at_work(begun: _Begun, now_s: float) -> StepAtWork:
    entry = begun.entry
    for_s = round(now_s - begun.at_s, 1)
    far, done, total = begun.far, begun.done, begun.total
    return StepAtWork(entry.subject, entry.phase, entry.message, for_s, far, done, total, entry.domain)
