"""The port of a role: a function of the device on its one connection, such as an update agent or an update manager.

Roles know neither each other nor the link. The messages of a role go through the journal's outbox, which all roles
share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.mqtt.session import Message


class Role(Protocol):
    """One role. Only `introduce` and `serve` may wait for anything."""

    @property
    def name(self) -> str:
        """The name of the role in reports of its defects."""
        ...

    @property
    def topics(self) -> Sequence[str]:
        """The topics of the role, with wildcards or not. No two roles have one in common."""
        ...

    def has_room(self) -> bool:
        """Whether another message can be taken in."""
        ...

    def arrived(self, message: Message) -> None:
        """Take in a message. When this returns it is stored, or need not be, and will be acknowledged. Without room it
        is refused, and its sender is told if it waits for an answer. Raises JournalError when it cannot be stored."""
        ...

    def set_aside(self, message: Message, why: str) -> None:
        """Keep a message on which `arrived` broke, for inspection."""
        ...

    def shorter(self, topic: str, payload: bytes) -> Iterator[bytes]:
        """Replacements for a message of this role that is too large for the broker, shorter and shorter; none for a
        message of another role."""
        ...

    async def introduce(self) -> None:
        """A connection was made, and all subscriptions are in force: an answer is heard."""
        ...

    def disconnected(self) -> None:
        """The connection is gone."""
        ...

    async def serve(self) -> None:
        """The work of the role beside its messages; until cancelled."""
        ...


class Wrapping(Protocol):
    """Messages whose form on the wire is known only when they are published, because it depends on the connection: they are
    stored under topics of their own."""

    def holds(self) -> Sequence[str]:
        """The topics of which messages wait, because nobody would hear them now. `Router.wake` ends the wait."""
        ...

    def wrapped(self, message: Outgoing) -> Outgoing:
        """A message as it is published now."""
        ...


class Supervisor(Protocol):
    """Reports exceptions as defects, after which the rest goes on."""

    def report(self, part: str, error: Exception) -> str:
        """Report an exception of a part; its text."""
        ...

    def passed(self, part: str) -> None:
        """A part has gone through without breaking."""
        ...

    async def supervise(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns, and begin it anew whenever it breaks."""
        ...
