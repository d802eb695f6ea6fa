"""Debouncing: an item that can wait is held back until no newer one comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

Item = TypeVar("Item")


async def debounce(
    items: AsyncIterator[Item], can_wait: Callable[[Item], bool], quiet_s: float
) -> AsyncGenerator[Item, None]:
    """Yield at once; hold back an item for which `can_wait` is true until no newer one came for `quiet_s`. A newer item
    replaces it."""
    held: Item | None = None
    coming: asyncio.Future[Item | None] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(anext(items, None))
            await asyncio.wait((coming,), timeout=None if held is None else quiet_s)
            item = held
            if coming.done():
                item, coming = coming.result(), None
                if item is None:
                    break
                if can_wait(item):
                    held = item
                    continue
            held = None
            if item is not None:
                yield item
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait((coming,))
    if held is not None:
        yield held
