"""For how long something has been tried in vain, which is what patience is about.

A pull of an hour is not in vain while its bytes come, and one that stalls at its end deserves another try. One that never gets
further than before comes to an end all the same: what it waited in vain before still counts.
"""

from __future__ import annotations

import asyncio


class Vain:
    """The time that went by in vain. Within a running event loop."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Nothing was in vain until now."""
        self._since = self._counted = asyncio.get_running_loop().time()
        self._furthest = 0

    def tries(self) -> None:
        """Another try begins."""
        self._counted = asyncio.get_running_loop().time()

    def comes(self, done: int) -> None:
        """A pull goes on, and has come as far as `done`."""
        now = asyncio.get_running_loop().time()
        self._since = now if done > self._furthest else self._since + now - self._counted
        self._counted, self._furthest = now, max(done, self._furthest)

    @property
    def seconds(self) -> float:
        """For how long in vain."""
        return asyncio.get_running_loop().time() - self._since
