"""The worker of one domain: its cycles, their nudges, and the time of the next one.

Every domain has one, and all of them work side by side: a download in one domain does not hold up a repair in another.
A worker is strictly serial. Only the transaction couples workers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing, suppress
from functools import partial
from typing import NamedTuple

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.domain import AnyDomain
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.cycle.stage import StageLimits
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.loop.defects import LONGEST_WAIT_S, Defects
from evenkeel.controller.loop.liveness import Signs
from evenkeel.controller.loop.ports import Agent
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.work import WorkAtHand
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.controller.transaction.transaction import Transaction
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.plan import Step

log = logging.getLogger(__name__)

_BESIDE_S = 1.0
"""The shortest pause between two looks beside steps at work."""
_NUDGE_DELAY_S = 0.1
"""Engines nudge in bursts; one look after this delay covers a burst."""

Voice = Callable[[Feedback], None]
Far = Callable[[Step, str, int, int], None]


class Conduct(NamedTuple):
    """Settings of all workers. `tries`: how often a disturbing phase of a revision may fail. `on_entry` is called with
    every entry right after it was stored, `progress` with the progress of long steps."""

    limits: StageLimits | None = None
    tries: int = 5
    now: Now = system_now
    on_entry: Voice = lambda entry: None
    progress: Far = lambda step, message, done, total: None


class Worker:
    """The worker of one domain."""

    def __init__(
        self,
        domain: AnyDomain,
        rank: int,
        transaction: Transaction,
        journal: Journal,
        say: Voice,
        defects: Defects,
        signs: Signs,
        queue: WakeUps,
        resync_s: float,
        stopping: asyncio.Event,
        conduct: Conduct,
    ) -> None:
        self.name, self.driver = domain.name, domain.driver
        self._journal, self._say, self._defects = journal, say, defects
        self.signs = signs
        """The signs of life of this worker, given by the part that does its work."""
        self._queue, self._resync_s, self._stopping = queue, resync_s, stopping
        self.work = WorkAtHand()
        """The steps at work, with their progress."""
        self.cut = asyncio.Event()
        """Set when work that can be cut short should be: told to stop, or something newer waits."""
        self._nudged = asyncio.Event()
        self.agent: Agent | None = None
        """The agent that works in the turns of this worker."""
        self.serves = False
        """Whether desired states may come in messages, in any domain."""
        self._conduct = conduct
        self.cycles = Cycles(
            domain.reconciler,
            domain.driver,
            journal,
            self._hears,
            conduct.limits,
            conduct.tries,
            conduct.now,
            self._progressed,
            transaction,
            rank,
            self.wake,
            partial(self.wake, urgent=True),
        )
        self.cycles.steps.broke = partial(defects.report, domain.name)
        self.cycles.steps.at_work = signs.works

    def wake(self, *, urgent: bool = False) -> None:
        """Wake the worker. An `urgent` wake-up does not wait for a pull or a proof, which are begun again later."""
        if urgent:
            self.cut.set()
        self._queue.add(self.name)

    def look_again(self) -> None:
        """Look at everything anew, registries included."""
        self.cycles.ask_afresh()
        self._queue.add(self.name)

    async def watch(self) -> None:
        """Follow the nudges of the driver."""
        async with aclosing(self.driver.nudges()) as nudges:  # type: ignore[type-var]
            async for _ in nudges:
                self._queue.nudge(self.name, _NUDGE_DELAY_S)
                self._nudged.set()
                if self.agent is not None:
                    self.agent.look()

    async def look_beside(self) -> None:
        """While steps are at work, report the health of the subjects that they do not change, and repair these, whenever the
        driver nudges and when a repair that failed is due again."""
        due_in_s: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(due_in_s):
                    await self._nudged.wait()
            self._nudged.clear()
            await asyncio.sleep(_BESIDE_S)
            due_in_s = await self.cycles.look_beside()

    async def work_on(self) -> tuple[Ending, float]:
        """One turn: its ending, and the seconds until the next one is due."""
        self.signs.looks()
        if not self._stopping.is_set():
            self.cut.clear()
        ending = await self._turn()
        self.signs.rests()
        wait_s = self._due_in_s(ending)
        if not isinstance(ending, Retrying):
            self._queue.progressed(self.name)
            self._queue.add(self.name, wait_s)
        if self._defects.is_broken(self.name) or self._is_agent_broken():
            self._queue.add(self.name, LONGEST_WAIT_S)
        self.work.turned(ending, wait_s, self.cycles.fetched_beside)
        if self.agent is not None:
            with self._defects.turn(f"{self.agent.name}'s times"):
                due_s = self.agent.due_in_s()
                if due_s is not None:
                    self._queue.add(self.name, due_s)
        return ending, wait_s

    def _is_agent_broken(self) -> bool:
        return self.agent is not None and self._defects.is_broken(self.agent.name)

    def _due_in_s(self, ending: Ending) -> float:
        match ending:
            case Progressed():
                return 0.0
            case Retrying(after_s=after_s):
                return self._queue.retry(self.name, after_s)
            case Settled(left_over=why, again_s=again_s) if why:
                return min(again_s, self._resync_s)
            case Waiting(again_s=again_s) if again_s:
                return again_s
            case Settled() | Waiting() | Stalled():
                return self._resync_s

    async def _turn(self) -> Ending:
        """The agent's work, then a cycle. A defect in one does not hold up the other."""
        if self.serves and not self._journal.knows_intent:
            with self._defects.turn(self.name):
                await self.cycles.hold(self._stopping)
        if self.agent is not None:
            with self._defects.turn(self.agent.name):
                await self.agent.work()
        ending: Ending = Retrying("a defect of evenkeel; the condition Defect says where", 0.0, None)
        with self._defects.turn(self.name):
            ending = await self.cycles.run(self.cut)
        if self.agent is not None and self._is_agent_broken() and isinstance(ending, Settled | Waiting | Stalled):
            return Retrying(f"a defect of the {self.agent.name}; the condition Defect says where", 0.0, None)
        return ending

    def _hears(self, feedback: Feedback) -> None:
        self.signs.looks()
        self.work.entry(feedback)
        self._say(feedback)
        self._journal.once_kept(lambda: self._conduct.on_entry(feedback))

    def _progressed(self, step: Step, message: str, done: int, total: int) -> None:
        self.signs.looks()
        if text := self.work.progressed(step, message, done, total):
            fields = {"subject": step.subject, "message": text, "domain": self.name}
            log.info("fetching" if step.action.traits.fetches else "waiting", extra={"fields": fields})
        self._conduct.progress(step, message, done, total)
