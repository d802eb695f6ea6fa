"""An update agent as a role of the device's connection and as an agent of its domain's worker.

The router hands messages over at any time, and the worker deals with them in its turns. A question for the current
state is answered beside both: its answer waits for the engine, and the messages behind it must not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from evenkeel.controller.agents.agent import UpdateAgent
from evenkeel.controller.agents.arrivals import Room
from evenkeel.controller.journal.mailbox import Mailbox
from evenkeel.controller.loop.defects import Defects
from evenkeel.specs.kanto.updateagent import shorter_feedback

if TYPE_CHECKING:
    from evenkeel.controller.mqtt import Message

_LOOK_AGAIN_S = 5.0
"""The pause before the next try of a report that could not be made."""
_REST = 20
"""Looks for news take at most a twentieth of the time: engines nudge many times for each container that comes or goes."""
_LONGEST_REST_S = 60.0
"""However long a look takes, and for how long the feedback of a command alone tells of changes."""


class AgentRole:
    """A `Role` of the router and an `Agent` of the controller: one update agent."""

    def __init__(
        self,
        agent: UpdateAgent,
        mail: Mailbox,
        wake_router: Callable[[], None],
        defects: Defects,
        debounce: timedelta = timedelta(seconds=1),
        name: str = "update agent",
    ) -> None:
        """`wake_router`: called when a mailbox may have room again. `debounce`: changes of the current state within
        this time are one report."""
        self._agent, self._mail, self._wake_router, self._defects = agent, mail, wake_router, defects
        self._debounce_s, self.name = debounce.total_seconds(), name

    # ── of the connection ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def wire_domain(self) -> str:
        """The name of its domain on the wire."""
        return self._agent.wire_domain

    @property
    def topics(self) -> Sequence[str]:
        topics = self._agent.topics
        return topics.desired, topics.command, topics.get

    def has_room(self) -> bool:
        return not self._mail.is_full(*self._answer_topics())

    def _answer_topics(self) -> tuple[str, str]:
        return self._agent.topics.feedback, self._agent.topics.state

    def arrived(self, message: Message) -> None:
        if message.cut_from:
            self._agent.arrived_cut(message.topic, message.payload, message.cut_from, retained=message.retained)
            return
        self._agent.arrived(
            message.topic,
            message.payload,
            packet=message.packet,
            duplicate=message.duplicate,
            retained=message.retained,
            room=Room(self.has_room(), not self._mail.outbox.is_full(*self._answer_topics())),
        )

    def set_aside(self, message: Message, why: str) -> None:
        self._mail.set_aside(message.topic, message.payload, why)

    def shorter(self, topic: str, payload: bytes) -> Iterator[bytes]:
        """Feedback with shorter and shorter texts: its commander needs the status in any case."""
        return shorter_feedback(payload) if topic == self._agent.topics.feedback else iter(())

    async def introduce(self) -> None:
        await self._agent.reports.introduce()

    def disconnected(self) -> None:
        """Nothing depends on the connection but its messages, which wait."""

    async def serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            for work in (self._answer, self._report_changes, self._report_owed):
                part = f"{self.name}, {work.__name__.strip('_')}"
                group.create_task(self._defects.supervise(part, work))

    # ── of the worker ──────────────────────────────────────────────────────────────────────────────────────────

    @property
    def domain(self) -> str:
        return self._mail.domain

    async def work(self) -> None:
        await self._agent.work()
        self._wake_router()

    def due_in_s(self) -> float | None:
        return self._agent.due_in_s()

    def look(self) -> None:
        self._agent.reports.may_differ.set()

    def stop(self) -> None:
        self._agent.interrupt()

    # ── beside both ────────────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self) -> None:
        while True:
            await self._agent.reports.question_waits.wait()
            await self._agent.reports.answer()

    async def _report_changes(self) -> None:
        """Report news, in a look that covers a burst of nudges. While a command is at work its feedback tells, and a
        report follows the activity; Kanto has no other (container-management.md §1.3). Other containers may change during
        a long download, too."""
        reports, now, took_s = self._agent.reports, asyncio.get_running_loop().time, 0.0
        while True:
            await reports.may_differ.wait()
            await asyncio.sleep(max(self._debounce_s, min(took_s * _REST, _LONGEST_REST_S)))
            if not self._agent.rests.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LONGEST_REST_S):
                        await self._agent.rests.wait()
                    continue  # the next command, or the end of the activity, may follow at once
            if reports.may_differ.is_set():
                begun_s = now()
                await reports.report_news()
                took_s = now() - begun_s

    async def _report_owed(self) -> None:
        """Make reports that are due, again and again: not every engine sends an event when it is back."""
        while True:
            await self._agent.reports.report_due.wait()
            await asyncio.sleep(_LOOK_AGAIN_S)
            await self._agent.reports.report_news()
