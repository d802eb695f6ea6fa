"""An event loop and threads that hold up no end: a call that hangs in the kernel, such as one to a disk that is gone, cannot be
cancelled.

The pool of asyncio waits for its threads when the loop ends, and the interpreter does so, too. These are left behind.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_GRACE_S = 1.0


def run_bounded(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine in an event loop of its own. Neither a thread nor a task that goes on when it is cancelled is waited for
    at the end, as `asyncio.run` would."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(LooseThreads())
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(_cancel_rest())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _cancel_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=_GRACE_S)


class LooseThreads(ThreadPoolExecutor):
    """A thread for each call; nobody waits for one at the end."""

    def submit(self, fn: Callable[_Given, _Result], /, *args: _Given.args, **kwargs: _Given.kwargs) -> Future[_Result]:
        future = Future[_Result]()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                found = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
                future.set_exception(error)
            else:
                future.set_result(found)

        threading.Thread(target=work, daemon=True, name="doctor").start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing is waited for."""
