"""Waiting for what the world does, and never longer than needed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
_EVERY_S = 0.02
PATIENCE_S = 240.0
"""A limit for what hangs, not for what is slow: two workers beside two other runs take their time."""


def until(look: Callable[[], Found], timeout_s: float = PATIENCE_S, what: str = "") -> Found:
    """The first answer that is true; AssertionError with the last one when there is none in time.

    A look that is itself at work for long, as a command is, leaves the processor twice as long to what is waited for.
    """
    pause, deadline = threading.Event(), time.monotonic() + timeout_s
    while True:
        started = time.monotonic()
        if found := look():
            return found
        took = time.monotonic() - started
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what or look}; at the end: {found!r}"
        pause.wait(max(_EVERY_S, 2 * took))


async def soon(look: Callable[[], Found], timeout_s: float = PATIENCE_S, what: str = "") -> Found:
    """The same while an event loop turns."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not (found := look()):
        assert loop.time() < deadline, f"not within {timeout_s:g} s: {what or look}; at the end: {found!r}"
        await asyncio.sleep(_EVERY_S)
    return found
