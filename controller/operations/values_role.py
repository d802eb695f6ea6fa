"""The values of preconditions as a role of the device's connection, where no update manager hears them itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evenkeel.controller.operations.values import Values
from evenkeel.controller.process.clock import Clock, system_clock

if TYPE_CHECKING:
    from evenkeel.controller.mqtt import Message


class ValuesRole:
    """A `Role` of the router. Only the last message of a topic counts, so nothing of it is stored."""

    name = "values"

    def __init__(self, values: Values, clock: Clock = system_clock) -> None:
        self._values, self._clock = values, clock

    @property
    def topics(self) -> Sequence[str]:
        return self._values.topics

    def has_room(self) -> bool:
        return True

    def arrived(self, message: Message) -> None:
        self._values.receive(message.topic, message.payload, self._clock().up_s, retained=message.retained)

    def set_aside(self, message: Message, why: str) -> None:
        """The next message of this topic takes its place."""

    def shorter(self, topic: str, payload: bytes) -> Iterator[bytes]:
        return iter(())

    async def introduce(self) -> None:
        self._values.connect()

    def disconnected(self) -> None:
        self._values.disconnect()

    async def serve(self) -> None:
        """Nothing beside its messages."""
        await asyncio.Event().wait()
