"""A server in a thread of its own, so that it serves the event loop of a test as well as another process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
Listen = Callable[[Connected], Coroutine[Any, Any, asyncio.Server]]


class Serving:
    """`listen` opens the server; `serve` has each connection, and is cancelled at the end.

    A connection ends with its `serve`. At the end of `close` no task and no connection of the server is left: what was left
    would be found by the garbage collector, in whatever test runs then.
    """

    def __init__(self, name: str, listen: Listen, serve: Serve) -> None:
        self.loop = asyncio.new_event_loop()
        self._listen, self._serve = listen, serve
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready, self._end = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Returns when it listens."""
        self._thread.start()
        assert self._ready.wait(60)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._until_end())

    async def _until_end(self) -> None:
        server = await self._listen(self._connected)
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Called by the server itself, so that no connection is without its task."""
        task = self.loop.create_task(self._one(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(task, writer))

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError):
            await self._serve(reader, writer)

    def _ended(self, task: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
        self._tasks.discard(task)
        if not writer.is_closing():  # asyncio breaks when one is aborted that has closed behind its last byte
            writer.transport.abort()
