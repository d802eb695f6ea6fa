"""HTTP to the Docker engine: keeps a few connections, repeats what may be repeated, and names what went wrong.

It knows HTTP, JSON and the engine's way of saying no (`{"message": …}` under a status from 400 up, raised as `EngineAnswer`
for the caller to classify), and nothing about containers. Invariants:

* A connection is used again only after a complete answer; a cancelled or failed call closes its own.
* A request is repeated once at most, when it only reads and the engine had closed a kept connection before saying anything,
  as it does when it restarts. Whatever changes the world is never repeated here: it may have happened.
* Streams (pulls, events) have connections of their own outside the limit. Leaving one closes it, which cancels a pull.
* Nothing is logged.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import h11

from evenkeel.controller.drivers.docker.wire import READS, Request, Wire, dial, header, socket_path
from evenkeel.specs.errors import DriverError, Refused, TimedOut, Unavailable

# An engine answers in the dialect that the path asks for. 1.40 is Docker 19.03; 1.44 the oldest that Docker 29 speaks.
_OLDEST, _NEWEST = (1, 40), (1, 44)
CALL_TIMEOUT_S = 60.0
"""An engine that restarts containers, or whose disk is slow, takes its time."""
_LINE_BYTES = 1 << 20
_IS_IT_RUNNING = "is Docker running? `engine.address` or `--docker-address` says where it is"
_WHY: dict[type[Exception], str] = {
    FileNotFoundError: f"there is no such socket; {_IS_IT_RUNNING}",
    ConnectionRefusedError: f"nobody listens there; {_IS_IT_RUNNING}",
    PermissionError: "permission denied; members of the group docker may",
}


class EngineAnswer(DriverError):
    """The engine answered and said no: `status` is HTTP's, `message` the engine's own text."""

    def __init__(self, element: str, status: int, message: str) -> None:
        super().__init__(element, message)
        self.status = status


class EngineClient:
    """`address` is unix:///path; `limit` bounds how many calls are under way at once."""

    def __init__(self, address: str, limit: int = 8) -> None:
        self.element = f"engine:{address}"
        self._path = socket_path(address)
        self._slots = asyncio.Semaphore(limit)
        self._idle: list[Wire] = []
        self._version: str | None = None

    async def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> tuple[int, Any]:
        """Status and decoded JSON, `None` where there is none. The time includes waiting for one of the `limit` places."""
        request = Request(method, path, query, body, headers)
        async with self._guarded(request, timeout_s), self._slots:
            answer, content = await self._exchange(request)
        if answer.status_code >= 400:
            raise self._no(answer, content)
        if not content or not header(answer, b"content-type").startswith("application/json"):
            return answer.status_code, None
        return answer.status_code, self._json(content, request)

    async def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """What the engine answers to a question."""
        return (await self.call("GET", path, query))[1]

    async def post(
        self, path: str, query: Mapping[str, object] | None = None, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        """Have something done that is answered with nothing."""
        await self.call("POST", path, query, timeout_s=timeout_s)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 30.0,
        silence_s: float | None = None,
    ) -> AsyncIterator[AsyncIterator[Any]]:
        """The JSON objects of an endless or long answer. It has to begin within `timeout_s` and then never pause for longer
        than `silence_s`: a pull from a registry that hangs is silent for ever. An answer that breaks off is `Unavailable`."""
        request = Request(method, path, query, None, headers)
        wire: Wire | None = None
        try:
            async with self._guarded(request, timeout_s):
                wire = await dial(self._path)
                answer = await self._ask(wire, request)
                if answer.status_code >= 400:
                    raise self._no(answer, await wire.rest())
            async with aclosing(self._objects(wire, request, silence_s)) as objects:
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
        """Asks for the version first when it is not known: an engine may come back as another one."""
        if self._version is None:
            answer = await wire.ask(Request("GET", "/_ping"))
            await wire.rest()
            if not wire.rewind():
                raise h11.RemoteProtocolError("it closes the connection after a ping")
            self._version = self._agreed(header(answer, b"api-version"))
        return await wire.ask(request, f"/v{self._version}")

    async def _objects(self, wire: Wire, request: Request, silence_s: float | None) -> AsyncGenerator[Any, None]:
        line, ended = b"", False
        while not ended:
            async with self._guarded(request, silence_s):
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
            raise Unavailable(self.element, f"{request}: {_WHY.get(type(error), error)}") from error

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
            raise Unavailable(self.element, "what listens here does not say which engine API it speaks") from None
        if (major, minor) < _OLDEST:
            raise Refused(self.element, f"the engine speaks API {engines}; evenkeel needs {_OLDEST[0]}.{_OLDEST[1]}")
        return ".".join(map(str, min((major, minor), _NEWEST)))

    def _json(self, content: bytes, request: Request) -> Any:
        try:
            return json.loads(content)
        except ValueError:
            raise Unavailable(self.element, f"{request}: the answer is not JSON") from None

    def _no(self, answer: h11.Response, content: bytes) -> EngineAnswer:
        message: object = None
        with suppress(ValueError, AttributeError):
            message = json.loads(content).get("message")
        text = message if isinstance(message, str) else content[:500].decode(errors="replace").strip()
        return EngineAnswer(self.element, answer.status_code, text or answer.reason.decode(errors="replace"))
