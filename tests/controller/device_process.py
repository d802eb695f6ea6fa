"""The process of a simulated device: a whole controller with slots and a link to the broker. It begins, is told to end, or is
gone without a word; the world outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from tests.controller.stage import Scripted
from tests.virtual import now

from evenkeel.controller.cycle.domain import AnyDomain
from evenkeel.controller.drivers.slots.memory import MemorySlots, World
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.loop.controller import Controller
from evenkeel.controller.loop.ports import Serving
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.worker import Conduct
from evenkeel.controller.process.clock import Uptime


class Published(NamedTuple):
    topic: str
    content: Any
    retain: bool


class Publishing(Protocol):
    """A link that keeps what was published."""

    published: list[Published]


class DeviceProcess:
    """Within a virtual loop. A device makes its journal, link and domains in `_boot`, and begins the controller."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.everything: list[Published] = []
        """All that was published by processes that are over."""
        self._work: asyncio.Task[None] | None = None

    def _begin(
        self,
        journal: Journal,
        link: Publishing,
        slots: MemorySlots,
        domains: list[AnyDomain],
        agents: Callable[[Controller], Serving],
    ) -> None:
        """A new process."""
        self.journal, self.domains, self.source = journal, domains, Scripted()
        self._session, self._slots = link, slots
        every, wake_ups, conduct = timedelta(seconds=60), WakeUps(jitter=lambda: 0.5), Conduct(tries=2, now=now)
        self.controller = Controller(journal, domains, self.source, (), every, wake_ups, agents=agents, conduct=conduct)
        self._work = None

    def _clock(self) -> Uptime:
        return Uptime(self.world.boot, asyncio.get_running_loop().time())

    async def starts(self) -> None:
        """The process begins, and is on the broker."""
        self._work = asyncio.ensure_future(self.controller.run())
        await asyncio.sleep(1)

    async def stops(self) -> None:
        """The process is told to end, and does."""
        assert self._work is not None
        self.controller.stop()
        await self._work
        self._over()

    async def dies(self) -> None:
        """The process is gone without a word."""
        assert self._work is not None
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        self._slots.updater.stop()
        self._over()

    def _over(self) -> None:
        self._work = None
        self.everything += self._session.published
        self.journal.close()
