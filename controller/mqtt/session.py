"""The state of one connection: packet ids of messages under way in both directions.

In the event loop. A session that is not the link's any more is `over`. Its messages under way go back to the link, and
nothing is acknowledged in its name, because on another connection the same packet id may be another message's.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from evenkeel.controller.mqtt.limits import BrokerLimits, Publication
from evenkeel.controller.mqtt.line import Arrived, Line, Published, Subscribed
from evenkeel.specs.errors import Refused, TooLarge

_LONGEST_TOPIC = 65535
_BEGINNING = 64 * 1024
"""The bytes that are kept of a payload that is too large."""
_MOST_WAITING = 1000
"""Messages with QoS 0 beyond these are dropped; the others wait at the broker, which has a window."""


@dataclass(frozen=True)
class Message:
    """A message that arrived. `duplicate`: the broker has tried to deliver it before. `packet`: its id, 0 with QoS 0.
    `cut_from`: it had so many bytes, and `payload` is only its beginning; 0 when it is whole."""

    topic: str
    payload: bytes
    retained: bool
    duplicate: bool
    acknowledge: Callable[[], None] = field(repr=False, compare=False)
    cut_from: int = 0
    packet: int = 0

    async def done(self) -> None:
        """The message is safe: it need not be delivered again."""
        self.acknowledge()


def message_of(arrived: Arrived, most_bytes: int, acknowledge: Callable[[], None]) -> Message:
    """A message for its consumer. Of a payload of more than `most_bytes` the beginning is kept."""
    cut_from = arrived.size if arrived.size > most_bytes else 0
    payload = arrived.payload[:_BEGINNING] if cut_from else arrived.payload
    return Message(
        arrived.topic or "", payload, arrived.retained, arrived.duplicate, acknowledge, cut_from, arrived.mid
    )


class Session:
    """The state of one connection that was accepted."""

    def __init__(self, line: Line, window: int, limits: BrokerLimits) -> None:
        self.line, self._window, self._limits = line, window, limits
        self.is_steady = False
        """The connection has held for a while: its end has a reason."""
        self._flying: dict[int, Publication] = {}
        self._asked: dict[int, list[str]] = {}
        self._asked_at = self._answered_at = 0.0
        self._deliveries: deque[list[int | bool]] = deque()
        """Packet id, and whether the message is done, in order of arrival."""
        self._over = self._is_finishing = False

    def send(self, outbox: deque[Publication]) -> None:
        """Publish as many messages as the broker takes at once. A suspect waits until this connection has held for a
        while."""
        while outbox and len(self._flying) < self._window and not self._is_finishing:
            if self._limits.suspects(outbox[0]) and (self._flying or not self.is_steady):
                break
            outgoing = outbox.popleft()
            if outgoing.done.done() or self._limits.refuses(outgoing):
                continue
            outgoing.sent_at = time.monotonic()
            mid = self.line.publish(outgoing.topic, outgoing.payload, outgoing.qos, outgoing.retain)
            if outgoing.qos == 0:
                outgoing.done.set_result(None)
            else:
                self._flying[mid] = outgoing

    def published(self, event: Published, element: str) -> None:
        """Pass the broker's answer on to the publisher."""
        self._answered_at = time.monotonic()
        outgoing = self._flying.pop(event.mid, None)
        self._renew_if_finished()
        if outgoing is None or outgoing.done.done():
            return
        if event.refusal == "packet too large":
            outgoing.done.set_exception(TooLarge(element, "the message is larger than the broker takes"))
        elif event.refusal:
            outgoing.done.set_exception(Refused(element, f"the message was refused: {event.refusal}"))
        else:
            outgoing.done.set_result(None)

    def finish(self) -> None:
        """Send nothing more; the next line takes over as soon as the broker has what it was sent."""
        self._is_finishing = True
        self._renew_if_finished()

    def _renew_if_finished(self) -> None:
        if self._is_finishing and not self._flying:
            self.line.renew()

    def ask(self, topics: Sequence[str]) -> None:
        """Subscribe to topics that were not asked for yet."""
        asked = {topic for several in self._asked.values() for topic in several}
        missing = [topic for topic in topics if topic not in asked]
        if missing:
            self._asked_at = time.monotonic()
            self._asked[self.line.subscribe(missing)] = missing

    def answered(self, event: Subscribed) -> list[tuple[str, bool]]:
        """Topics, and whether the broker refuses them. Topics without an answer are refused."""
        self._answered_at = time.monotonic()
        topics = self._asked.pop(event.mid, [])
        return list({**dict.fromkeys(topics, True), **dict(zip(topics, event.refused, strict=False))}.items())

    def unanswered_s(self) -> float:
        """Seconds since the broker last answered, while something is under way; 0.0 when nothing is."""
        sent = [outgoing.sent_at for outgoing in self._flying.values()] + [self._asked_at] * bool(self._asked)
        return time.monotonic() - max(min(sent), self._answered_at) if sent else 0.0

    def delivery(self, mid: int) -> Callable[[], None]:
        """The function to call when the message `mid` is done. MQTT wants acknowledgements in order of arrival."""
        if not mid:
            return lambda: None
        delivery: list[int | bool] = [mid, False]
        self._deliveries.append(delivery)

        def done() -> None:
            delivery[1] = True
            while not self._over and self._deliveries and self._deliveries[0][1]:
                self.line.acknowledge(int(self._deliveries.popleft()[0]))

        return done

    def end(self, *, by_broker: bool) -> list[Publication]:
        """The messages that were under way, in order. `by_broker`: no known fact explains the end."""
        self._over = True
        under_way = list(self._flying.values())
        if by_broker and under_way:
            self._limits.ended_with(under_way[0])
        return under_way


def check_topic(topic: str, *, wildcards: bool) -> None:
    """ValueError for a topic for which a broker would end the connection. `wildcards`: whether it is to be subscribed
    to."""
    levels = topic.split("/")
    wild = [level for level in levels if "+" in level or "#" in level]
    misplaced = any(len(level) > 1 for level in wild) or "#" in levels[:-1]
    if not topic or "\0" in topic or len(topic.encode()) > _LONGEST_TOPIC or misplaced or (wild and not wildcards):
        raise ValueError("expected a topic, with wildcards only where they mean something")


def is_of(subscribed: str, topic: str) -> bool:
    """Whether a subscription, with wildcards or not, covers a topic."""
    from paho.mqtt.client import topic_matches_sub

    return topic_matches_sub(subscribed, topic)


def unwanted(arrived: Arrived, topics: Iterable[str], most_bytes: int, waiting: int) -> str:
    """The reason why a message is not handed over; "" when it is. `most_bytes`: 0 when there is no limit."""
    if arrived.topic is None:
        return "the topic is no UTF-8 text"
    if not any(is_of(topic, arrived.topic) for topic in topics):
        return "nobody asked for it"
    if most_bytes and arrived.size > most_bytes:
        return f"it is larger than {most_bytes} bytes"
    return "too many wait" if not arrived.mid and waiting >= _MOST_WAITING else ""
