"""A virtual event loop: asyncio's clock jumps to the next timer when nothing else is ready, so that no test sleeps.

A thread lives in real time: while one is at work for the loop, nothing jumps. Otherwise all limits of the program would be over
before the thread has said its first word.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
EPOCH_S = 1_800_000_000.0
WRONG_CLOCKS_S = (-EPOCH_S, -(10.0**9), -3600.0, 3600.0, 315_360_000.0)
"""By how much the clock of a device is ahead: it begins at 1970, or in the nineties, is an hour or ten years off."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` is virtual; waiting for timers costs nothing. File descriptors are still polled. What a thread at work
    (`asyncio.to_thread`) waits for must not be a timer of this loop."""

    def __init__(self) -> None:
        self._virtual_s, self.threads_at_work = 0.0, 0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self._virtual_s

    def jump(self, seconds: float) -> None:
        self._virtual_s += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        work = super().run_in_executor(executor, func, *args)
        self.threads_at_work += 1
        work.add_done_callback(self._thread_ended)
        return work

    def _thread_ended(self, _: object) -> None:
        self.threads_at_work -= 1


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        is_idle = timeout is None or timeout > 0
        ready = super().select(None if is_idle and self._loop.threads_at_work else 0)
        if not ready and timeout:
            self._loop.jump(timeout)
        elif not ready and timeout is None:
            raise RuntimeError("the test waits for something that never happens")
        return ready


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on a virtual loop."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def now() -> float:
    """Seconds since the epoch, as the running virtual loop has it."""
    return EPOCH_S + asyncio.get_running_loop().time()
