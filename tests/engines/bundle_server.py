"""A server of bundles over HTTP or HTTPS that has every bad habit of servers and networks, one at a time or in turn."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .serving import Connected, Serving

_PIECE = 64 * 1024


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Habits:
    """`cuts`: after so many bytes of a body the connection ends, for each request in turn. `stalls`: the same, and it stays
    open. `statuses`: answers before the good ones. `ranges`, `validators`: whether it knows them. `lengths`: whether it tells
    how long a body is. `goes`: a request is redirected there. `authorization`: what it wants to see. `more`: further headers.
    `page`: it answers with a page."""

    cuts: list[int] = field(default_factory=list)
    stalls: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    validators: bool = True
    lengths: bool = True
    goes: str = ""
    authorization: str = ""
    more: dict[str, str] = field(default_factory=dict)
    page: bool = False


class BundleServer:
    """`content` is under every path, where `files` has no other by path. `asked`: the requests so far; `sent`: the bytes of
    bodies. `asks_back`: it wants a certificate of the one who asks, too."""

    def __init__(self, content: bytes, certificates: Path | None = None, *, asks_back: bool = False) -> None:
        self.content, self.etag = content, '"one"'
        self.files: dict[str, bytes] = {}
        self.habits = Habits()
        self.asked: list[Request] = []
        self.sent = 0
        self.port = 0
        self._context: ssl.SSLContext | None = None
        if certificates is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
        if certificates is not None and self._context is not None and asks_back:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(certificates / "ca.crt")
        self._serving = Serving("bundles", self._listen, self._serve)

    @property
    def url(self) -> str:
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://localhost:{self.port}/os.raucb"

    def start(self) -> None:
        self._serving.start()

    def close(self) -> None:
        self._serving.close()

    def change(self, content: bytes) -> None:
        """Somebody puts another bundle there."""
        self.content, self.etag = content, '"two"'

    async def _listen(self, connected: Connected) -> asyncio.Server:
        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            first, *lines = head.decode().strip().split("\r\n")
            method, path, _ = first.split(" ")
            pairs = (line.partition(":") for line in lines)
            request = Request(method, path, {name.lower(): value.strip() for name, _, value in pairs})
            self.asked.append(request)
            if not await self._answer(request, writer):
                return

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        habits = self.habits
        if habits.authorization and request.headers.get("authorization") != habits.authorization:
            return await self._say(writer, "401 Unauthorized")
        if habits.statuses and (status := habits.statuses.pop(0)) != 200:
            return await self._say(writer, f"{status} Trouble")
        if habits.goes:
            return await self._say(writer, "302 Found", {"Location": habits.goes})
        if habits.page:
            return await self._say(writer, "200 OK", {"Content-Type": "text/html"}, b"<html>log in</html>")
        content = self.files.get(request.path, self.content)
        if not content:
            return await self._say(writer, "404 Not Found")
        begin, status, headers = 0, "200 OK", dict(habits.more)
        if habits.validators:
            headers["ETag"] = self.etag
        wanted = request.headers.get("range", "")
        condition = request.headers.get("if-range", self.etag)
        if habits.ranges and wanted and condition == self.etag:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(content):
                return await self._say(writer, "416 Range Not Satisfiable")
            status = "206 Partial Content"
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        body = content[begin:]
        if request.method == "HEAD":
            return await self._say(writer, status, {**headers, "Content-Length": str(len(body))}, None)
        return await self._send(writer, status, headers, body)

    async def _say(
        self, writer: asyncio.StreamWriter, status: str, headers: dict[str, str] | None = None, body: bytes | None = b""
    ) -> bool:
        length = {"Content-Length": str(len(body))} if body is not None else {}
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**length, **(headers or {})}.items())
        writer.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + (body or b""))
        await writer.drain()
        return True

    async def _send(self, writer: asyncio.StreamWriter, status: str, headers: dict[str, str], body: bytes) -> bool:
        if self.habits.lengths:
            headers["Content-Length"] = str(len(body))
        else:
            headers["Connection"] = "close"
        await self._say(writer, status, headers, None)
        cut = self.habits.cuts.pop(0) if self.habits.cuts else len(body) + 1
        stall = self.habits.stalls.pop(0) if self.habits.stalls else len(body) + 1
        part = body[: min(cut, stall)]
        for at in range(0, len(part), _PIECE):
            writer.write(part[at : at + _PIECE])
            self.sent += len(part[at : at + _PIECE])
            await writer.drain()
        if stall <= len(body):
            await asyncio.sleep(3600)
        return cut > len(body) and self.habits.lengths


@contextmanager
def bundle_server(
    content: bytes, certificates: Path | None = None, *, asks_back: bool = False
) -> Iterator[BundleServer]:
    server = BundleServer(content, certificates, asks_back=asks_back)
    server.start()
    try:
        yield server
    finally:
        server.close()
