"""The port of a role: what the device is on its one connection, such as an update agent or an update manager.

Roles know neither each other nor the link. What a role says goes through the journal's outbox, which all roles share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from evenkeel.controller.mqtt.session import Message


class Role(Protocol):
    """One role. Only `introduce` and `serve` may wait for anything."""

    @property
    def name(self) -> str:
        """What it is called where its defects are told."""
        ...

    @property
    def topics(self) -> Sequence[str]:
        """The topics that it hears, with wildcards or not. No two roles have one in common."""
        ...

    def has_room(self) -> bool:
        """Whether another message can be taken in."""
        ...

    def arrived(self, message: Message) -> None:
        """A message is here. When this returns it is stored, or need not be, and will be acknowledged. Without room it is
        refused, and its sender is told if it waits for an answer. Raises JournalError when it cannot be stored."""
        ...

    def set_aside(self, message: Message, why: str) -> None:
        """A message is here on which `arrived` broke: keep it for people to look at."""
        ...

    def shorter(self, topic: str, payload: bytes) -> Iterator[bytes]:
        """What to say in the place of a message of its own that is too large for the broker, shorter and shorter; nothing for a
        message of another role."""
        ...

    async def introduce(self) -> None:
        """A connection was made, and all subscriptions are in force: an answer is heard."""
        ...

    async def serve(self) -> None:
        """Whatever it does beside its messages; until cancelled."""
        ...


class Supervisor(Protocol):
    """What makes of an exception a defect that is told, after which the rest goes on."""

    def met(self, part: str, error: Exception) -> str:
        """A part broke; the text that says so."""
        ...

    def passed(self, part: str) -> None:
        """A part has gone through without breaking."""
        ...

    async def supervise(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        """Work until it returns, and begin it anew whenever it breaks."""
        ...
