"""An HTTP server on a unix socket that says, byte by byte, what a test wants said: also what no engine would say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tests.until import PATIENCE_S

Reply = Callable[["Peer"], Awaitable[None]]
PING = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def answer(value: object, status: str = "200 OK", more: bytes = b"") -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n".encode()
    return head + more + b"\r\n" + body


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


class Peer:
    """The server's end of one connection; `number` counts connections from 1."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number, self._reader, self._writer = number, reader, writer
        self.is_gone = asyncio.Event()

    async def request(self) -> str:
        """The next request's first line, headers (lower case) and body."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        first, *headers = head.strip().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in headers)
        body = await self._reader.readexactly(int(fields.get("content-length", 0)))
        return "\n".join([first, *sorted(f"{k}: {v}" for k, v in fields.items()), body.decode()])

    async def send(self, *pieces: bytes) -> None:
        """Each piece arrives by itself."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0.005)

    async def say(self, content: bytes) -> None:
        """All at once."""
        self._writer.write(content)
        await self._writer.drain()

    def drop(self) -> None:
        """Closes the connection after what was sent."""
        self._writer.close()

    async def until_gone(self) -> None:
        while await self._reader.read(1000):
            pass
        self.is_gone.set()


class Server:
    """Answers `_ping`, then does `reply` for every other request; remembers what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.address = f"unix://{path}"
        self.asked: list[str] = []
        self.peers: list[Peer] = []
        self.ping = PING
        self.reply: Reply = self._ok
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self.serve, self.path)

    async def stop(self) -> None:
        """Like an engine that is stopped: nobody listens, and all connections are closed."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    @property
    def first_lines(self) -> list[str]:
        return [text.partition("\n")[0].removesuffix(" HTTP/1.1") for text in self.asked]

    async def _ok(self, peer: Peer) -> None:
        await peer.send(answer({"connection": peer.number}))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = Peer(len(self.peers) + 1, reader, writer)
        self.peers.append(peer)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    text = await peer.request()
                    self.asked.append(text)
                    if text.startswith("GET /_ping "):
                        await peer.say(self.ping)
                    else:
                        await self.reply(peer)
        except asyncio.CancelledError:
            pass
        finally:
            peer.is_gone.set()
            writer.transport.abort()
            self._tasks.discard(task)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - it waits for another process
            await asyncio.sleep(0.005)


async def mute(peer: Peer) -> None:
    """A reply that never comes."""
    await peer.until_gone()
