"""The effects of a device's processes, one by one, and the end of a process at any of them.

An effect is a message to the broker, or an action on the containers or the slots. A process ends `before` an effect, in the
middle of it (`during`, where it takes time), when it was carried out and nobody knows it yet (`torn`), or `after` it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple, TypeVar

Where = Literal["before", "during", "torn", "after"]
Result = TypeVar("Result")


class Done(NamedTuple):
    """An effect, and for how many seconds it was under way."""

    name: str
    took_s: float


class Moment(NamedTuple):
    """The place of an end: at the effect of this number, and so many seconds after its begin if it is `during` that."""

    number: int
    where: Where
    after_s: float = 0.0


class Moments:
    """The effects since `begin`. `reached` is set where the process has to end, and the effect gets no further there."""

    def __init__(self) -> None:
        self.done: list[Done] = []
        self.reached = asyncio.Event()
        self._end_at: Moment | None = None
        self._number = -1
        self._counts = False

    def begin(self, end_at: Moment | None = None) -> None:
        """Count effects from now on."""
        self._counts, self._end_at, self._number = True, end_at, -1

    def stop(self) -> None:
        """The process has ended; no other one does."""
        self._counts = False

    def every(self) -> list[Moment]:
        """Each moment of the effects that were counted."""
        found: list[Moment] = []
        for number, each in enumerate(self.done):
            found.append(Moment(number, "before"))
            if each.took_s > 0:
                found.append(Moment(number, "during", each.took_s / 2))
            found += [Moment(number, "torn"), Moment(number, "after")]
        return found

    async def around(self, name: str, carry_out: Callable[[], Awaitable[Result]]) -> Result:
        """Carry out an effect."""
        if not self._counts:
            return await carry_out()
        self._number += 1
        end_at = self._end_at if self._end_at is not None and self._end_at.number == self._number else None
        loop = asyncio.get_running_loop()
        where, begun = end_at.where if end_at is not None else "", loop.time()
        if end_at is not None and where == "before":
            await self._end()
        if end_at is not None and where == "during":
            loop.call_later(end_at.after_s, self.reached.set)
        result = await carry_out()
        self.done.append(Done(name, loop.time() - begun))
        if where == "torn":
            await self._end()
        if where == "after":
            self.reached.set()
        return result

    async def _end(self) -> None:
        """Only the end of the process ends this."""
        self.reached.set()
        await asyncio.get_running_loop().create_future()
