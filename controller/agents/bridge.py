"""The update agent on its broker: messages from the link into the journal, answers from the journal to the link.

Nothing is acknowledged before it is stored, and nothing stored is forgotten before it is acknowledged; so a broker or a
controller may die between any two lines here. Answers leave in the order in which they were given. Only a question for the
current state is stored nowhere: its answer waits for the engine, and what comes behind it must not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from evenkeel.controller.agents.agent import UpdateAgent
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.loop.defects import Defects
from evenkeel.controller.mqtt.denials import Denials, may_pass
from evenkeel.controller.mqtt.line import WINDOW
from evenkeel.specs.errors import EvenkeelError, Refused, TooLarge
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.kanto.updateagent import shortened_feedback

if TYPE_CHECKING:
    from evenkeel.controller.agents.phases import Phases
    from evenkeel.controller.mqtt import Message, MqttLink

log = logging.getLogger(__name__)

_SHORTER = (1000, 200, 0)
"""Characters of each text in feedback that is too large for the broker."""
_LOOK_AGAIN_S = 5.0
"""After a report that is owed could not be made."""


class Bridge:
    """An `Agent` of the controller: an update agent and its link."""

    def __init__(
        self,
        agent: Callable[[Callable[[], None]], UpdateAgent],
        link: MqttLink,
        journal: Journal,
        phases: Phases,
        say: Callable[[Feedback], None],
        defects: Defects,
        debounce: timedelta = timedelta(seconds=1),
    ) -> None:
        """`agent` is given the function that wakes the sender. `debounce`: changes of containers are reported together."""
        self._link, self._phases, self._say, self._defects = link, phases, say, defects
        self._journal, self._mail = journal, journal.mail
        self._to_send, self._changed, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._link_news = asyncio.Event()
        link.on_change = self._link_news.set
        self._taken: dict[str, int] = {}
        """Topics → the largest message that the broker has taken."""
        self._denials = Denials()
        self._debounce_s = debounce.total_seconds()
        self._agent = agent(self._to_send.set)

    @property
    def domain(self) -> str:
        """The domain that is asked for."""
        return self._mail.domain

    async def serve(self) -> None:
        agent = self._agent
        self._link.subscribe(agent.topics.desired, agent.topics.command, agent.topics.get)
        self._broker_is(False, "no connection yet")
        async with self._link, asyncio.TaskGroup() as group:
            for work in (
                self._receive,
                self._send,
                self._answer,
                self._introduce,
                self._report_changes,
                self._report_owed,
                self._watch_link,
            ):
                group.create_task(self._defects.supervise(f"update agent, {work.__name__.strip('_')}", work))

    async def work(self) -> None:
        await self._agent.work()
        self._room.set()

    def due_in_s(self) -> float | None:
        return self._agent.due_in_s()

    def look(self) -> None:
        self._changed.set()

    def stop(self) -> None:
        self._phases.interrupt()

    async def _receive(self) -> None:
        async for message in self._link.messages():
            while self._mail.is_full():  # what is not acknowledged waits at the broker
                self._room.clear()
                await self._room.wait()
            try:
                await self._arrived(message)
            except Exception as error:
                if isinstance(error, EvenkeelError):
                    raise  # it is not stored, and waits at the broker
                self._mail.set_aside(message.topic, message.payload, self._defects.met("update agent, receive", error))
            await message.done()

    async def _arrived(self, message: Message) -> None:
        if message.cut_from:
            self._agent.arrived_cut(message.topic, message.payload, message.cut_from, retained=message.retained)
            return
        await self._agent.arrived(
            message.topic,
            message.payload,
            packet=message.packet,
            duplicate=message.duplicate,
            retained=message.retained,
        )

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            found = self._together(self._mail.outbox.first(WINDOW, but=self._denials.waiting(loop.time())))
            if not found:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._to_send.wait(), self._denials.due_in_s(loop.time()))
                self._to_send.clear()
                continue
            self._published(found, await asyncio.gather(*[self._publish(message) for _, message in found]))
            self._room.set()

    def _published(self, found: Sequence[tuple[int, Outgoing]], refusals: Sequence[str | Refused]) -> None:
        """Forget what the broker has acknowledged, or never will; what it may take later stays."""
        denied = {
            message.topic: refusal.message
            for (_, message), refusal in zip(found, refusals, strict=True)
            if isinstance(refusal, Refused)
        }
        with self._journal.at_once():
            for (_, message), refusal in zip(found, refusals, strict=True):
                if isinstance(refusal, str) and refusal:
                    log.error("broker refused a message", extra={"fields": {"topic": message.topic, "why": refusal}})
                    self._say(Feedback("message-refused", refusal, place=message.topic))
            for topic, why in denied.items():
                self._denied(topic, why)
            for topic in {message.topic for _, message in found} - denied.keys():
                if self._denials.over(topic):
                    self._link_news.set()
            pairs = zip(found, refusals, strict=True)
            self._mail.sent(*[number for (number, _), refusal in pairs if isinstance(refusal, str)])

    def _together(self, found: Sequence[tuple[int, Outgoing]]) -> Sequence[tuple[int, Outgoing]]:
        """Those that are published without waiting for each other. What is larger than all that the broker has taken goes
        alone: it may have to be sent again, with less text, and no later answer may arrive before it."""
        for count, (_, message) in enumerate(found):
            if len(message.payload) > self._taken.get(message.topic, 0):
                return found[: max(1, count)]
        return found

    def _denied(self, topic: str, why: str) -> None:
        """The broker does not let us speak there; that it does not is said once. The next try is one message, so that none
        overtakes another when the broker takes them again."""
        self._taken.pop(topic, None)
        if self._denials.met(topic, why, asyncio.get_running_loop().time()):
            log.error("broker refuses a topic", extra={"fields": {"topic": topic, "why": why}})
            self._say(Feedback("message-refused", f"{why}; it waits, and is tried again", place=topic))
            self._broker_is(self._link.connected, self._link.why)

    async def _publish(self, message: Outgoing) -> str | Refused:
        """Send a message, or as much of it as the broker takes; why not the whole, "" when it was that. `Refused` where it
        may be taken later."""
        why = ""
        for payload in self._shorter_and_shorter(message):
            try:
                await self._link.publish(message.topic, payload, qos=1, retain=message.retain)
            except TooLarge as error:
                why = why or error.message
            except Refused as error:
                return error if may_pass(error.message) else error.message
            else:
                self._taken[message.topic] = max(len(payload), self._taken.get(message.topic, 0))
                return why and f"{why}; its texts were cut short, and {len(payload)} bytes were sent"
        return f"{why}; it is given up"

    def _shorter_and_shorter(self, message: Outgoing) -> Iterator[bytes]:
        """The message; then, because who commands has to hear a status, feedback with less and less text."""
        payload = message.payload
        yield payload
        for most in _SHORTER if message.topic == self._agent.topics.feedback else ():
            shortened = shortened_feedback(message.payload, most)
            if len(shortened) < len(payload):
                yield (payload := shortened)

    async def _answer(self) -> None:
        while True:
            await self._agent.reports.asked.wait()
            await self._agent.reports.answer()

    async def _introduce(self) -> None:
        """A report on every connection, after all subscriptions are in force: who answers to it is heard."""
        async for connected in self._link.connections():
            if connected:
                self._denials.try_now()
                self._to_send.set()
                await self._agent.reports.introduce()

    async def _watch_link(self) -> None:
        while True:
            await self._link_news.wait()
            self._link_news.clear()
            self._broker_is(self._link.connected, self._link.why)

    def _broker_is(self, reachable: bool, why: str) -> None:
        reason = "Connected" if reachable else "Unavailable"
        message = "" if reachable else f"{self._link.broker}: {why or 'subscribing'}"
        if reachable and self._denials.why:
            reachable, reason, message = False, "NotAllowed", f"{self._link.broker}: {self._denials.why}"
        self._journal.set_condition(Condition("BrokerReachable", reachable, reason, message))

    async def _report_changes(self) -> None:
        while True:
            await self._changed.wait()
            await asyncio.sleep(self._debounce_s)
            self._changed.clear()
            await self._agent.reports.report_news()

    async def _report_owed(self) -> None:
        """Not every engine that is back says so."""
        while True:
            await self._agent.reports.owing.wait()
            await asyncio.sleep(_LOOK_AGAIN_S)
            await self._agent.reports.report_news()
