"""The device's one connection to its broker, for all its roles: each message goes to the role that has its topic.

Nothing is acknowledged before its role has stored it, and nothing stored is forgotten before the broker has
acknowledged it; so a broker or a controller may die between any two lines here.

One role does not hold up another. MQTT wants acknowledgements in the order of arrival, and a broker sends no more than
a window of messages that are not acknowledged (`controller.mqtt.session`), whatever their topics are. So a message that
stays unacknowledged holds up everything behind it, and:

* Messages are dealt with one after the other, and `Role.arrived` waits for nothing. Introductions, which may wait for an
  engine, have a task for each role.
* A message on which a role breaks is set aside and acknowledged.
* A full mailbox leaves messages to the broker only while no other role is on the connection. With others there, a message
  for a full role is refused, its sender is told, and it is acknowledged.
* A message that cannot be stored, because the state directory is lost, holds up all: no role can store anything then.

All roles share the outbox, in one order, so its speed is that of the broker. A topic on which the broker does not allow
the device to publish waits alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.mqtt.sender import Sender
from evenkeel.controller.mqtt.session import is_of
from evenkeel.specs.errors import JournalError
from evenkeel.specs.feedback import Condition, Feedback

if TYPE_CHECKING:
    from evenkeel.controller.mqtt.link import MqttLink
    from evenkeel.controller.mqtt.role import Role, Supervisor, Wrapping
    from evenkeel.controller.mqtt.session import Message

_PART = "connection to the broker"


class Router:
    """The roles of one link, which is started and closed by `serve`."""

    def __init__(
        self, link: MqttLink, journal: Journal, say: Callable[[Feedback], None], supervisor: Supervisor
    ) -> None:
        self._link, self._journal, self._supervisor = link, journal, supervisor
        self._roles: list[Role] = []
        self._room, self._link_news = asyncio.Event(), asyncio.Event()
        self._unstored: Message | None = None
        """A message that could not be stored. It comes first at the next try."""
        self._sender = Sender(link, journal, say, self._shorter, self._room.set, self._link_news.set)
        link.on_change = self._link_news.set

    def add(self, role: Role) -> None:
        """Add a role, before `serve`. ValueError when another one has one of its topics."""
        for other in self._roles:
            if shared := sorted({*role.topics} & {*other.topics}):
                raise ValueError(f"both {other.name} and {role.name} hear {shared[0]}")
        self._roles.append(role)

    def wrap(self, wrapping: Wrapping) -> None:
        """Publish messages in another form, from now on."""
        self._sender.wrapping = wrapping

    def wake(self) -> None:
        """A message may wait to be sent, or a mailbox may have room again."""
        self._sender.wake()
        self._room.set()

    async def serve(self) -> None:
        """Keep the connection, take messages in, send answers out; until cancelled."""
        for role in self._roles:
            self._link.subscribe(*role.topics)
        self._broker_is(False, "no connection yet")
        async with self._link, asyncio.TaskGroup() as group:
            parts: dict[str, Callable[[], Awaitable[None]]] = {
                f"{_PART}, receive": self._receive,
                f"{_PART}, send": self._sender.send,
                f"{_PART}, connections": self._watch_connections,
                f"{_PART}, state": self._watch_link,
            }
            for role in self._roles:
                parts[f"{role.name}, introduce"] = partial(self._introduce, role)
                parts[role.name] = role.serve
            for part, work in parts.items():
                group.create_task(self._supervisor.supervise(part, work))

    async def _receive(self) -> None:
        if self._unstored is not None:
            await self._take(self._unstored)
        async for message in self._link.messages():
            await self._take(message)

    async def _take(self, message: Message) -> None:
        """Hand a message to its role and acknowledge it. JournalError when it cannot be stored: then it waits, here and
        at the broker."""
        role = next((each for each in self._roles if any(is_of(topic, message.topic) for topic in each.topics)), None)
        if role is not None:
            self._unstored = message
            await self._wait_for_room(role)
            self.hand(role, message)
            self._unstored = None
        await message.done()

    def hand(self, role: Role, message: Message) -> None:
        """Hand a message to a role. Raises JournalError when it cannot be stored."""
        part = f"{role.name}, messages"
        try:
            role.arrived(message)
        except JournalError:
            raise
        except Exception as error:  # noqa: BLE001 - it breaks one message of one role, and is told as a defect
            role.set_aside(message, self._supervisor.report(part, error))
        else:
            self._supervisor.passed(part)

    async def _wait_for_room(self, role: Role) -> None:
        """Wait until the mailbox of a role has room. Messages without an acknowledgement wait at the broker."""
        while not self._journal.is_durable or (len(self._roles) == 1 and not role.has_room()):
            self._room.clear()
            await self._room.wait()

    async def _introduce(self, role: Role) -> None:
        async for connected in self._link.connections():
            if connected:
                await role.introduce()
            else:
                role.disconnected()

    async def _watch_connections(self) -> None:
        async for connected in self._link.connections():
            if connected:
                self._sender.connected()

    async def _watch_link(self) -> None:
        while True:
            await self._link_news.wait()
            self._link_news.clear()
            self._broker_is(self._link.connected, self._link.why)

    def _broker_is(self, reachable: bool, why: str) -> None:
        reason = "Connected" if reachable else "Unavailable"
        message = self._link.concern if reachable else f"{self._link.broker}: {why or 'subscribing'}"
        if reachable and self._sender.denied:
            reachable, reason, message = False, "NotAllowed", f"{self._link.broker}: {self._sender.denied}"
        self._journal.set_condition(Condition("BrokerReachable", reachable, reason, message))

    def _shorter(self, topic: str, payload: bytes) -> Iterator[bytes]:
        for role in self._roles:
            yield from role.shorter(topic, payload)
