"""Late steps: a step is late when the engine, or a registry, makes it take longer than it does by itself.

A late step is reported, and no longer waited for once something newer has come; its result shows in the next look. It
may still succeed in the engine after that, as it may after a power cut, so the next look must expect either. A pull is
late while it makes no progress; every other step is late when its own time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from evenkeel.controller.process.stopping import unless
from evenkeel.specs.plan import Action, Outcome, Step

LATE_S = 5.0
"""An answer, or the next piece of a pull, is late after this time."""
Late = Callable[[Step, str], None]
"""Called with a late step and the reason of its wait; with "" when the step goes on."""


def unheard(step: Step, why: str) -> None:
    """Ignore lateness."""


def late_after_s(action: Action) -> float:
    """The seconds after which a step is late: for a stop the time that the process may take to end, for a proof the
    time that it watches."""
    return action.traits.own_s + LATE_S


def late_text(action: Action) -> str:
    """The reason of the wait, in words."""
    by = action.traits.by
    if action.traits.fetches:
        source = f"from {by}" if by else "from the engine, or its registry,"
        return f"nothing of {action.traits.fetches} has come {source} for {LATE_S:g} s"
    return f"{by or 'the engine'} has not ended within {late_after_s(action):g} s: {action.traits.text}"


class Course:
    """The course of one step."""

    def __init__(self, step: Step, late: Late) -> None:
        self._step, self._late = step, late
        self._after_s = late_after_s(step.action)
        self._since, self._moves = asyncio.get_running_loop().time(), asyncio.Event()

    def moved(self) -> None:
        """A pull has made progress, and is not late. Progress of other steps says nothing about their duration."""
        if self._step.action.traits.fetches:
            self._since = asyncio.get_running_loop().time()
            self._moves.set()

    async def outcome(self, work: Awaitable[Outcome], cut: asyncio.Event) -> Outcome | None:
        """The outcome of the step; `None` when `cut` ended it while it was late."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                left_s = self._since + self._after_s - asyncio.get_running_loop().time()
                if left_s > 0:
                    await asyncio.wait({task}, timeout=left_s)
                    continue
                self._late(self._step, late_text(self._step.action))
                if await unless(cut, self._ends_or_moves(task)) is None:
                    break
                if not task.done():
                    self._late(self._step, "")
            return task.result() if task.done() else None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _ends_or_moves(self, task: asyncio.Future[Outcome]) -> bool:
        self._moves.clear()
        moves: asyncio.Future[Any] = asyncio.ensure_future(self._moves.wait())
        waited: set[asyncio.Future[Any]] = {task, moves}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            moves.cancel()
        return True
