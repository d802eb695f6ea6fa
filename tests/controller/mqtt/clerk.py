"""Roles for tests of the router: clerks that store what they hear in a mailbox of their own, and answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.mqtt.session import Message


class Clerk:
    """A role that hears `<name>/in` and everything below `<name>/more`, and answers on `<name>/out`."""

    def __init__(self, name: str, journal: Journal) -> None:
        self.name, self.topics = name, (f"{name}/in", f"{name}/more/#")
        self.mail = journal.mailbox(name)
        self.most = 1000
        """So many messages fit into the mailbox."""
        self.refused: list[str] = []
        self.aside: list[str] = []
        self.introduced = 0
        self.breaks_on: dict[str, Exception] = {}
        """Payloads on which it breaks, once each."""
        self.hangs = False

    def has_room(self) -> bool:
        return len(self.waiting()) < self.most

    def waiting(self) -> list[str]:
        """The payloads that wait in its mailbox, the oldest first."""
        numbers = sorted(number for topic in self._heard for number in self.mail.waiting_on(topic))
        return [self.mail.waiting_message(number).payload.decode() for number in numbers]

    @property
    def _heard(self) -> tuple[str, ...]:
        return f"{self.name}/in", f"{self.name}/more/a"

    def empty(self) -> None:
        """Deal with everything that waits."""
        while (message := self.mail.incoming()) is not None:
            self.mail.record(None, dealt_with=message)

    def arrived(self, message: Message) -> None:
        text = message.payload.decode()
        if (error := self.breaks_on.pop(text, None)) is not None:
            raise error
        if not self.has_room():
            self.refused.append(text)
            return
        self.mail.take_in(message.topic, message.payload, packet=message.packet)
        self.mail.send(Outgoing(f"{self.name}/out", f"heard {text}".encode()))

    def set_aside(self, message: Message, why: str) -> None:
        self.aside.append(f"{message.payload.decode()}: {why}")

    def shorter(self, topic: str, payload: bytes) -> Iterator[bytes]:
        if topic == f"{self.name}/out":
            yield payload[:10]

    async def introduce(self) -> None:
        if self.hangs:
            await asyncio.sleep(1e6)
        self.introduced += 1
        self.mail.send(Outgoing(f"{self.name}/out", b"hello"))

    def disconnected(self) -> None:
        pass

    async def serve(self) -> None:
        await asyncio.sleep(1e6)
