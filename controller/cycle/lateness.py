"""When a step is late: it takes longer than it takes by itself, because the engine, or a registry, lets it wait.

A step that is late is told, and is not waited for any longer once something newer has come: what became of it shows in the
next look. It may still succeed in the engine after that, as it may after a power cut, so whoever looks again must not count
on either. A pull is late while nothing comes of it; every other step when its own time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from evenkeel.controller.process.stopping import unless
from evenkeel.specs.plan import Action, Outcome, Step

LATE_S = 5.0
"""For so long an answer, or the next piece of a pull, is waited for without a word."""
Late = Callable[[Step, str], None]
"""Hears that a step is late, and what is waited for; "" when it goes on."""


def unheard(step: Step, why: str) -> None:
    """Lateness that nobody hears of."""


def late_after_s(action: Action) -> float:
    """After how many seconds a step is late: a stop takes as long as the process may take to end, a proof as long as it is
    watched."""
    return action.traits.own_s + LATE_S


def late_text(action: Action) -> str:
    """What is waited for."""
    if action.traits.fetches:
        return f"nothing of {action.traits.fetches} has come from the engine, or its registry, for {LATE_S:g} s"
    return f"the engine has not ended within {late_after_s(action):g} s: {action.traits.text}"


class Course:
    """How one step goes on."""

    def __init__(self, step: Step, late: Late) -> None:
        self._step, self._late = step, late
        self._after_s = late_after_s(step.action)
        self._since, self._moves = asyncio.get_running_loop().time(), asyncio.Event()

    def moved(self) -> None:
        """Something has come of it. For all but a pull that tells nothing of how long it takes."""
        if self._step.action.traits.fetches:
            self._since = asyncio.get_running_loop().time()
            self._moves.set()

    async def outcome(self, work: Coroutine[Any, Any, Outcome], cut: asyncio.Event) -> Outcome | None:
        """How it ends; `None` when `cut` ended it while it was late."""
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
