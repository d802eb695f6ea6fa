"""dbus-fast's connection, but for one thing. Imported by the first connection, for it brings the library."""

from __future__ import annotations

import asyncio

from dbus_fast import Message
from dbus_fast.aio import MessageBus


class Connection(MessageBus):
    """A call that waits for an answer learns from the end of the connection that there will be none. Nobody
    asks for the error that dbus-fast keeps beside that, of a call that could not be sent: asyncio would report it as one that
    got lost."""

    def send(self, msg: Message) -> asyncio.Future[None]:  # type: ignore[override]
        sent: asyncio.Future[None] = super().send(msg)
        sent.add_done_callback(_known)
        return sent


def _known(sent: asyncio.Future[None]) -> None:
    if not sent.cancelled():
        sent.exception()
