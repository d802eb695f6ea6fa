"""The time of one call: its limit, and the waits that a service asks for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from evenkeel.specs.errors import TimedOut, Unavailable

Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """Waits within a limit. `sleep` waits for real, or lets a test's world go on by as much."""

    def __init__(self, element: str, limit_s: float, sleep: Sleep) -> None:
        self._element, self._limit_s, self._sleep = element, limit_s, sleep
        self._begin_s, self._waited_s = asyncio.get_running_loop().time(), 0.0

    async def wait(self, seconds: float, why: str, *, is_away: bool) -> None:
        """Wait, where the limit leaves room for it. Otherwise raises Unavailable where the service is in trouble itself, else
        TimedOut, at once: nothing would be asked any more."""
        spent_s = max(self._waited_s, asyncio.get_running_loop().time() - self._begin_s)
        if spent_s + seconds >= self._limit_s:
            told = (
                f"{why}, and wants to be asked again in {seconds:g} s; the limit of {self._limit_s:g} s is over by then"
            )
            raise (Unavailable if is_away else TimedOut)(self._element, told)
        self._waited_s += seconds
        await self._sleep(seconds)


@contextlib.asynccontextmanager
async def limit(element: str, who: str, limit_s: float) -> AsyncIterator[None]:
    """A context that ends after so many seconds. Then it raises TimedOut."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError:
        raise TimedOut(element, f"{who} did not answer within {limit_s:g} s") from None
