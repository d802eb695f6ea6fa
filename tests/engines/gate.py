"""A gate before a server: so many bytes of its answers pass, and then none until it is opened.

Whoever looks at something in the middle of a transfer has all the time that it takes: the transfer does not end meanwhile,
however fast it was, and has begun, however slow. TLS goes through as it is.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import TracebackType

from tests.until import PATIENCE_S

from .machine import free_port
from .serving import Serving


class Gate:
    """`with Gate(port, 4_000_000) as gate`: listens on `gate.port`, in a thread of its own."""

    def __init__(self, server_port: int, passing: int) -> None:
        self.port = free_port()
        self._server_port, self._left = server_port, passing
        self._open, self._full = asyncio.Event(), threading.Event()
        self._connections = set[asyncio.StreamWriter]()
        listen = lambda connected: asyncio.start_server(connected, "127.0.0.1", self.port)  # noqa: E731
        self._serving = Serving("gate", listen, self._serve)

    def open(self) -> None:
        """From now on everything passes, also what was held up."""
        self._serving.loop.call_soon_threadsafe(self._open.set)

    def until_full(self) -> None:
        """Wait until as many bytes have passed as may."""
        assert self._full.wait(PATIENCE_S), "nothing more is asked for"

    def cut(self) -> None:
        """Break off all connections. From now on everything passes."""

        def cut() -> None:
            self._open.set()
            for writer in self._connections:
                writer.transport.abort()

        self._serving.loop.call_soon_threadsafe(cut)

    def __enter__(self) -> Gate:
        self._serving.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._serving.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._connections.add(writer)
        asking = asyncio.ensure_future(self._pass_on(reader, to_server, gated=False))
        try:
            await self._pass_on(from_server, writer, gated=True)
        finally:
            self._connections.discard(writer)
            asking.cancel()
            to_server.transport.abort()

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, gated: bool) -> None:
        with suppress(OSError):
            while content := await source.read(1 << 14):
                if gated and not self._open.is_set():
                    self._left -= len(content)
                    if self._left < 0:
                        self._full.set()
                        await self._open.wait()
                target.write(content)
                await target.drain()
