"""A driver that is built when somebody looks for the first time: a device without the subjects of a domain does not load it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from evenkeel.reconcilers.ports import Driver, Progress
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome

Seen = TypeVar("Seen")


class LateDriver(Generic[Seen]):
    """A `Driver` that hands everything on to the one that `build` makes."""

    def __init__(self, build: Callable[[], Driver[Seen]]) -> None:
        self._build = build
        self._driver: Driver[Seen] | None = None
        self._is_built = asyncio.Event()

    @property
    def driver(self) -> Driver[Seen]:
        """The driver behind it, built now if it was not yet."""
        if self._driver is None:
            self._driver = self._build()
            self._is_built.set()
        return self._driver

    async def observe(self, look: Look = Look()) -> Seen:
        return await self.driver.observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        return await self.driver.perform(action, progress)

    async def nudges(self) -> AsyncIterator[None]:
        """Those of the driver, from the first look on."""
        await self._is_built.wait()
        async for _ in self.driver.nudges():
            yield

    async def close(self) -> None:
        if self._driver is not None:
            await self._driver.close()
