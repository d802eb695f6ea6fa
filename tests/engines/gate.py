"""A gate before a server: so many bytes of its answers pass, and then none until it is opened.

Whoever looks at something in the middle of a transfer has all the time that it takes: the transfer does not end meanwhile,
however fast it was, and has begun, however slow. TLS goes through as it is.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import TracebackType

from .machine import free_port


class Gate:
    """`with Gate(port, 4_000_000) as gate`: listens on `gate.port`, in a thread of its own."""

    def __init__(self, server_port: int, passing: int) -> None:
        self.port = free_port()
        self._server_port, self._left = server_port, passing
        self._loop = asyncio.new_event_loop()
        self._open, self._end = asyncio.Event(), asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gate")

    def open(self) -> None:
        """From now on everything passes, also what was held up."""
        self._loop.call_soon_threadsafe(self._open.set)

    def __enter__(self) -> Gate:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve_all())

    async def _serve_all(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
                asking = asyncio.ensure_future(self._pass_on(reader, to_server, gated=False))
                try:
                    await self._pass_on(from_server, writer, gated=True)
                finally:
                    asking.cancel()
                    to_server.transport.abort()
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, gated: bool) -> None:
        with suppress(OSError):
            while content := await source.read(1 << 14):
                if gated and not self._open.is_set():
                    self._left -= len(content)
                    if self._left < 0:
                        await self._open.wait()
                target.write(content)
                await target.drain()
