"""Between a client and an engine: counts what is asked, and may slow it down, refuse it, disturb it, or tell before and after.

It is no part of any conversation: requests and answers pass as they are, streams piece by piece. It lives in a thread of its
own, so that it serves the event loop of a test as well as another process.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import h11

from .engine_faults import Fault
from .serving import Serving

_VERSION = re.compile(r"^/v\d+\.\d+")
_PASSED_HEADERS = (b"content-type", b"api-version")


class Proxy:
    """`asked`: method and path of every request, `most_at_once` how many were under way together (streams aside).

    `delay_s` before every answer; `only_reads` answers 403 to whatever is not GET or HEAD. `before(asked)` and
    `after(asked)` are called around every request that writes, in the proxy's thread.
    """

    def __init__(self, path: Path, engine: str, *, delay_s: float = 0.0, only_reads: bool = False) -> None:
        self.address = f"unix://{path}"
        self.asked: list[str] = []
        self.asked_at_ns: list[tuple[int, str]] = []
        """The same, with when each came, in nanoseconds since the epoch."""
        self.most_at_once = 0
        self.delay_s, self.only_reads = delay_s, only_reads
        self.met: str | None = None
        """The request that the fault which was armed has happened to."""
        self._fault: tuple[int, Fault] | None = None
        self.before: Callable[[str], None] = lambda asked: None
        self.after: Callable[[str], None] = lambda asked: None
        self._engine, self._at_once, self._only = engine, 0, ""
        self._serving = Serving("proxy", lambda connected: asyncio.start_unix_server(connected, path), self._serve)

    def arm(self, number: int, fault: Fault, only: str = "") -> None:
        """The fault happens to the request of this number from now on, counted from 0; following of events does not count, and
        with `only` nothing else than requests that begin so."""
        self._only, self._fault, self.met = only, (number, fault), None

    @property
    def writes(self) -> list[str]:
        return [asked for asked in self.asked if not asked.startswith(("GET", "HEAD"))]

    def __enter__(self) -> Proxy:
        self._serving.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._serving.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Side(h11.Connection(h11.SERVER), reader, writer)
        with suppress(h11.ProtocolError):
            while await self._one(client):
                pass

    async def _one(self, client: _Side) -> bool:
        """One request and its answer; False when the client has no more."""
        request = await client.event()
        if not isinstance(request, h11.Request):
            return False
        asked = f"{request.method.decode()} {_VERSION.sub('', request.target.decode()).partition('?')[0]}"
        self.asked.append(asked)
        self.asked_at_ns.append((time.time_ns(), asked))
        is_write = not asked.startswith(("GET", "HEAD"))
        is_stream = asked in ("GET /events", "POST /images/create")
        fault = self._due(asked)
        if fault is not None:
            await self._disturb(client, request, fault)
            return False
        self._at_once += not is_stream
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if is_write:
                self.before(asked)
            if self.delay_s and not is_stream:
                await asyncio.sleep(self.delay_s)
            if is_write and self.only_reads:
                await client.refuse()
            else:
                await self._pass_on(client, request)
            if is_write:
                self.after(asked)
        finally:
            self._at_once -= not is_stream
        return client.next_cycle()

    def _due(self, asked: str) -> Fault | None:
        if self._fault is None or not asked.startswith(self._only) or (asked == "GET /events" and not self._only):
            return None
        number, fault = self._fault
        self._fault = (number - 1, fault) if number else None
        if number:
            return None
        self.met = asked
        return fault

    async def _disturb(self, client: _Side, request: h11.Request, fault: Fault) -> None:
        """Does something else with a request than to pass it on; the connection ends with it."""
        content = b""
        if fault.reaches:
            content = await self._answer_of(client, request)
        else:
            while not isinstance(await client.event(), h11.EndOfMessage):
                pass
        match fault.how:
            case "closed":
                return
            case "cut":
                content = content[: max(1, int(len(content) * fault.part))]
            case "doubled":
                content *= 2
            case "late":
                await asyncio.sleep(1)
            case "never":
                await client.gone()
            case "other":
                content = fault.other
            case "trickle":
                pass
        step = 1 if fault.how == "trickle" else 1 << 16
        for start in range(0, len(content), step):
            client.writer.write(content[start : start + step])
            await client.writer.drain()
            if fault.how == "trickle":
                await asyncio.sleep(0.02)
        client.writer.close()
        await client.writer.wait_closed()

    async def _answer_of(self, client: _Side, request: h11.Request) -> bytes:
        """The engine's whole answer, as bytes."""
        engine = _Side(h11.Connection(h11.CLIENT), *await asyncio.open_unix_connection(self._engine))
        try:
            await engine.send(request)
            while isinstance(data := await client.event(), h11.Data):
                await engine.send(data)
            await engine.send(data)
            head, body = b"", b""
            while not isinstance(event := await engine.event(), h11.EndOfMessage):
                if isinstance(event, h11.Response):
                    lines = [b"%s: %s\r\n" % each for each in event.headers if each[0] in _PASSED_HEADERS]
                    head = b"HTTP/1.1 %d %s\r\n%s" % (event.status_code, event.reason, b"".join(lines))
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                    if request.target.partition(b"?")[0].endswith(b"/events"):
                        break
            length = b"" if b" 204 " in head or b" 304 " in head else b"Content-Length: %d\r\n" % len(body)
            return head + length + b"\r\n" + body
        finally:
            engine.writer.transport.abort()

    async def _pass_on(self, client: _Side, request: h11.Request) -> None:
        engine = _Side(h11.Connection(h11.CLIENT), *await asyncio.open_unix_connection(self._engine))
        gone = asyncio.ensure_future(client.gone())
        try:
            await engine.send(request)
            while isinstance(data := await client.event(), h11.Data):
                await engine.send(data)
            await engine.send(data)
            work = asyncio.ensure_future(_answer(engine, client))
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                raise ConnectionResetError("the client left")
            work.result()
        finally:
            gone.cancel()
            engine.writer.transport.abort()


async def _answer(engine: _Side, client: _Side) -> None:
    while True:
        event = await engine.event()
        if isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError("the engine left")
        await client.send(event)
        if isinstance(event, h11.EndOfMessage):
            return


class _Side:
    """One connection, in events."""

    def __init__(self, http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.http, self.reader, self.writer = http, reader, writer

    async def event(self) -> h11.Event:
        while True:
            event = self.http.next_event()
            if event is h11.NEED_DATA:
                self.http.receive_data(await self.reader.read(1 << 16))
            elif isinstance(event, h11.Event):
                return event
            else:
                raise ConnectionResetError("a request before the answer to the last one")

    async def gone(self) -> None:
        """Returns when the peer has closed; nobody here sends a request before the last one is answered."""
        while not self.reader.at_eof():  # noqa: ASYNC110 - nothing says so otherwise
            await asyncio.sleep(0.01)

    async def send(self, event: h11.Event) -> None:
        self.writer.write(self.http.send(event) or b"")
        await self.writer.drain()

    async def refuse(self) -> None:
        while not isinstance(await self.event(), h11.EndOfMessage):
            pass
        body = json.dumps({"message": "refused by the proxy of a test"}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        await self.send(h11.Response(status_code=403, headers=headers))
        await self.send(h11.Data(data=body))
        await self.send(h11.EndOfMessage())

    def next_cycle(self) -> bool:
        if self.http.our_state is not h11.DONE or self.http.their_state is not h11.DONE:
            return False
        self.http.start_next_cycle()
        return True
