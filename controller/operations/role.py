"""The update manager as a role of the device's connection.

Agents of other devices are heard over the broker, those of this one as they store their messages: these go on while no
broker is there. Nothing here waits for an agent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.journal.mailbox import MOST_TRIES, Incoming
from evenkeel.controller.loop.defects import Defects
from evenkeel.controller.mqtt.session import is_of
from evenkeel.controller.operations.backend import Backend
from evenkeel.controller.operations.conduct import OperationsConduct, operations_topics
from evenkeel.controller.operations.judgement import Judgement
from evenkeel.controller.operations.orchestrator import Lines, Orchestrator
from evenkeel.controller.operations.reboot import Reboots
from evenkeel.controller.operations.values import Values
from evenkeel.controller.operations.wait import wait_for
from evenkeel.controller.process.clock import Clock, system_clock
from evenkeel.reconcilers.operations.inventory import read_report
from evenkeel.reconcilers.operations.waiting import timers
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.kanto.heard import heard_from
from evenkeel.specs.kanto.updateagent import shorter_feedback
from evenkeel.specs.operations.events import Elapsed, Timer

if TYPE_CHECKING:
    from evenkeel.controller.mqtt import Message


class OperationsRole:
    """A `Role` of the router: one update manager."""

    name = "update manager"

    def __init__(
        self,
        conduct: OperationsConduct,
        backend: Backend,
        lines: Lines,
        orchestrator: Orchestrator,
        reboots: Reboots,
        values: Values,
        journal: Journal,
        defects: Defects,
        say: Callable[[Feedback], None],
        clock: Clock = system_clock,
    ) -> None:
        self._conduct, self._backend, self._lines, self._orchestrator = conduct, backend, lines, orchestrator
        self._values, self._clock = values, clock
        self._feedback = operations_topics(conduct.domain).feedback
        self._judgement = Judgement(values, lambda: orchestrator.operation, orchestrator.meet)
        orchestrator.on_step = self._judgement.wake
        self._reboots, self._journal, self._defects, self._say = reboots, journal, defects, say
        self._domains = {
            topic: domain for domain, each in lines.topics.items() for topic in (each.feedback, each.state)
        }
        """Topic → the domain whose agent speaks there."""
        self._mail = journal.mailbox(f"{conduct.domain} agents")
        """Feedback of the agents of this device: stored with their activities, so that no crash separates the two."""
        self._reports: deque[tuple[str, bytes]] = deque()
        """Topic and content of reports of these agents. They are asked for again."""
        self._hears = asyncio.Event()
        for domain in lines.local:
            journal.outbox.listen(lines.topics[domain].feedback, partial(self._keep, lines.topics[domain].feedback))
            journal.outbox.listen(lines.topics[domain].state, partial(self._note, lines.topics[domain].state))

    def _keep(self, topic: str, payload: bytes) -> None:
        self._mail.take_in(topic, payload)
        self._hears.set()

    def _note(self, topic: str, payload: bytes) -> None:
        self._reports.append((topic, payload))
        self._hears.set()

    # ── of the connection ──────────────────────────────────────────────────────────────────────────────────────────

    @property
    def topics(self) -> Sequence[str]:
        remote = [topic for topic, domain in self._domains.items() if domain not in self._lines.local]
        return (*self._backend.topics, *remote, *self._values.topics)

    def has_room(self) -> bool:
        return self._backend.has_room()

    def arrived(self, message: Message) -> None:
        topic = message.topic
        if topic in self._values.topics:
            self._values.receive(topic, message.payload, self._clock().up_s, retained=message.retained)
        if topic in self._domains:
            self._hear(self._domains[topic], topic, message.payload, retained=message.retained)
        elif any(is_of(each, topic) for each in self._backend.topics):
            self._backend.arrived(message)

    def _hear(self, domain: str, topic: str, payload: bytes, *, retained: bool = False) -> None:
        if topic == self._lines.topics[domain].feedback:
            told = heard_from(payload)
            if told is None:
                self._ignore(topic, f"it is no feedback: {payload[:200]!r}")
            elif not retained:
                self._orchestrator.feedback(domain, told)
            return
        report = read_report(payload, topic)
        if isinstance(report, str):
            self._ignore(topic, report)
        else:
            self._orchestrator.reported(domain, report, retained=retained)

    def set_aside(self, message: Message, why: str) -> None:
        self._journal.mailbox(self._conduct.domain).set_aside(message.topic, message.payload, why)

    def shorter(self, topic: str, payload: bytes) -> Iterator[bytes]:
        """Feedback with shorter and shorter texts: its sender needs the status in any case."""
        return shorter_feedback(payload) if topic == self._feedback else iter(())

    async def introduce(self) -> None:
        self._values.connect()
        self._backend.connected()

    def disconnected(self) -> None:
        self._values.disconnect()
        self._backend.disconnected()

    async def serve(self) -> None:
        self._orchestrator.resume()
        async with asyncio.TaskGroup() as group:
            for work in (
                self._hear_own,
                self._time,
                self._report,
                self._narrate,
                self._reboot,
                self._judge,
                self._converse,
            ):
                part = f"{self.name}, {work.__name__.strip('_')}"
                group.create_task(self._defects.supervise(part, work))

    def _ignore(self, topic: str, why: str) -> None:
        self._say(Feedback("message-ignored", why, place=topic))

    # ── beside it ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _hear_own(self) -> None:
        """Agents of this device, as they tell."""
        while True:
            while (message := self._mail.incoming()) is not None and self._journal.is_durable:
                if message.tries < MOST_TRIES:
                    self._mail.begin_try(message)
                    self._hear_stored(message)
                else:
                    self._mail.set_aside(message.topic, message.payload, "evenkeel broke on it again and again")
                    self._mail.record(None, dealt_with=message)
                await asyncio.sleep(0)
            while self._reports:
                topic, payload = self._reports.popleft()
                self._hear(self._domains[topic], topic, payload)
            await self._hears.wait()
            self._hears.clear()

    @at_once
    def _hear_stored(self, message: Incoming) -> None:
        self._hear(self._domains[message.topic], message.topic, message.payload)
        self._mail.record(None, dealt_with=message)

    async def _time(self) -> None:
        """The timers of the operation."""
        clock, running = asyncio.get_running_loop().time, dict[tuple[str, Timer], float]()
        while True:
            operation, now_s = self._orchestrator.operation, clock()
            wanted = timers(operation, self._conduct.decisions) if operation is not None else ()
            id_ = operation.id if operation is not None else ""
            running = {(id_, each): running.get((id_, each), now_s + each.seconds) for each in wanted}
            over = [key for key, at in running.items() if at <= now_s]
            if over:
                del running[over[0]]
                self._orchestrator.meet(Elapsed(over[0][1]))
                continue
            self._orchestrator.changed.clear()
            await wait_for(self._orchestrator.changed, min(running.values()) - now_s if running else None)

    async def _report(self) -> None:
        reports = self._orchestrator.reports
        while True:
            reports.changed.clear()
            await wait_for(reports.changed, reports.due_in_s())
            if reports.due_in_s() == 0.0:
                with self._journal.at_once():
                    reports.work()

    async def _narrate(self) -> None:
        narrator = self._orchestrator.narrator
        while True:
            due_in_s = narrator.due_in_s()
            if due_in_s is None:
                await self._orchestrator.told.wait()
                self._orchestrator.told.clear()
            else:
                await asyncio.sleep(due_in_s)
                narrator.flush()

    async def _judge(self) -> None:
        await self._judgement.serve()

    async def _converse(self) -> None:
        await self._backend.serve()

    async def _reboot(self) -> None:
        await self._reboots.serve(self._orchestrator)
