"""A wait that ends by itself."""

from __future__ import annotations

import asyncio


async def wait_for(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for an event, for so many seconds at most; `None`: for ever."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
