"""The controller: sources and engines nudge, a worker for each domain converges, sinks are told.

One task group. A source yields readings: a good one becomes the desired state, a bad one is reported with its places
and leaves the state in force as it is. Everything else is a key in the queue. On SIGTERM the sources end first, then
the step at work is finished (unless it is late), then the sinks receive the last entries; SIGHUP means "look again
now".
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from functools import partial

from evenkeel.controller.control.serve import Control
from evenkeel.controller.cycle.domain import AnyDomain
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.cycle.stage import first
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.lock import Lock
from evenkeel.controller.loop.acceptance import Acceptance
from evenkeel.controller.loop.custody import Custody, unwritable
from evenkeel.controller.loop.debounce import debounce
from evenkeel.controller.loop.defects import LONGEST_WAIT_S, Defects
from evenkeel.controller.loop.liveness import Liveness
from evenkeel.controller.loop.once import Once, Waits
from evenkeel.controller.loop.ports import Life, Reading, Serving, Sink, Source, Values
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.telling import Telling
from evenkeel.controller.loop.work import merged
from evenkeel.controller.loop.worker import Conduct, Worker
from evenkeel.controller.process.stopping import unless
from evenkeel.controller.transaction.preconditions import no_values
from evenkeel.controller.transaction.transaction import Transaction
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.feedback import Feedback, Standing

log = logging.getLogger(__name__)

_CONDUCT = Conduct()
_QUIET_S = 2.0
"""Files that are copied back one by one are complete when none has come for so long."""


class Controller:
    """All parts together. Built by `wiring`, run once."""

    def __init__(
        self,
        journal: Journal,
        domains: Sequence[AnyDomain],
        source: Source | None = None,
        sinks: Sequence[Sink] = (),
        resync: timedelta = timedelta(seconds=60),
        wake_ups: WakeUps | None = None,
        empty_removes_all: bool = False,
        keep: int = 10_000,
        life: Life | None = None,
        agents: Callable[[Controller], Serving] | None = None,
        lock: Lock | None = None,
        control: Control | None = None,
        values: Values | None = None,
        conduct: Conduct = _CONDUCT,
    ) -> None:
        """`domains` in the order of their switches. `keep`: entries of feedback that stay in the journal. `lock`:
        watched while the controller is at work. `control`: the socket of commands. `values`: those that preconditions name."""
        self._journal, self._source, self._life = journal, source, life
        self.defects = Defects(journal, self.say)
        """Every part of the controller reports its defects here."""
        self._liveness = Liveness(life, resync)
        self._telling = Telling(journal, sinks, keep, self.defects)
        self._resync_s, self._queue = resync.total_seconds(), wake_ups or WakeUps()
        self.stopping = asyncio.Event()
        """Set when the controller was told to stop."""
        self._over = self.stopping
        """Set when the work is over."""
        self._once: Once | None = None
        """Judges when it is, where the controller works as one command."""
        self._values = values
        self.transaction = Transaction(journal, values.present if values is not None else no_values)
        """The way of a revision over all domains."""
        self._workers = {
            domain.name: Worker(
                domain,
                rank,
                self.transaction,
                journal,
                self.say,
                self.defects,
                self._liveness.of(domain.name),
                self._queue,
                self._resync_s,
                self.stopping,
                conduct,
            )
            for rank, domain in enumerate(domains)
        }
        self._states: dict[str, str] = {}
        """The state of each domain for the service supervisor."""
        self._custody = Custody(journal, lock, self.say, self._restored, self._resync_s)
        self._control = control
        if control is not None:
            control.answer("look", self._looks)
            control.answer("status", self._standing)
            control.answer("values", lambda: encode(values.present() if values is not None else {}))
            control.answer("failures", lambda: encode(self._journal.failures.unwritten()))
        self._serving = agents(self) if agents is not None else None
        serves = self._serving is not None and self._serving.commands
        self._acceptance = Acceptance(journal, self.say, empty_removes_all=empty_removes_all, serves=serves)
        for agent in self._serving.agents if self._serving is not None else ():
            self._workers[agent.domain].agent = agent
        for worker in self._workers.values():
            worker.serves = serves

    def worker(self, domain: str) -> Worker:
        """The worker of a domain, for an agent to drive."""
        return self._workers[domain]

    def say(self, feedback: Feedback) -> None:
        """Store an entry, then tell the log and the sinks."""
        self._telling.say(feedback)

    def stop(self) -> None:
        """Finish the step at work, unless it is late, and end."""
        self.stopping.set()
        self._over.set()
        self._cut_short()
        if self._life is not None:
            self._life.stopping()
        for worker in self._workers.values():
            if worker.agent is not None:
                worker.agent.stop()

    def _cut_short(self) -> None:
        for worker in self._workers.values():
            worker.cut.set()

    def look(self) -> None:
        """Look again now, at the source and at the engine, and ask registries again about tags that are followed."""
        if self._source is not None:
            self._source.look()
        for worker in self._workers.values():
            worker.look_again()

    async def run(self) -> None:
        """Work until `stop`. A defect in one part does not stop the others. Raises Busy when another controller has
        taken the place of this one."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self.defects.in_callback)
        for number, act in ((signal.SIGTERM, self.stop), (signal.SIGINT, self.stop), (signal.SIGHUP, self.look)):
            with suppress(NotImplementedError, ValueError, RuntimeError):
                loop.add_signal_handler(number, act)
        for domain in self._workers:
            self._liveness.of(domain).looks()
        self.defects.begin()
        self.say(Feedback("started", "the controller is at work"))
        if self._life is not None:
            self._life.started()
        work = {"source": self._watch_source, "sinks": self._telling.tell, "watchdog": self._liveness.keep_alive}
        if self._serving is not None:
            work["agents"] = self._serving.serve
        if self._values is not None:
            work["values"] = partial(self.transaction.groups.preconditions.follow, self._values.changes)
        try:
            await self._work_with(work, "the controller was told to stop")
        finally:
            for worker in self._workers.values():
                await worker.cycles.close()
                await worker.driver.close()

    async def _work_with(self, parts: Mapping[str, Callable[[], Awaitable[None]]], end: str) -> None:
        """Work until it is over, with these parts beside the workers and those that every controller has. `end` is said
        then."""
        work = {**parts, "state directory": self._custody.watch}
        for name, worker in self._workers.items():
            work[f"engine events{self._of(name)}"] = worker.watch
            work[f"looks beside steps{self._of(name)}"] = worker.look_beside
            worker.wake()
        if self._control is not None:
            work["control socket"] = self._control.serve
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.defects.supervise(part, each)) for part, each in work.items()]
                await self.defects.supervise("worker", self._work)
                if end:
                    self.say(Feedback("stopped", end))
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as raised:
            raise first(raised) from raised
        self._journal.failures.flush()
        self._custody.finish()
        await self._telling.tell_once()

    async def converge(self, waits: Waits = lambda seconds, why: None, tries: int = 5) -> Ending:
        """Work as one command, until nothing more would happen by itself (`Once`), or until `stop`."""
        self._once = once = Once(self._workers, self._queue, self.defects, waits, tries)
        self._over = asyncio.Event() if not self.stopping.is_set() else self.stopping
        try:
            await self._work_with({}, "")
        finally:
            for worker in self._workers.values():
                await worker.cycles.close()
        return once.ending

    def accept(self, reading: Reading) -> bool:
        """Accept a reading as the desired state, or report why not; True when the state in force has changed."""
        return self._acceptance.accept(reading)

    async def _watch_source(self) -> None:
        if self._source is None:
            return
        async with (
            aclosing(self._source.changes()) as found,  # type: ignore[type-var]
            aclosing(debounce(found, self._acceptance.can_wait, _QUIET_S)) as readings,
        ):
            async for reading in readings:
                if self.accept(reading):
                    self._cut_short()
                for worker in self._workers.values():
                    worker.wake()

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as turns:
                while not self._over.is_set():
                    key = await unless(self._over, self._queue.get())
                    if key is None:
                        break
                    turns.create_task(self._work_on(key))
        except BaseExceptionGroup as raised:
            raise first(raised) from raised

    async def _work_on(self, key: str) -> None:
        part = f"worker{self._of(key)}"
        try:
            with self.defects.turn(part):
                self._acceptance.look()
                ending, wait_s = await self._workers[key].work_on()
                self._tell_state(key, ending, wait_s)
                if self._once is not None and self._once.turned(key, ending, wait_s):
                    self._over.set()
                log.debug("cycle ended", extra={"fields": {"ending": type(ending).__name__}})
            if self.defects.is_broken(part):  # the cycle alone may be due much later
                self._queue.add(key, LONGEST_WAIT_S)
        finally:
            self._queue.done(key)

    def _tell_state(self, key: str, ending: Ending, wait_s: float) -> None:
        self._states[key] = _state(ending, wait_s)
        if self._life is not None:
            loss = self._journal.loss
            from_memory = f"works from memory ({loss.trouble.why}); " if loss is not None else ""
            alike = len(set(self._states.values())) == 1
            told = [text if alike else f"{name}: {text}" for name, text in self._states.items()]
            self._life.state(from_memory + "; ".join(dict.fromkeys(told)))

    def _of(self, domain: str) -> str:
        """The domain in the names of its parts; "" for the only domain."""
        return f" of {domain}" if len(self._workers) > 1 else ""

    def _restored(self) -> None:
        """Everything is on the disk again: go on with waiting work, and have the source yield its reading again."""
        self._telling.restored()
        self._cut_short()
        self.look()

    def _looks(self) -> bytes:
        self._telling.look()
        self.look()
        return b"ok\n"

    def _standing(self) -> bytes:
        journal, loss = self._journal, self._journal.loss
        conditions, trouble = journal.conditions(), ""
        if loss is not None:  # perhaps no look has noticed the loss yet: set the condition
            others = [each for each in conditions if each.name != "StateWritable"]
            told = unwritable(loss)
            since = next((each.since for each in conditions if each.name == told.name and not each.holds), 0.0)
            conditions, trouble = (*others, changed(told, since=since)), loss.trouble.mark
        desired, good = journal.digest("desired"), journal.digest("last-good")
        work = merged([each.work.now(each.cycles.late()) for each in self._workers.values()])
        return encode(Standing(conditions, desired, good, trouble, work))


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
