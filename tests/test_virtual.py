"""The virtual event loop, where threads are at work for it."""

from __future__ import annotations

import asyncio
import time

from .virtual import run


def test_time_stands_still_while_a_thread_is_at_work() -> None:
    """Else a limit of the program is over before the thread has spoken: an answer was given up, once in ten runs under load."""

    async def story() -> float:
        loop = asyncio.get_running_loop()
        limit = loop.call_later(5, list)
        await asyncio.to_thread(time.sleep, 0.05)
        passed_s = loop.time()
        await asyncio.sleep(60)
        assert loop.time() == passed_s + 60, "it jumps again"
        assert limit.when() < loop.time()
        return passed_s

    assert run(story()) == 0
