"""The engine's events: they say that something has happened to a container or its network, and a look shows the result.

The following goes on after any answer of the engine: an engine that is away, too old or speaks nonsense may be another
one soon. It is asked less and less often until an answer has lasted: a proxy before it may accept each request and end
each answer at once, and every end is a reason to look.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager

from evenkeel.controller.drivers.containers.docker.client import EngineClient
from evenkeel.specs.errors import DriverError, TimedOut, Unavailable

log = logging.getLogger(__name__)

_OF_CONTAINERS = ("create", "start", "die", "stop", "rename", "update", "pause", "unpause", "oom", "health_status")
_OF_NETWORKS = ("connect", "disconnect")
_OF_BOTH = ("destroy",)
_OF_PODMAN = ("died", "remove")
"""Podman looks for its own names, and tells of `die` when it was asked for `died` (measured, 4.3.1). Other engines know no such
events."""
_DATE_S = 0.001
"""Tolerance, because dates are rounded."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 10.0
_FIRST_READING_S = 5.0
"""After this time without an end that an inspection has told of, the log is read once more."""
_QUIET_S = 0.3
"""Nothing more of the past is told after this time: Podman looks into its log every 0.25 s."""


class NewestEnds:
    """The exit codes of the newest ends of containers. The engine tells each when it happens, and forgets it when it
    has started the container again."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[float, int]] = {}
        """By id: the time of the event, by the engine's clock, and the code."""

    def hear(self, event: object) -> None:
        """The next event. An end without a code makes the code unknown."""
        match event:
            case {
                "Action": "die",
                "timeNano": int(at),
                "Actor": {"ID": str(id_), "Attributes": {"exitCode": str(code)}},
            }:
                if code.removeprefix("-").isdecimal():
                    self._ends[id_] = at / 1e9, int(code)
            case _:
                pass

    def learn(self, id_: str, at_s: float, code: int) -> None:
        """An inspection tells of an end that no event has told of yet."""
        if at_s > self._ends.get(id_, (0.0, 0))[0]:
            self._ends[id_] = at_s, code

    def code(self, id_: str, finished_at: float) -> int | None:
        """The exit code of the end that an inspection dates `finished_at`; `None` when it was not heard, because the events
        have not come yet or were cut. The engine tells of an end after it has dated it."""
        told_at, code = self._ends.get(id_, (0.0, 0))
        return code if finished_at and told_at >= finished_at - _DATE_S else None

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Forget containers that are gone."""
        self._ends = {id_: end for id_, end in self._ends.items() if id_ in ids}


def is_reason_to_look(event: object, containers: Collection[str], networks: Collection[str]) -> bool:
    """Whether an event may have changed an observation: any event of a container, and those of a network that are about
    these `containers` or these `networks` (ids). Networks of others come and go without effect."""
    match event:
        case {"Type": "network", "Action": "connect" | "disconnect", "Actor": {"Attributes": {"container": str(id_)}}}:
            return id_ in containers
        case {"Type": "network", "Action": "connect" | "disconnect", "Actor": {"ID": str(id_)}}:  # Podman
            return id_ in containers
        case {"Type": "network", "Actor": {"ID": str(id_)}}:
            return id_ in networks
        case _:
            return True


async def events(client: EngineClient, hear: Callable[[object], bool]) -> AsyncGenerator[None, None]:
    """One for every event of which `hear` says that it is a reason to look, and one whenever the engine was lost and is
    back."""
    filters = json.dumps(
        {"type": ["container", "network"], "event": [*_OF_CONTAINERS, *_OF_NETWORKS, *_OF_BOTH, *_OF_PODMAN]}
    )
    now, wait_s = asyncio.get_running_loop().time, _FIRST_WAIT_S
    while True:
        begun_s = math.inf
        try:
            async with client.stream("GET", "/events", {"filters": filters}) as happened:
                begun_s = now()
                yield
                async for event in happened:
                    if hear(event):
                        yield
        except DriverError as error:
            log.debug("events ended", extra={"fields": {"why": str(error)}})
        if now() - begun_s >= _LONGEST_WAIT_S:
            wait_s = _FIRST_WAIT_S
        yield
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


class Ends:
    """The end of one container, from the engine's events since its last start. Their order decides, not their dates.

    `read` reads the engine's log from its beginning and follows it, and gives each event to `hear`.
    """

    def __init__(self, element: str, read: Callable[[Ends], Coroutine[None, None, None]]) -> None:
        self._element, self._read = element, read
        self._began, self._killed, self._ended, self._heard = False, False, asyncio.Event(), 0
        self._reading = asyncio.ensure_future(read(self))

    def hear(self, event: object) -> None:
        """The next event. A log that is read once more repeats them in their order, which changes nothing."""
        self._heard += 1
        match event:
            case {"Action": "start"}:
                self._began, self._killed = True, False
                self._ended.clear()
            case {"Action": "kill"}:
                self._killed = True
            case {"Action": "die"}:
                self._ended.set()
            case _:
                pass

    async def was_alone(self, timeout_s: float) -> bool:
        """Whether the container ended by itself. False also when the engine does not remember its start any more, because the
        engine itself, or too much else, began after it: then it does not tell of every `kill` since, either."""
        return await self._is_told(timeout_s) and self._began and not self._killed

    async def was_killed(self, timeout_s: float) -> bool:
        """Whether the engine killed the container before it ended: for somebody, or because the engine itself ends. Raises
        DriverError when the engine does not tell of the end.

        The log is read twice if need be: when Podman shortens the file of its events, it ends what follows the file, or leaves
        it behind without a word (measured, 4.3.1)."""
        if not await self._is_told(min(timeout_s, _FIRST_READING_S)):
            if self._reading.done():
                self._reading.result()  # an engine that is away has lost its log, or will tell the next one that asks
            await self.close()
            self._reading = asyncio.ensure_future(self._read(self))
            if not await self._is_told(timeout_s):
                if self._reading.done():
                    self._reading.result()
                    raise Unavailable(self._element, "GET /events: the answer ended")
                raise TimedOut(self._element, f"GET /events: it does not tell of an end within {timeout_s:g} s")
        return self._killed

    async def _is_told(self, timeout_s: float) -> bool:
        """Whether the end was told and nothing after it: the end of an earlier life is followed by the next start."""
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((ended, self._reading), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        heard = -1
        while heard != self._heard:
            heard = self._heard
            await asyncio.wait((self._reading,), timeout=_QUIET_S)
        return self._ended.is_set()

    async def close(self) -> None:
        """End the reading."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


@asynccontextmanager
async def ends_of(client: EngineClient, instance: str, hear: Callable[[object], None]) -> AsyncIterator[Ends]:
    """Listen for the end of a container, from the beginning of the engine's log on: its order is that in which things
    happened, even if the clock was set meanwhile. `hear` gets each event, too."""
    filters = json.dumps({"type": ["container"], "event": ["start", "kill", "die", "died"], "container": [instance]})

    async def read(ends: Ends) -> None:
        async with client.stream("GET", "/events", {"since": "0", "filters": filters}) as happened:
            async for event in happened:
                ends.hear(event)
                hear(event)

    ends = Ends(client.element, read)
    try:
        yield ends
    finally:
        await ends.close()
