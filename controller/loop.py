"""The controller: sources and engines nudge, one worker converges, sinks are told.

One task group. A source brings readings; a good one becomes the desired state, a bad one is reported with its places and
leaves in force what was. Everything else is a key in the queue. On SIGTERM the sources end first, then the step at work is
finished, then the sinks have the last word; SIGHUP means "look again now".
"""

from __future__ import annotations

import asyncio
import logging
import math
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any, Protocol

from evenkeel.controller.apply import first
from evenkeel.controller.cycle import Cycles, Ending, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.journal import Journal, at_once
from evenkeel.controller.queue import WakeUps
from evenkeel.controller.stopping import unless
from evenkeel.reconcilers.ports import Driver
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Condition, Feedback, Kind
from evenkeel.specs.problem import Problem, errors, problem_text

log = logging.getLogger(__name__)

_NUDGE_DELAY_S = 0.1
"""Engines nudge in bursts; one look serves them all."""
_LONGEST_LOOK_S = 300.0
"""A worker that neither ends its cycle nor begins a step for so long hangs."""


class Reading(Protocol):
    """What a source found: a state, all problems, whether there was anything at all, and which of its places are gone."""

    @property
    def desired(self) -> DesiredState: ...
    @property
    def problems(self) -> Sequence[Problem]: ...
    @property
    def is_empty(self) -> bool: ...
    @property
    def missing(self) -> Sequence[str]: ...


class Source(Protocol):
    """Where desired states come from."""

    def changes(self) -> AsyncIterator[Reading]:
        """A reading at the start, and one whenever something changed."""
        ...

    def look(self) -> None:
        """Look now instead of waiting."""
        ...


class Sink(Protocol):
    """Where feedback goes. It is told in order; what it has taken it need not be told again."""

    @property
    def name(self) -> str:
        """Its cursor in the journal."""
        ...

    async def take(self, entries: Sequence[Feedback]) -> None:
        """Deliver; return when they are safe. Raises OSError to be asked again later."""
        ...


class Life(Protocol):
    """Who is told that the controller lives, such as the system's service supervisor. Nothing here may raise."""

    @property
    def every_s(self) -> float:
        """How often it wants to hear that the worker lives; 0 is never."""
        ...

    def started(self) -> None: ...
    def alive(self) -> None: ...
    def state(self, text: str) -> None: ...
    def stopping(self) -> None: ...


class Agent(Protocol):
    """Who asks by messages, and for whom activities are driven."""

    async def serve(self) -> None:
        """Keep the connection, take messages in, send answers out; until cancelled."""
        ...

    async def work(self) -> None:
        """Deal with everything that waits, as part of the one worker's work."""
        ...

    def due_in_s(self) -> float | None:
        """In how many seconds it has work without a message."""
        ...

    def look(self) -> None:
        """Something about the containers may have changed."""
        ...

    def stop(self) -> None:
        """Cut short what can be cut short."""
        ...


class Controller:
    """All parts together. Built by `wiring`, run once."""

    def __init__(
        self,
        journal: Journal,
        driver: Driver[Any],
        cycles: Callable[[Callable[[Feedback], None]], Cycles],
        source: Source | None = None,
        sinks: Sequence[Sink] = (),
        resync: timedelta = timedelta(seconds=60),
        wake_ups: WakeUps | None = None,
        empty_removes_all: bool = False,
        keep: int = 10_000,
        domain: str = "containers",
        beat: Callable[[str], None] = lambda state: None,
        life: Life | None = None,
        longest_step: timedelta = timedelta(minutes=45),
        agent: Callable[[Controller], Agent] | None = None,
    ) -> None:
        """`keep`: entries of feedback that stay in the journal. `beat(state)` is called after every cycle. `longest_step`:
        a step that takes longer than this means that the worker hangs."""
        self._journal, self._driver, self._source, self._sinks = journal, driver, source, sinks
        self._cycles = cycles(self._worker_says)
        self._resync_s, self._empty_removes_all = resync.total_seconds(), empty_removes_all
        self._keep, self._domain, self._beat, self._life = keep, domain, beat, life
        self._longest_step_s = longest_step.total_seconds()
        self._lives_until = math.inf
        self._queue = wake_ups or WakeUps()
        self._stopping, self._said = asyncio.Event(), asyncio.Event()
        self._cut = asyncio.Event()
        """Set when what can be cut short should be: told to stop, or something newer waits."""
        self._trimmed = 0
        self._agent = agent(self) if agent is not None else None

    @property
    def cycles(self) -> Cycles:
        """The worker's cycles, for an agent to drive."""
        return self._cycles

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
        """Store an entry; once it is on the disk, tell the log and wake the sinks."""
        entry = self._journal.say(feedback)
        self._journal.once_kept(lambda: self._is_said(entry))

    def _is_said(self, entry: Feedback) -> None:
        level = logging.WARNING if entry.kind in _BAD else logging.INFO
        fields = {name: getattr(entry, name) for name in ("seq", "subject", "phase", "revision", "cycle", "place")}
        log.log(level, entry.kind, extra={"fields": {"message": entry.message, **fields}})
        self._said.set()

    def stop(self) -> None:
        """Finish the step at work and end."""
        self._stopping.set()
        self._cut.set()
        if self._life is not None:
            self._life.stopping()
        if self._agent is not None:
            self._agent.stop()

    def look(self) -> None:
        """Look again now: at the source and at the engine."""
        if self._source is not None:
            self._source.look()
        self._queue.add(self._domain)

    async def run(self) -> None:
        """Until `stop`. Raises JournalError when intent cannot be kept."""
        loop = asyncio.get_running_loop()
        for number, act in ((signal.SIGTERM, self.stop), (signal.SIGINT, self.stop), (signal.SIGHUP, self.look)):
            with suppress(NotImplementedError, ValueError, RuntimeError):
                loop.add_signal_handler(number, act)
        self._lives_until = loop.time() + _LONGEST_LOOK_S
        self.say(Feedback("started", "the controller is at work"))
        if self._life is not None:
            self._life.started()
        self._queue.add(self._domain)
        try:
            async with asyncio.TaskGroup() as group:
                work = [self._watch_source, self._watch_engine, self._tell, self._keep_alive]
                if self._agent is not None:
                    work.append(self._agent.serve)
                helpers = [group.create_task(each()) for each in work]
                await self._work()
                self.say(Feedback("stopped", "the controller was told to stop"))
                for helper in helpers:
                    helper.cancel()
            await self._tell_once()
        except BaseExceptionGroup as raised:
            raise first(raised) from raised
        finally:
            await self._driver.close()

    async def converge(self) -> Ending:
        """Cycle until settled, stalled or told to stop, as one command's whole work."""
        while True:
            ending = await self._cycles.run(self._stopping)
            match ending:
                case Settled() | Stalled() | Waiting():
                    break
                case Progressed():
                    self._queue.progressed(self._domain)
                case Retrying(after_s=after_s):
                    wait_s = self._queue.retry(self._domain, after_s)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), wait_s)
            if self._stopping.is_set():
                break
        await self._tell_once()
        return ending

    @at_once
    def accept(self, reading: Reading) -> bool:
        """Take over what a source found, or report why not; True when something new is in force."""
        found = errors(reading.problems)
        if found:
            texts = "\n".join(problem_text(problem) for problem in found)
            self._source_is("source-broken", "Broken", f"{texts}\nwhat was in force stays in force")
            return False
        if reading.is_empty and (reading.missing or not self._empty_removes_all):
            what = f"{', '.join(reading.missing)} is not there" if reading.missing else "the source is empty"
            self._source_is("source-empty", "Empty", f"{what}; what was in force stays in force")
            return False
        was_bad = any(known.name == "SourceValid" and not known.holds for known in self._journal.conditions())
        doubts = "; ".join(problem_text(problem) for problem in reading.problems)
        if self._journal.set_condition(Condition("SourceValid", True, "Valid", doubts)) and was_bad:
            self.say(Feedback("source-restored", "the source is valid"))
        before = self._journal.digest("files")
        is_new = self._journal.put("files", reading.desired, "files")
        if self._journal.digest("message"):
            if reading.desired.digest != before:
                self.say(
                    Feedback("source-overruled", "a message is in force; `evenkeel release` gives the files their say")
                )
            return False
        known = self._journal.digest("desired")
        is_new = self._journal.put("desired", reading.desired, "files") or is_new
        if reading.desired.digest != known:
            count = len(reading.desired.documents)
            what = f"{count} document{'s' * (count != 1)}" + (f"; {doubts}" if doubts else "")
            self._journal.set_condition(Condition("Settled", False, "Converging", "a new revision was accepted"))
            self.say(Feedback("revision-accepted", what, revision=reading.desired.digest))
        return is_new

    @at_once
    def _source_is(self, kind: Kind, reason: str, message: str) -> None:
        if self._journal.set_condition(Condition("SourceValid", False, reason, message)):
            self.say(Feedback(kind, message))

    async def _watch_source(self) -> None:
        if self._source is None:
            return
        async with aclosing(self._source.changes()) as readings:  # type: ignore[type-var]
            async for reading in readings:
                if self.accept(reading):
                    self._cut.set()
                self._queue.add(self._domain)

    async def _watch_engine(self) -> None:
        async with aclosing(self._driver.nudges()) as nudges:  # type: ignore[type-var]
            async for _ in nudges:
                self._queue.nudge(self._domain, _NUDGE_DELAY_S)
                if self._agent is not None:
                    self._agent.look()

    async def _work(self) -> None:
        while not self._stopping.is_set():
            key = await unless(self._stopping, self._queue.get())
            if key is None:
                break
            self._lives_for(_LONGEST_LOOK_S)
            if not self._stopping.is_set():
                self._cut.clear()
            if self._agent is not None:
                await self._agent.work()
            ending = await self._cycles.run(self._cut)
            self._lives_for(2 * self._resync_s + 2 * _LONGEST_LOOK_S)  # idle: at the latest then it looks again
            self._beat(_state(ending))
            if self._life is not None:
                self._life.state(_state(ending))
            match ending:
                case Progressed():
                    self._queue.progressed(key)
                    self._queue.add(key)
                case Retrying(after_s=after_s):
                    self._queue.retry(key, after_s)
                case Settled() | Waiting() | Stalled():
                    self._queue.progressed(key)
                    self._queue.add(key, self._resync_s)
            due_s = self._agent.due_in_s() if self._agent is not None else None
            if due_s is not None:
                self._queue.add(key, due_s)
            log.debug("cycle ended", extra={"fields": {"ending": type(ending).__name__}})
            self._queue.done(key)

    def looks(self) -> None:
        """The worker tries something: it does not hang."""
        self._lives_for(_LONGEST_LOOK_S)

    def progressed(self) -> None:
        """A step at work says that it is."""
        self._lives_for(self._longest_step_s)

    def _worker_says(self, feedback: Feedback) -> None:
        self._lives_for(self._longest_step_s if feedback.kind == "step-started" else _LONGEST_LOOK_S)
        self.say(feedback)

    def _lives_for(self, seconds: float) -> None:
        """A sign of life of the worker; the next one is due in so many seconds."""
        self._lives_until = asyncio.get_running_loop().time() + seconds

    async def _keep_alive(self) -> None:
        """Tell that the worker lives for as long as it does: a loop that turns around a worker that hangs says nothing."""
        while self._life is not None and self._life.every_s > 0:
            if asyncio.get_running_loop().time() <= self._lives_until:
                self._life.alive()
            else:
                log.error("the worker hangs", extra={"fields": {}})
            await asyncio.sleep(self._life.every_s)

    async def _tell(self) -> None:
        while True:
            await self._said.wait()
            self._said.clear()
            if not await self._tell_once():
                await asyncio.sleep(5)
                self._said.set()

    async def _tell_once(self) -> bool:
        """Give every sink what it has not taken; False when one could not take it."""
        complete = True
        for sink in self._sinks:
            while entries := self._journal.said(self._journal.delivered(sink.name)):
                try:
                    await sink.take(entries)
                except OSError as error:
                    log.warning("sink failed", extra={"fields": {"sink": sink.name, "why": str(error)}})
                    complete = False
                    break
                self._journal.confirm(sink.name, entries[-1].seq)
        if (last := self._journal.last_seq()) >= self._trimmed + 1000:
            self._journal.trim(self._keep, [sink.name for sink in self._sinks])
            self._trimmed = last
        return complete


_BAD = ("source-broken", "revision-failed", "step-failed", "stalled", "engine-lost", "rolling-back")


def _state(ending: Ending) -> str:
    match ending:
        case Settled():
            return "settled"
        case Progressed():
            return "converging"
        case Retrying(why=why) | Waiting(why=why) | Stalled(why=why):
            return f"{type(ending).__name__.lower()}: {why}"
