"""Services of the system bus that this machine does not have, as doubles on a real bus: RAUC of any version, logind, systemd.

Each runs in a thread of its own, so that a test may block, and crashes as a process does: the bus sees its connection end.
Doubles refuse what the real ones refuse; their state is plain attributes, which a test may set and read.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

Answer = tuple[str, list[Any]]
"""The signature and the values of an answer."""
PROPERTIES = "org.freedesktop.DBus.Properties"


class No(Exception):
    """An error as an answer: its name on the bus, and its text."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name, self.text = name, text


class Double:
    """A service: `names` on the bus, and `answer(message)` for each call, in the double's own event loop."""

    def __init__(self, address: str, name: str, answer: Callable[[Message], Awaitable[Answer]]) -> None:
        self._address, self._name, self._answer = address, name, answer
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bus: MessageBus | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready, self._end = threading.Event(), asyncio.Event()
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Returns when it has its name."""
        self._ready, self._end = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()
        assert self._ready.wait(60)
        if self.failure is not None:
            raise self.failure

    def crash(self) -> None:
        """Its connection ends, whatever it was doing."""
        if self._thread is not None and self._loop is not None:
            with suppress(RuntimeError):  # it ended by itself, with the bus
                self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(60)
            self._thread = None

    close = crash

    def emit(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        """Send a signal. In the double's own thread only."""
        signal = Message(
            message_type=MessageType.SIGNAL,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=body,
        )
        self._send(signal)

    def changed(self, path: str, interface: str, properties: dict[str, Variant]) -> None:
        """Tell of properties that have changed."""
        self.emit(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, properties, []])

    def in_its_thread(self, do: Callable[[], None]) -> None:
        """Do something in the double's own thread, and wait for it."""
        done = threading.Event()
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: (do(), done.set()))
        assert done.wait(60)

    def spawn(self, work: Awaitable[None]) -> None:
        """Something that goes on after an answer. In the double's own thread only."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 — for the thread of the test
            self.failure = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus.add_message_handler(self._called)
        await self._bus.request_name(self._name)
        self._ready.set()
        ended = asyncio.ensure_future(self._bus.wait_for_disconnect())
        await asyncio.wait({ended, asyncio.ensure_future(self._end.wait())}, return_when=asyncio.FIRST_COMPLETED)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._bus.connected:
            self._bus.disconnect()
        await asyncio.gather(ended, return_exceptions=True)

    def _called(self, message: Message) -> bool:
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        self.spawn(self._reply(message))
        return True

    async def _reply(self, message: Message) -> None:
        try:
            signature, body = await self._answer(message)
            reply = Message.new_method_return(message, signature, body)
        except No as error:
            reply = Message.new_error(message, error.name, error.text)
        self._send(reply)

    def _send(self, message: Message) -> None:
        """What cannot be sent any more is lost, as from a process that ends."""
        if self._bus is not None and self._bus.connected:
            self._bus.send(message).add_done_callback(lambda sent: sent.cancelled() or sent.exception())


def unknown_method(message: Message) -> No:
    return No("org.freedesktop.DBus.Error.UnknownMethod", f"No such method “{message.member}”")
