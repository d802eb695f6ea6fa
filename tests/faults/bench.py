"""A real engine with containers of somebody else on it, a proxy that disturbs one request, and what the engine itself tells.

A story is played in turns, each with another fault. Whatever the fault: the turn converges without help, and whatever it is
not about runs on untouched. What else must hold, the story says of the engine's account of the turn.
"""

from __future__ import annotations

from typing import Protocol

from tests.engines.dockerd import Dockerd
from tests.engines.engine_faults import Fault
from tests.engines.proxy import Proxy

from .account import Account, Accounting, Chronicle

SUBJECT = "web"
"""What every story is about."""
STRANGER = "stranger"
CALL_TIMEOUT_S = 2.0
"""For an engine that never answers; a call that is due takes less than a tenth of it."""


class Story(Protocol):
    """Something that is done to `web`, or to several, time and again, on an engine with somebody else's containers."""

    @property
    def about(self) -> tuple[str, ...]:
        """The names of the containers that each turn is about."""
        ...

    @property
    def beside(self) -> tuple[str, ...]:
        """Other containers of its own, which no turn is about."""
        ...

    async def begin(self) -> None:
        """What was there before."""
        ...

    async def turn(self) -> None:
        """From one state to the next, until nothing is left to do. AssertionError when it does not get there by itself."""
        ...

    def check(self, account: Account) -> None:
        """What must be true of a turn, for each of the containers that it is about."""
        ...

    async def close(self) -> None: ...


class Bench:
    """One story on one engine."""

    def __init__(self, dockerd: Dockerd, proxy: Proxy, story: Story) -> None:
        self._dockerd, self._proxy, self._story = dockerd, proxy, story
        self._beside: dict[str, tuple[str, str]] = {}

    async def begin(self) -> None:
        self._dockerd.run(STRANGER, "sleeper:1")
        await self._story.begin()
        self._beside = {name: self._identity(name) for name in (STRANGER, *self._story.beside)}

    async def requests(self) -> list[str]:
        """What one undisturbed turn asks, in order."""
        self._proxy.asked.clear()
        await self._play()
        return [asked for asked in self._proxy.asked if asked != "GET /events"]

    async def disturbed(self, number: int, fault: Fault, only: str = "") -> str:
        """One turn with a fault at the request of this number; the request that it happened to, "" when there was none."""
        self._proxy.arm(number, fault, only)
        await self._play()
        return self._proxy.met or ""

    async def _play(self) -> None:
        about = self._story.about
        with Chronicle(self._dockerd) as chronicle:
            accountings = [Accounting(self._dockerd, self._proxy, name, about, chronicle) for name in about]
            await self._story.turn()
            accounts = [accounting.end() for accounting in accountings]
        assert accounts[0].touched == (), f"it is not about these ({self._proxy.met})"
        assert {name: self._identity(name) for name in self._beside} == self._beside, "it is not about these"
        for account in accounts:
            self._story.check(account)

    def _identity(self, name: str) -> tuple[str, str]:
        found = self._dockerd.inspect(name)
        return found["Id"], found["State"]["StartedAt"]
