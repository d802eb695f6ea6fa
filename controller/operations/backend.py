"""The port of the backend: it sends desired states to an update manager, and is told what becomes of them.

It has two forms: plain topics (`topics`), and a feature of a thing in Eclipse Ditto (`things`). Requests of a backend go to
the orchestrator. Messages to it lie in the outbox, under the names of the topics in both forms. So those that wait reach
whichever backend there is after a change of the settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from evenkeel.controller.mqtt import Message


class Backend(Protocol):
    """One form of the backend. Only `serve` may wait for anything."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics on which it speaks, with wildcards or not."""
        ...

    def has_room(self) -> bool:
        """Whether another message can be taken in."""
        ...

    def arrived(self, message: Message) -> None:
        """Take in a message on one of its topics. When this returns it is stored, or need not be."""
        ...

    def connected(self) -> None:
        """A connection to the broker was made, and all subscriptions are in force."""
        ...

    def disconnected(self) -> None:
        """The connection is gone."""
        ...

    async def serve(self) -> None:
        """Its work beside its messages; until that is done, or cancelled."""
        ...
