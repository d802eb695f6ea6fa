"""One HTTP/1.1 connection to an engine: asyncio carries the bytes, h11 understands them.

A wire does one request at a time and decides nothing: `client` decides whether to use it again, to repeat a request or
to give up. It closes only by being closed. Neither bodies nor headers appear in errors: they hold environments and
passwords.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple, SupportsIndex
from urllib.parse import quote, urlencode

import h11

from evenkeel.specs.errors import SettingsError

READS = ("GET", "HEAD")
_UCRED = struct.Struct("iII")
"""Process, user and group (`struct ucred`, unix(7))."""
_ANSWER_BYTES, _READ_BYTES = 32 << 20, 1 << 16


def socket_path(address: str) -> str:
    """The path in an address. Only unix:///path is accepted: an engine that listens to the network without TLS gives
    every host in it the rights of root."""
    scheme, _, path = address.partition("://")
    if scheme != "unix" or not path.startswith("/"):
        raise SettingsError(f"engine:{address}", "an engine's address is unix:///path")
    return path


class Request(NamedTuple):
    """A request. Query values other than text are sent as JSON. Its text is for errors: no query, headers or body."""

    method: str
    path: str
    query: Mapping[str, object] | None = None
    body: object = None
    headers: Mapping[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def content(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()

    def head(self, prefix: str) -> h11.Request:
        target = prefix + quote(self.path, safe="/:@")
        if self.query:
            values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in self.query.items()}
            target += "?" + urlencode(values)
        headers = [("Host", "engine"), *(self.headers or {}).items()]
        if self.body is not None:
            headers.append(("Content-Type", "application/json"))
        if self.method not in READS:
            headers.append(("Content-Length", str(len(self.content()))))
        return h11.Request(method=self.method, target=target, headers=headers)


class Wire:
    """`heard` says whether anything of the answer to the last request has come."""

    def __init__(self, reader: Inlet, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)
        self.heard = False

    async def ask(self, request: Request, prefix: str = "") -> h11.Response:
        """Sends a request and waits for the head of its answer."""
        self.heard = False
        events = (request.head(prefix), h11.Data(request.content()), h11.EndOfMessage())
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))
        await self._writer.drain()
        while not isinstance(event := await self._event(), h11.Response):
            pass  # 1xx
        return event

    async def piece(self) -> bytes | None:
        """The next bytes of the answer's content, `None` at its end."""
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    async def rest(self) -> bytes:
        content = bytearray()
        while (piece := await self.piece()) is not None:
            content += piece
            if len(content) > _ANSWER_BYTES:
                raise h11.RemoteProtocolError(f"an answer of more than {_ANSWER_BYTES} bytes")
        return bytes(content)

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            content = await self._reader.take()
            if not content and not self.heard:
                raise ConnectionResetError("closed without an answer")
            self.heard = True
            self._http.receive_data(content)
        return event

    def rewind(self) -> bool:
        """Ready for the next request, if both sides have finished this one and the engine means to go on."""
        states = (self._http.our_state, self._http.their_state)
        if states != (h11.DONE, h11.DONE) or self._http.trailing_data[0]:
            return False
        self._http.start_next_cycle()
        return True

    def is_dead(self) -> bool:
        """Whether the connection cannot be used again: it was closed, or bytes came that nobody had asked for."""
        return self._reader.at_eof() or self._reader.waiting > 0 or self._writer.is_closing()

    def listener(self) -> int:
        """The id of the user who listens at the other end, as the kernel tells it."""
        told = self._writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return int(_UCRED.unpack(told)[1])

    def abort(self) -> None:
        """Closes at once, whatever is under way."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Close the connection at once. Returns when it is closed."""
        self.abort()
        with suppress(OSError):
            await self._writer.wait_closed()


class Inlet(asyncio.StreamReader):
    """A reader that knows how many bytes wait in it."""

    waiting = 0

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        content = bytes(data)
        self.waiting += len(content)
        super().feed_data(content)

    async def take(self) -> bytes:
        content = await self.read(_READ_BYTES)
        self.waiting -= len(content)
        return content


async def dial(path: str) -> Wire:
    inlet = Inlet()
    protocol = asyncio.StreamReaderProtocol(inlet)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_unix_connection(lambda: protocol, path)
    return Wire(inlet, asyncio.StreamWriter(transport, protocol, inlet, loop))


def header(answer: h11.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in answer.headers if key == name), "")
