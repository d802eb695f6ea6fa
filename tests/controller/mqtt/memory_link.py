"""A link to a broker in memory, with the rules of a real one: a window of messages that are not acknowledged, acknowledgements
in the order of arrival, and what was not acknowledged comes again after the next connecting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

from evenkeel.controller.mqtt.limits import BrokerLimits
from evenkeel.controller.mqtt.line import WINDOW
from evenkeel.controller.mqtt.session import Message, Session, is_of
from evenkeel.specs.errors import TooLarge


class MemoryLink:
    """Connected from the beginning. `heard`: what the broker was sent, as `topic payload`."""

    broker, connected, why, concern = "memory:1883", True, "", ""

    def __init__(self, most_bytes: int = 1000) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.heard: list[str] = []
        self.acknowledged: list[int] = []
        self.most_bytes = most_bytes
        self._topics: list[str] = []
        self._queue: deque[tuple[int, str, bytes]] = deque()
        self._newest: dict[str, tuple[int, str, bytes]] = {}
        self._repeated: set[int] = set()
        self._unacknowledged: dict[int, tuple[int, str, bytes]] = {}
        self._changed, self._count, self._flying = asyncio.Event(), 0, 0
        line: Any = SimpleNamespace(acknowledge=self._acknowledge)
        self._session = Session(line, WINDOW, BrokerLimits("broker:memory"))

    async def __aenter__(self) -> MemoryLink:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def subscribe(self, *topics: str) -> None:
        self._topics.extend(topics)

    def deliver(self, topic: str, *texts: str) -> None:
        """Somebody publishes."""
        assert any(is_of(each, topic) for each in self._topics), "nobody hears it"
        for text in texts:
            self._count += 1
            self._newest[topic] = (self._count, topic, text.encode())
            self._queue.append(self._newest[topic])
            self._unacknowledged[self._count] = self._newest[topic]
        self._changed.set()

    def follow(self, former: MemoryLink) -> None:
        """The session of a process that has ended: what it has not acknowledged comes again."""
        self._count = former._count
        self._repeated |= set(former._unacknowledged)
        self._unacknowledged = dict(former._unacknowledged)
        self._queue.extend(former._unacknowledged.values())

    def deliver_again(self, topic: str) -> None:
        """The broker has not heard that the newest message of a topic was acknowledged."""
        self._repeated.add(self._newest[topic][0])
        self._queue.append(self._newest[topic])
        self._changed.set()

    @property
    def kept(self) -> int:
        """How many messages wait at the broker, sent or not."""
        return len(self._queue) + self._flying

    def _acknowledge(self, packet: int) -> None:
        self.acknowledged.append(packet)
        self._unacknowledged.pop(packet, None)
        self._flying -= 1
        self._changed.set()

    async def messages(self) -> AsyncIterator[Message]:
        while True:
            while self._queue and self._flying < WINDOW:
                packet, topic, payload = self._queue.popleft()
                self._flying += 1
                yield Message(
                    topic, payload, False, packet in self._repeated, self._session.delivery(packet), 0, packet
                )
            self._changed.clear()
            await self._changed.wait()

    async def connections(self) -> AsyncIterator[bool]:
        yield True
        await asyncio.sleep(1e6)

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        await asyncio.sleep(0)
        if len(payload) > self.most_bytes:
            raise TooLarge("broker:memory", f"the message has {len(payload)} bytes")
        self.heard.append(f"{topic} {payload.decode()}")
