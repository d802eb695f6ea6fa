"""The controller: sources and engines nudge, one worker converges, sinks are told.

One task group. A source brings readings; a good one becomes the desired state, a bad one is reported with its places and
leaves in force what was. Everything else is a key in the queue. On SIGTERM the sources end first, then the step at work is
finished (unless it is late), then the sinks have the last word; SIGHUP means "look again now".
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from functools import partial
from typing import Any

from evenkeel.controller.control.serve import Control
from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.cycle.stage import first
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.lock import Lock
from evenkeel.controller.loop.acceptance import Acceptance
from evenkeel.controller.loop.custody import Custody, unwritable
from evenkeel.controller.loop.debounce import unhurried
from evenkeel.controller.loop.defects import LONGEST_WAIT_S, Defects
from evenkeel.controller.loop.liveness import Liveness
from evenkeel.controller.loop.ports import Agent, Life, Reading, Sink, Source
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.telling import Telling
from evenkeel.controller.loop.work import WorkAtHand
from evenkeel.controller.process.stopping import unless
from evenkeel.reconcilers.ports import Driver
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.feedback import Feedback, Standing
from evenkeel.specs.plan import Phase

log = logging.getLogger(__name__)

_BESIDE_S = 1.0
"""While steps are at work, one look beside them in so many seconds at most."""
_NUDGE_DELAY_S = 0.1
"""Engines nudge in bursts; one look serves them all."""
_LONGEST_CLEAN_UP_S = 5.0
"""One command tries to remove what is left over until the next try is further away than this."""
_AGENT = "update agent"
_MOST_DEFECTS = 5
"""A command ends when so many cycles in a row broke; not before a revision has failed for it, and last-good is back."""
_QUIET_S = 2.0
"""Files that are copied back one by one are back when none has come for so long."""


class Controller:
    """All parts together. Built by `wiring`, run once."""

    def __init__(
        self,
        journal: Journal,
        driver: Driver[Any],
        cycles: Callable[[Callable[[Feedback], None]], Cycles[Any, Any, Any]],
        source: Source | None = None,
        sinks: Sequence[Sink] = (),
        resync: timedelta = timedelta(seconds=60),
        wake_ups: WakeUps | None = None,
        empty_removes_all: bool = False,
        keep: int = 10_000,
        domain: str = "containers",
        life: Life | None = None,
        agent: Callable[[Controller], Agent] | None = None,
        lock: Lock | None = None,
        control: Control | None = None,
    ) -> None:
        """`keep`: entries of feedback that stay in the journal. `lock`: it is looked after while the controller
        is at work. `control`: commands ask over it."""
        self._journal, self._driver, self._source, self._life = journal, driver, source, life
        self._defects, self._liveness = Defects(journal, self.say), Liveness(life, resync)
        self._telling = Telling(journal, sinks, keep, self._defects)
        self._cycles = cycles(self._worker_says)
        self._cycles.steps.broke = partial(self._defects.met, domain)
        self._cycles.steps.at_work = self._liveness.works
        self.work = WorkAtHand()
        """Hears how far the steps at work are."""
        self._resync_s = resync.total_seconds()
        self._domain, self._queue = domain, wake_ups or WakeUps()
        self._nudged = asyncio.Event()
        self._stopping, self._cut = asyncio.Event(), asyncio.Event()
        """Set when what can be cut short should be: told to stop, or something newer waits."""
        self._acceptance = Acceptance(journal, self.say, empty_removes_all=empty_removes_all, serves=agent is not None)
        self._custody = Custody(journal, lock, self.say, self._restored, self._resync_s)
        self._control = control
        if control is not None:
            control.answer("look", self._looks)
            control.answer("status", self._standing)
            control.answer("failures", lambda: encode(self._journal.failures.held()))
        self._agent = agent(self) if agent is not None else None

    @property
    def cycles(self) -> Cycles[Any, Any, Any]:
        """The worker's cycles, for an agent to drive."""
        return self._cycles

    @property
    def defects(self) -> Defects:
        """Where whoever works for the controller tells what broke."""
        return self._defects

    @property
    def liveness(self) -> Liveness:
        """Where whoever does the worker's work gives signs of life."""
        return self._liveness

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the controller was told to stop."""
        return self._stopping

    def wake(self, *, urgent: bool = False) -> None:
        """The worker has something to do; what is `urgent` does not wait for a pull or a proof, which are begun again
        later."""
        if urgent:
            self._cut.set()
        self._queue.add(self._domain)

    def say(self, feedback: Feedback) -> None:
        """Store an entry, then tell the log and the sinks."""
        self._telling.say(feedback)

    def stop(self) -> None:
        """Finish the step at work, unless it is late, and end."""
        self._stopping.set()
        self._cut.set()
        if self._life is not None:
            self._life.stopping()
        if self._agent is not None:
            self._agent.stop()

    def look(self) -> None:
        """Look again now: at the source and at the engine, and ask registries anew about tags that are followed."""
        if self._source is not None:
            self._source.look()
        self._cycles.ask_afresh()
        self._queue.add(self._domain)

    async def run(self) -> None:
        """Until `stop`. Whatever breaks, the rest goes on. Raises Busy when another controller has taken this one's place."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._defects.in_callback)
        for number, act in ((signal.SIGTERM, self.stop), (signal.SIGINT, self.stop), (signal.SIGHUP, self.look)):
            with suppress(NotImplementedError, ValueError, RuntimeError):
                loop.add_signal_handler(number, act)
        self._liveness.looks()
        self._defects.begin()
        self.say(Feedback("started", "the controller is at work"))
        if self._life is not None:
            self._life.started()
        self._queue.add(self._domain)
        try:
            async with asyncio.TaskGroup() as group:
                work = {
                    "source": self._watch_source,
                    "engine events": self._watch_engine,
                    "looks beside steps": self._look_beside,
                    "sinks": self._telling.tell,
                    "watchdog": self._liveness.keep_alive,
                    "state directory": self._custody.watch,
                }
                if self._control is not None:
                    work["control socket"] = self._control.serve
                if self._agent is not None:
                    work["update agent's connection"] = self._agent.serve
                helpers = [group.create_task(self._defects.supervise(part, each)) for part, each in work.items()]
                await self._defects.supervise("worker", self._work)
                self.say(Feedback("stopped", "the controller was told to stop"))
                for helper in helpers:
                    helper.cancel()
            self._journal.failures.flush()
            self._custody.finish()
            await self._telling.tell_once()
        except BaseExceptionGroup as raised:
            raise first(raised) from raised
        finally:
            await self._driver.close()

    async def converge(self, waits: Callable[[float, str], None] = lambda seconds, why: None, tries: int = 5) -> Ending:
        """Cycle until settled, stalled or told to stop, as one command's whole work. `waits` hears for how many seconds
        nothing will happen before the next try, and what for where nothing failed. A disturbing phase that failed `tries`
        times in a row ends it, too, although a controller at work would go on trying; and so does a defect."""
        care = asyncio.create_task(self._defects.supervise("state directory", self._custody.watch))
        try:
            ending = await self._converge(waits, tries)
        finally:
            care.cancel()
            with suppress(asyncio.CancelledError):
                await care
        self._journal.failures.flush()
        self._custody.finish()
        await self._telling.tell_once()
        return ending

    async def _converge(self, waits: Callable[[float, str], None], tries: int) -> Ending:
        failures = defects = 0
        while True:
            ending: Ending = Retrying("a defect of evenkeel", 0.0, None)
            with self._defects.turn(self._domain):
                ending = await self._cycles.run(self._stopping)
            defects = defects + 1 if self._defects.is_broken(self._domain) else 0
            if defects >= max(_MOST_DEFECTS, tries) and not isinstance(ending, Progressed):
                ending = Stalled(f"a defect of evenkeel, {defects} times in a row: {self._defects.texts()}")
            wait_s = 0.0
            match ending:
                case Settled(left_over=why, again_s=again_s) if why and again_s <= _LONGEST_CLEAN_UP_S:
                    wait_s = again_s
                case Waiting(again_s=again_s) if again_s:
                    wait_s = again_s
                case Settled() | Stalled() | Waiting():
                    break
                case Progressed():
                    failures = 0
                    self._queue.progressed(self._domain)
                case Retrying(after_s=after_s, phase=phase):
                    failures += phase not in (None, Phase.DOWNLOAD)
                    if failures >= tries:
                        break
                    wait_s = self._queue.retry(self._domain, after_s)
            if wait_s:
                waits(wait_s, ending.why if isinstance(ending, Waiting) else "")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait_s)
            if self._stopping.is_set():
                break
        return ending

    def accept(self, reading: Reading) -> bool:
        """Take over what a source found, or report why not; True when something new is in force."""
        return self._acceptance.accept(reading)

    async def _watch_source(self) -> None:
        if self._source is None:
            return
        async with (
            aclosing(self._source.changes()) as found,  # type: ignore[type-var]
            aclosing(unhurried(found, self._acceptance.is_hasty, _QUIET_S)) as readings,
        ):
            async for reading in readings:
                if self.accept(reading):
                    self._cut.set()
                self._queue.add(self._domain)

    async def _watch_engine(self) -> None:
        async with aclosing(self._driver.nudges()) as nudges:  # type: ignore[type-var]
            async for _ in nudges:
                self._queue.nudge(self._domain, _NUDGE_DELAY_S)
                self._nudged.set()
                if self._agent is not None:
                    self._agent.look()

    async def _look_beside(self) -> None:
        while True:
            await self._nudged.wait()
            self._nudged.clear()
            await asyncio.sleep(_BESIDE_S)
            await self._cycles.look_beside()

    async def _work(self) -> None:
        while not self._stopping.is_set():
            key = await unless(self._stopping, self._queue.get())
            if key is None:
                break
            try:
                await self._work_on(key)
            finally:
                self._queue.done(key)

    async def _work_on(self, key: str) -> None:
        self._liveness.looks()
        self._acceptance.look()
        if not self._stopping.is_set():
            self._cut.clear()
        ending = await self._turn()
        self._liveness.rests()
        wait_s = 0.0
        match ending:
            case Progressed():
                pass
            case Retrying(after_s=after_s):
                wait_s = self._queue.retry(key, after_s)
            case Settled(left_over=why, again_s=again_s) if why:
                wait_s = min(again_s, self._resync_s)
            case Waiting(again_s=again_s) if again_s:
                wait_s = again_s
            case Settled() | Waiting() | Stalled():
                wait_s = self._resync_s
        if not isinstance(ending, Retrying):
            self._queue.progressed(key)
            self._queue.add(key, wait_s)
        if self._defects.is_broken(self._domain) or self._defects.is_broken(_AGENT):
            self._queue.add(key, LONGEST_WAIT_S)
        if self._life is not None:
            loss = self._journal.loss
            from_memory = f"works from memory ({loss.trouble.why}); " if loss is not None else ""
            self._life.state(from_memory + _state(ending, wait_s))
        self.work.turned(ending, wait_s)
        with self._defects.turn("update agent's times"):
            due_s = self._agent.due_in_s() if self._agent is not None else None
            if due_s is not None:
                self._queue.add(key, due_s)
        log.debug("cycle ended", extra={"fields": {"ending": type(ending).__name__}})

    async def _turn(self) -> Ending:
        """The agent's work, then a cycle. A defect in one keeps the other from nothing."""
        if self._agent is not None:
            with self._defects.turn(_AGENT):
                if not self._journal.knows_intent:
                    await self._cycles.hold(self._stopping)
                await self._agent.work()
        ending: Ending = Retrying("a defect of evenkeel; the condition Defect says where", 0.0, None)
        with self._defects.turn(self._domain):
            ending = await self._cycles.run(self._cut)
        if self._defects.is_broken(_AGENT) and isinstance(ending, Settled | Waiting | Stalled):
            return Retrying("a defect of the update agent; the condition Defect says where", 0.0, None)
        return ending

    def _restored(self) -> None:
        """Everything is on the disk again: what had to wait goes on, and the source says again what it asks for."""
        self._telling.restored()
        self._cut.set()
        self.look()

    def _looks(self) -> bytes:
        self._telling.look()
        self.look()
        return b"ok\n"

    def _standing(self) -> bytes:
        journal, loss = self._journal, self._journal.loss
        conditions, trouble = journal.conditions(), ""
        if loss is not None:  # it may be that nobody has noticed yet, and set the condition
            others = [each for each in conditions if each.name != "StateWritable"]
            told = unwritable(loss)
            since = next((each.since for each in conditions if each.name == told.name and not each.holds), 0.0)
            conditions, trouble = (*others, changed(told, since=since)), loss.trouble.mark
        desired, good = journal.digest("desired"), journal.digest("last-good")
        return encode(Standing(conditions, desired, good, trouble, self.work.now(self._cycles.late())))

    def _worker_says(self, feedback: Feedback) -> None:
        self._liveness.looks()
        self.work.told(feedback)
        self.say(feedback)


def _state(ending: Ending, wait_s: float) -> str:
    match ending:
        case Settled(left_over=why):
            return f"settled; left over: {why}" if why else "settled"
        case Progressed():
            return "converging"
        case Retrying(why=why):
            return f"retrying in {wait_s:.0f} s: {why}"
        case Waiting(why=why) | Stalled(why=why):
            return f"{type(ending).__name__.lower()}: {why}"
