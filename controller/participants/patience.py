"""Patience: the time that was waited in vain, and the trouble that is reported meanwhile.

A pull of an hour is not in vain while its bytes come, and one that stalls at its end deserves another try. One that
never gets further than before ends all the same, because its earlier waits in vain still count.
"""

from __future__ import annotations

import asyncio

from evenkeel.controller.participants.participant import Waits


class Vain:
    """The time that went by in vain. Within a running event loop."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin to count."""
        self._since = self._counted = asyncio.get_running_loop().time()
        self._furthest = 0

    def tries(self) -> None:
        """Another try begins."""
        self._counted = asyncio.get_running_loop().time()

    def comes(self, done: int) -> None:
        """A pull goes on, and has reached `done` bytes."""
        now = asyncio.get_running_loop().time()
        self._since = now if done > self._furthest else self._since + now - self._counted
        self._counted, self._furthest = now, max(done, self._furthest)

    @property
    def seconds(self) -> float:
        """Seconds in vain."""
        return asyncio.get_running_loop().time() - self._since


class Trouble:
    """Reports a reason when it differs from the last."""

    def __init__(self, waits: Waits) -> None:
        self._waits, self.said = waits, ""
        self._late = ""

    def say(self, why: str) -> None:
        """Report the trouble that is waited out from now on; "" when it has passed."""
        if why != self.said:
            self.said = why
            self._waits(why)

    def late(self, why: str) -> None:
        """Report that a look or a step takes long, unless trouble is waited out already."""
        if not self.said:
            self._late = why
            self.say(self._late)

    def answered(self) -> None:
        """Note that a late look or step goes on. Other trouble is not over by that."""
        if self.said == self._late:
            self.say("")


async def pause(seconds: float, cut: asyncio.Event) -> bool:
    """Wait; False when cut short."""
    try:
        async with asyncio.timeout(seconds):
            await cut.wait()
    except TimeoutError:
        return True
    return False
