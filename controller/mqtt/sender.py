"""From the journal's outbox to the broker: the messages of all roles, each topic in the order in which they were
stored.

A message is forgotten only when the broker has acknowledged it, or will never take it. A message that the broker does
not allow now holds up its own topic alone (`denials`). A message too large for the broker is sent with less text, if
its role knows how.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.mqtt.denials import Denials, may_pass
from evenkeel.controller.mqtt.line import WINDOW
from evenkeel.specs.errors import Refused, TooLarge
from evenkeel.specs.feedback import Feedback

if TYPE_CHECKING:
    from evenkeel.controller.mqtt.link import MqttLink
    from evenkeel.controller.mqtt.role import Wrapping

log = logging.getLogger(__name__)

_QUIET_S = 1.0
"""Messages often come one soon after the other; the last one is forgotten on the disk after so long."""

_REMEMBERED = 100
"""Topics whose largest message is known."""

Shorter = Callable[[str, bytes], Iterator[bytes]]
"""See `Role.shorter`; this is the function of the topic's role."""


class Sender:
    """The sender of one connection."""

    def __init__(
        self,
        link: MqttLink,
        journal: Journal,
        say: Callable[[Feedback], None],
        shorter: Shorter,
        sent: Callable[[], None],
        denials_changed: Callable[[], None],
    ) -> None:
        """`sent` is called whenever there is room again in the outbox, `denials_changed` when `denied` may have
        changed."""
        self._link, self._journal, self._say, self._shorter = link, journal, say, shorter
        self._sent, self._denials_changed = sent, denials_changed
        self._waits = asyncio.Event()
        self._denials = Denials()
        self._taken: dict[str, int] = {}
        """Topic → the largest message that the broker has taken."""
        self.wrapping: Wrapping | None = None

    @property
    def denied(self) -> str:
        """The topics that the broker refuses, with the reasons; "" when there are none."""
        return self._denials.why

    def wake(self) -> None:
        """A message may wait to be sent."""
        self._waits.set()

    def connected(self) -> None:
        """A new connection was made: refused topics are tried again at once."""
        self._denials.try_now()
        self.wake()

    async def send(self) -> None:
        """Send waiting messages; until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            held = self.wrapping.holds() if self.wrapping is not None else ()
            waiting = (*self._denials.waiting(loop.time()), *held)
            found = self._together(self._journal.outbox.first(WINDOW, but=waiting))
            if not found:
                due_in_s = self._denials.due_in_s(loop.time())
                if self._journal.outbox.has_to_forget:
                    due_in_s = _QUIET_S if due_in_s is None else min(due_in_s, _QUIET_S)
                try:
                    async with asyncio.timeout(due_in_s):
                        await self._waits.wait()
                except TimeoutError:
                    self._journal.outbox.forget()
                self._waits.clear()
                continue
            self._journal.outbox.forget()
            self._published(found, await asyncio.gather(*[self._publish(message) for _, message in found]))
            self._sent()

    def _published(self, found: Sequence[tuple[int, Outgoing]], refusals: Sequence[str | Refused]) -> None:
        """Forget messages that the broker has acknowledged, or will never take; messages that it may take later
        stay."""
        if [*refusals] == [""]:
            ((number, message),) = found
            if self._denials.over(message.topic):
                self._denials_changed()
            self._journal.outbox.acknowledged(number)
            return
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
                    self._denials_changed()
            pairs = zip(found, refusals, strict=True)
            self._journal.outbox.sent(*[number for (number, _), refusal in pairs if isinstance(refusal, str)])

    def _together(self, found: Sequence[tuple[int, Outgoing]]) -> Sequence[tuple[int, Outgoing]]:
        """The messages that are published without waiting for each other: a backlog of a whole window. Fewer go one by one,
        because all that is under way when a connection breaks is published again, and an older status would come after a
        newer one. A message larger than all that the broker has taken goes alone, too: it may have to be sent again, with
        less text, and no later answer may arrive before it."""
        if len(found) < WINDOW:
            return found[:1]
        for count, (_, message) in enumerate(found):
            if len(message.payload) > self._taken.get(message.topic, 0):
                return found[: max(1, count)]
        return found

    def _denied(self, topic: str, why: str) -> None:
        """The broker does not allow the device to publish there, which is told once. The next try is one message, so
        that none overtakes another when the broker takes them again."""
        self._taken.pop(topic, None)
        if self._denials.add(topic, why, asyncio.get_running_loop().time()):
            log.error("broker refuses a topic", extra={"fields": {"topic": topic, "why": why}})
            self._say(Feedback("message-refused", f"{why}; it waits, and is tried again", place=topic))
            self._denials_changed()

    async def _publish(self, message: Outgoing) -> str | Refused:
        """Send a message, or as much of it as the broker takes; the reason if not the whole, "" otherwise. `Refused`
        where it may be taken later."""
        why = ""
        for payload in self._shorter_and_shorter(message):
            wire = message._replace(payload=payload)
            wire = self.wrapping.wrapped(wire) if self.wrapping is not None else wire
            try:
                await self._link.publish(wire.topic, wire.payload, qos=1, retain=wire.retain)
            except TooLarge as error:
                why = why or error.message
            except Refused as error:
                told = error.message if wire.topic == message.topic else f"{error.message} (on `{wire.topic}`)"
                return Refused(error.element, told) if may_pass(error.message) else told
            else:
                self._has_taken(message.topic, len(payload))
                return why and f"{why}; its texts were cut short, and {len(payload)} bytes were sent"
        return f"{why}; it is given up"

    def _has_taken(self, topic: str, size: int) -> None:
        """The broker has taken a message. Some topics are those of one answer, so not all are remembered for ever."""
        if topic not in self._taken and len(self._taken) >= _REMEMBERED:
            self._taken.clear()
        self._taken[topic] = max(size, self._taken.get(topic, 0))

    def _shorter_and_shorter(self, message: Outgoing) -> Iterator[bytes]:
        payload = message.payload
        yield payload
        for shortened in self._shorter(message.topic, message.payload):
            if len(shortened) < len(payload):
                yield (payload := shortened)
