"""The limits of a broker, as it states them or as it shows them by ending connections.

With MQTT 5 a broker says how large a packet may be. With 3.1.1 it can only end the connection, and would then receive
the same message again for ever, while everything behind it waits. So a message after which connections end is a
suspect. A suspect is sent alone, and only on a connection that has held for a while. When that connection ends at once,
too, the message is given up. A network that fails now and then loses no message that way. A limit that was learned
holds for its topic (there are brokers that end connections for topics) and for an hour, because brokers are
reconfigured.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import timedelta

from evenkeel.specs.errors import TooLarge
from evenkeel.specs.settings.settings import Backoff

STEADY_S = 2.0
"""A connection that has held for so long is evidence against a message."""
_AT_ONCE_S = 10.0
_SUSPECTED, _GIVEN_UP = 3, 5
_REMEMBERED_S = 3600.0
_LONGEST_WAIT_S = 60.0
"""The longest pause between two attempts, whatever the settings allow: an attempt costs a broker little, and commands
wait for it."""
_SHORTEST_ANSWER_S, _LONGEST_ANSWER_S = 5.0, 120.0


@dataclass(eq=False)
class Publication:
    """A message to publish; `done` belongs to its publisher, which may have given up."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    done: asyncio.Future[None]
    ends: int = 0
    """The number of connections that ended right after this publication was sent."""
    sent_at: float = 0.0


class BrokerLimits:
    """The limits of one broker. `most_bytes`: of a packet, as the broker of this connection says; 0 when it does
    not."""

    def __init__(self, element: str) -> None:
        self._element, self.most_bytes = element, 0
        self._learned: dict[str, tuple[int, float]] = {}
        """Topic → the size of the message that was given up, and the end of its validity."""

    def suspects(self, outgoing: Publication) -> bool:
        """Whether the message may be the reason why connections end."""
        return outgoing.ends >= _SUSPECTED

    def refuses(self, outgoing: Publication) -> bool:
        """Whether the broker would not take the message. Then its publisher is told."""
        size = _packet_bytes(outgoing)
        learned, until = self._learned.get(outgoing.topic, (0, 0.0))
        if self.most_bytes and size > self.most_bytes:
            why = f"the message is larger than the broker takes: {size} of {self.most_bytes} bytes"
        elif learned and size >= learned and time.monotonic() < until:
            why = f"the broker ended connections for a message of {learned} bytes; this one has {size}"
        else:
            return False
        outgoing.done.set_exception(TooLarge(self._element, why))
        return True

    def ended_with(self, outgoing: Publication) -> None:
        """A connection ended, and this was its oldest message without an acknowledgement."""
        now = time.monotonic()
        if now - outgoing.sent_at > _AT_ONCE_S:
            return
        outgoing.ends += 1
        if outgoing.ends >= _GIVEN_UP and not outgoing.done.done():
            size = _packet_bytes(outgoing)
            self._learned[outgoing.topic] = (size, now + _REMEMBERED_S)
            why = f"the broker ended {outgoing.ends} connections right after this message of {size} bytes"
            outgoing.done.set_exception(TooLarge(self._element, why))


def longest_answer_s(keep_alive: timedelta, unanswered: int) -> float:
    """The time in which a broker has to acknowledge, after `unanswered` connections without an acknowledgement: the
    time in which a silent network is noticed, twice as long each time."""
    first_s = min(_LONGEST_ANSWER_S, max(_SHORTEST_ANSWER_S, 2 * keep_alive.total_seconds()))
    return float(first_s * 2 ** min(unanswered, 10))


def next_try_s(backoff: Backoff, failures: int) -> float:
    """Seconds until the next try after so many failures, with jitter."""
    longest_s, first_s = backoff.longest.total_seconds(), backoff.first.total_seconds()
    wait_s: float = min(_LONGEST_WAIT_S, longest_s, first_s * 2 ** min(failures - 1, 30))
    return wait_s * random.uniform(0.5, 1)


def _packet_bytes(outgoing: Publication) -> int:
    """The size of the packet on the wire: with its fixed header, and with MQTT 5 an empty list of properties."""
    left = 2 + len(outgoing.topic.encode()) + (2 if outgoing.qos else 0) + 1 + len(outgoing.payload)
    return 1 + max(1, -(-left.bit_length() // 7)) + left
