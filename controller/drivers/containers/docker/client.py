"""HTTP to the Docker engine: it keeps a few connections, repeats requests that may be repeated, and names failures.

It knows HTTP, JSON and the engine's way of saying no (`{"message": …}` under a status from 400 up, raised as
`EngineAnswer` for the caller to classify), and nothing about containers. Any other answer of an engine, or of a proxy
before it, that does not have the requested shape is `Unavailable` and names the request. Invariants:

* A connection is used again only after a complete answer; a cancelled or failed call closes its own.
* A request is repeated once at most, when it only reads and the engine had closed a kept connection before saying anything,
  as it does when it restarts. A request that changes the world is never repeated here: it may have been carried out.
* Streams (pulls, events) have connections of their own outside the limit. Leaving one closes it, which cancels a pull.
* Nothing is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, nullcontext, suppress
from typing import TypeVar

import h11

from evenkeel.controller.drivers.containers.docker.passed_over import passed_over
from evenkeel.controller.drivers.containers.docker.wire import READS, Request, Wire, dial, header, socket_path
from evenkeel.specs.codec import fits, misfit
from evenkeel.specs.errors import DriverError, TimedOut, Unavailable
from evenkeel.specs.reading.sound import foreign_json

# An engine answers in the dialect that the path asks for. 1.40 is Docker 19.03; 1.44 the oldest that Docker 29 speaks.
_OLDEST, _NEWEST = (1, 40), (1, 44)
CALL_TIMEOUT_S = 60.0
"""An engine that restarts containers, or whose disk is slow, takes its time."""
_LINE_BYTES = 1 << 20
_MESSAGE_CHARACTERS = 2000
"""A longer message is no help, and ends in journals and logs."""
_ADVICE = "is Docker running? `engine.address` or `--docker-address` says where it is"
_WHY: dict[type[Exception], str] = {
    FileNotFoundError: "there is no such socket",
    ConnectionRefusedError: "nobody listens there",
    PermissionError: "permission denied; members of the group docker may use Docker's",
}


NOTHING = "no JSON"
"""Stands for JSON that did not come; null is another thing."""
Shape = TypeVar("Shape")


class EngineAnswer(DriverError):
    """The engine answered and said no: `status` is HTTP's, `message` the engine's own text, `request` the request."""

    def __init__(self, element: str, status: int, message: str, request: str) -> None:
        super().__init__(element, message)
        self.status, self.request = status, request


class EngineClient:
    """`address` is unix:///path; `limit` bounds how many calls are under way at once, `timeout_s` how long each may take.
    `advice`: the remedy when nobody listens there."""

    def __init__(self, address: str, limit: int = 8, timeout_s: float = CALL_TIMEOUT_S, advice: str = "") -> None:
        self.timeout_s = timeout_s
        self.element = f"engine:{address}"
        self._path, self._advice = socket_path(address), advice or _ADVICE
        self._slots = asyncio.Semaphore(limit)
        self._idle: list[Wire] = []
        self._version: str | None = None
        self._meeting = asyncio.Lock()
        """Held by the one request that asks for the version, for all that begin meanwhile."""
        self.server = ""
        """The `Server` header of the engine's answer to the last ping."""
        self.listener = 0
        """The id of the user who listens there, at that time. 0 is root."""
        self.meetings = 0
        """The number of times that the engine was asked for its version. After each time the engine may be another one,
        and earlier answers may be wrong."""

    @property
    def api(self) -> str:
        """The version of the API that is spoken with this engine; "" before its first answer, and after it was lost."""
        return self._version or ""

    async def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float | None = None,
        queues: bool = True,
    ) -> tuple[int, object]:
        """Status and decoded JSON, `NOTHING` where there is none. The time includes the wait for one of the `limit`
        places; a call that does not queue needs none."""
        request = Request(method, path, query, body, headers)
        async with self._guarded(request, timeout_s or self.timeout_s), self._slots if queues else nullcontext():
            answer, content = await self._exchange(request)
        self._check(answer, content, request)
        if not content or not header(answer, b"content-type").startswith("application/json"):
            return answer.status_code, NOTHING
        return answer.status_code, self._json(content, request)

    async def get(
        self,
        path: str,
        shape: type[Shape],
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float | None = None,
        queues: bool = True,
    ) -> Shape:
        """The engine's answer to a question."""
        _, found = await self.call("GET", path, query, None, headers, timeout_s=timeout_s, queues=queues)
        return self._shaped(found, shape, f"GET {path}")

    async def get_list(self, path: str, item: type[Shape], query: Mapping[str, object] | None = None) -> list[Shape]:
        """The engine's answer to a question, a list. Some engines answer null when it is empty. An empty list, and null,
        count when they come twice: an instance that is absent from one answer alone would be made anew."""
        _, found = await self.call("GET", path, query)
        if not found:
            _, found = await self.call("GET", path, query)
        if not isinstance(found, list | None):
            found = self._shaped(found, list, f"GET {path}")
        return [self._shaped(each, item, f"GET {path}") for each in found or ()]

    async def content(self, path: str, query: Mapping[str, object], most_bytes: int) -> bytes:
        """The beginning of an answer that is no JSON, up to `most_bytes` or a little more."""
        request, content = Request("GET", path, query), bytearray()
        wire: Wire | None = None
        try:
            async with self._guarded(request, self.timeout_s), self._slots:
                wire = await dial(self._path)
                answer = await self._ask(wire, request)
                if answer.status_code != 200:
                    self._check(answer, await wire.rest(), request)
                    raise self._strange(answer, request)
                while len(content) <= most_bytes and (piece := await wire.piece()) is not None:
                    content += piece
        finally:
            if wire is not None:
                await wire.close()
        return bytes(content)

    async def make(
        self, path: str, shape: type[Shape], body: object, query: Mapping[str, object] | None = None
    ) -> Shape:
        """Make or change something; the engine's answer tells about it."""
        return self._shaped((await self.call("POST", path, query, body))[1], shape, f"POST {path}")

    async def post(
        self,
        path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        *,
        timeout_s: float | None = None,
    ) -> bool:
        """Request an action whose answer is empty. False when the engine says that there is nothing to do."""
        status, _ = await self.call("POST", path, query, body, timeout_s=timeout_s)
        return status != 304

    async def delete(self, path: str, query: Mapping[str, object] | None = None) -> None:
        """Remove something."""
        await self.call("DELETE", path, query)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float | None = None,
    ) -> AsyncIterator[AsyncIterator[object]]:
        """The JSON objects of an endless or long answer. It has to begin within `timeout_s`; the caller decides how
        long it may pause then. An answer that breaks off is `Unavailable`."""
        request = Request(method, path, query, None, headers)
        wire: Wire | None = None
        try:
            async with self._guarded(request, timeout_s or self.timeout_s):
                wire = await dial(self._path)
                answer = await self._ask(wire, request)
                if answer.status_code != 200:
                    self._check(answer, await wire.rest(), request)
                    raise self._strange(answer, request)
            async with aclosing(self._objects(wire, request)) as objects:
                yield objects
        finally:
            if wire is not None:
                await wire.close()

    async def close(self) -> None:
        """Closes the kept connections; the client may be used again."""
        for wire in self._forget():
            await wire.close()

    async def _exchange(self, request: Request) -> tuple[h11.Response, bytes]:
        if (wire := self._kept()) is not None:
            try:
                return await self._over(wire, request)
            except ConnectionError:
                for other in self._forget():  # as old as this one
                    other.abort()
                if wire.heard or request.method not in READS:
                    raise
        return await self._over(await dial(self._path), request)

    async def _over(self, wire: Wire, request: Request) -> tuple[h11.Response, bytes]:
        try:
            answer = await self._ask(wire, request)
            content = await wire.rest()
        except BaseException:
            wire.abort()
            raise
        if wire.rewind():
            self._idle.append(wire)
        else:
            wire.abort()
        return answer, content

    async def _ask(self, wire: Wire, request: Request) -> h11.Response:
        """Ask the engine. If its version is not known, ask for the version first, because another engine may have come
        back."""
        async with self._meeting:
            if self._version is None:
                answer = await wire.ask(Request("GET", "/_ping"))
                await wire.rest()
                if not wire.rewind():
                    raise h11.RemoteProtocolError("it closes the connection after a ping")
                self.server, self.listener = header(answer, b"server"), wire.listener()
                self._version = self._agreed(header(answer, b"api-version"))
                self.meetings += 1
        return await wire.ask(request, f"/v{self._version}")

    async def _objects(self, wire: Wire, request: Request) -> AsyncGenerator[object, None]:
        line, ended = b"", False
        while not ended:
            async with self._guarded(request, None):
                piece = await wire.piece()
            ended = piece is None
            *lines, line = (line + (b"\n" if piece is None else piece)).split(b"\n")
            for each in lines:
                if each.strip():
                    yield self._json(each, request)
            if len(line) > _LINE_BYTES:
                raise Unavailable(self.element, f"{request}: one object of more than {_LINE_BYTES} bytes")

    @asynccontextmanager
    async def _guarded(self, request: Request, timeout_s: float | None) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError:
            raise TimedOut(self.element, f"{request}: no answer within {timeout_s or 0:g} s") from None
        except (OSError, h11.RemoteProtocolError) as error:
            why = str(_WHY.get(type(error), error))
            if isinstance(error, FileNotFoundError | ConnectionRefusedError):
                why = f"{why}; {self._advice}{passed_over()}"
            raise Unavailable(self.element, f"{request}: {why}") from error

    def _kept(self) -> Wire | None:
        while self._idle:
            if not (wire := self._idle.pop()).is_dead():
                return wire
            wire.abort()
            self._version = None
        return None

    def _forget(self) -> list[Wire]:
        wires, self._idle, self._version = self._idle, [], None
        return wires

    def _agreed(self, engines: str) -> str:
        try:
            major, minor = map(int, engines.split("."))
        except ValueError:
            raise Unavailable(self.element, "the listener here does not say which engine API it speaks") from None
        if (major, minor) < _OLDEST:
            why = f"the engine is too old: it speaks API {engines}; evenkeel needs {_OLDEST[0]}.{_OLDEST[1]} (Docker 19.03)"
            raise Unavailable(self.element, why)
        return ".".join(map(str, min((major, minor), _NEWEST)))

    def _json(self, content: bytes, request: Request) -> object:
        try:
            found: object = foreign_json(content)
        except (ValueError, RecursionError):
            raise Unavailable(self.element, f"{request}: the answer is not JSON") from None
        return found

    def _shaped(self, value: object, shape: type[Shape], request: str) -> Shape:
        if fits(value, shape):
            return value
        raise Unavailable(self.element, f"{request}: the answer is none of an engine: {misfit(value, shape)}")

    def _check(self, answer: h11.Response, content: bytes, request: Request) -> None:
        """Raises for an answer of the wrong shape, and for a no. An engine that was replaced behind a proxy, which
        keeps the connection, does not speak the version of the one before."""
        if answer.status_code >= 400:
            no = self._no(answer, content, request)
            if no.status == 400 and no.message.startswith("client version "):
                for wire in self._forget():
                    wire.abort()
                raise Unavailable(self.element, f"{request}: {no.message}")
            raise no
        if answer.status_code >= 300 and answer.status_code != 304:
            raise self._strange(answer, request)

    def _strange(self, answer: h11.Response, request: Request) -> Unavailable:
        return Unavailable(self.element, f"{request}: no engine answers this with status {answer.status_code}")

    def _no(self, answer: h11.Response, content: bytes, request: Request) -> EngineAnswer:
        message: object = None
        with suppress(ValueError, RecursionError, AttributeError):
            message = foreign_json(content).get("message")
        text = message if isinstance(message, str) else content[:500].decode(errors="replace").strip()
        if len(text) > _MESSAGE_CHARACTERS:
            text = f"{text[:_MESSAGE_CHARACTERS]}…"
        text = text or answer.reason.decode(errors="replace")
        return EngineAnswer(self.element, answer.status_code, text, str(request))
