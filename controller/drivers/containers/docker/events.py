"""When something happens to a container, the engine says so; what, is seen by looking.

Whatever the engine answers, the following goes on: an engine that is away, too old or speaks nonsense may be another one soon.
It is asked less and less often until an answer has lasted: a proxy before it may accept each request and end each answer at
once, and every end is a reason to look.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from evenkeel.controller.drivers.containers.docker.client import EngineClient
from evenkeel.specs.errors import DriverError, TimedOut, Unavailable

log = logging.getLogger(__name__)

_EVENTS = ("create", "start", "die", "stop", "destroy", "rename", "update", "pause", "unpause", "oom", "health_status")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 10.0


async def events(client: EngineClient) -> AsyncGenerator[None, None]:
    """One for every event, and one whenever the engine was lost and is back."""
    filters = json.dumps({"type": ["container"], "event": list(_EVENTS)})
    now, wait_s = asyncio.get_running_loop().time, _FIRST_WAIT_S
    while True:
        begun_s = math.inf
        try:
            async with client.stream("GET", "/events", {"filters": filters}) as happened:
                begun_s = now()
                yield
                async for _ in happened:
                    yield
        except DriverError as error:
            log.debug("events ended", extra={"fields": {"why": str(error)}})
        if now() - begun_s >= _LONGEST_WAIT_S:
            wait_s = _FIRST_WAIT_S
        yield
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


class Ends:
    """The end of one container, from the engine's events since its last start. Their order decides, not their dates."""

    def __init__(self, element: str) -> None:
        self._element = element
        self._killed, self._ended = False, asyncio.Event()
        self.listening: asyncio.Task[None] | None = None

    def hear(self, event: object) -> None:
        """The next event."""
        match event:
            case {"Action": "start"}:
                self._killed = False
                self._ended.clear()
            case {"Action": "kill"}:
                self._killed = True
            case {"Action": "die"}:
                self._ended.set()
            case _:
                pass

    async def was_killed(self, timeout_s: float) -> bool:
        """Whether the engine killed the container before it ended: for somebody, or because the engine itself ends. Raises
        DriverError when the engine does not tell of the end."""
        assert self.listening is not None
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((ended, self.listening), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if self._ended.is_set():
            return self._killed
        if self.listening.done():
            self.listening.result()
            raise Unavailable(self._element, "GET /events: the answer ended")
        raise TimedOut(self._element, f"GET /events: it does not tell of an end within {timeout_s:g} s")


@asynccontextmanager
async def ends_of(client: EngineClient, instance: str) -> AsyncIterator[Ends]:
    """Listen to how a container ends, from the beginning of the engine's log on: what is in it stands in the order in which
    it happened, whatever was done to the clock meanwhile."""
    ends = Ends(client.element)
    filters = json.dumps({"type": ["container"], "event": ["start", "kill", "die"], "container": [instance]})

    async def listen() -> None:
        async with client.stream("GET", "/events", {"since": "0", "filters": filters}) as happened:
            async for event in happened:
                ends.hear(event)

    ends.listening = asyncio.ensure_future(listen())
    try:
        yield ends
    finally:
        ends.listening.cancel()
        await asyncio.gather(ends.listening, return_exceptions=True)
