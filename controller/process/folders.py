"""Changes in folders, as inotify tells them. The one place that knows watchfiles.

The Rust part of watchfiles is used as it is, which its documentation provides for: `awatch` around it loads the event loops of
anyio, some 0.8 MiB in a process that stays for months.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import ThreadPoolExecutor, wait

_POLL_MS = 300
"""Between two looks where there is no inotify at all."""


class WatchBroke(Exception):
    """A watch stood and broke, for example on a name that is no UTF-8. Something may have been missed."""


async def happenings(folders: Iterable[str], step_ms: int, debounce_ms: int) -> AsyncGenerator[frozenset[str], None]:
    """The paths of each burst of events in these folders, without what lies deeper. A burst is over `step_ms` after its last
    event, or `debounce_ms` after its first one. The watches stand before anything is awaited. Raises OSError and RuntimeError
    when they cannot be set up, WatchBroke when they broke later."""
    from watchfiles._rust_notify import RustNotify

    stop = threading.Event()
    with (
        RustNotify([*folders], False, False, _POLL_MS, False, True) as watch,
        ThreadPoolExecutor(1, "watching folders") as thread,
    ):
        while True:
            # No work of the loop, which virtual time would stand still for: it waits for the world.
            waiting = thread.submit(watch.watch, debounce_ms, step_ms, 0, stop)
            try:
                await asyncio.wait((asyncio.wrap_future(waiting),))
            except asyncio.CancelledError:
                stop.set()  # the thread sees it within a step
                await asyncio.to_thread(wait, (waiting,))
                raise
            try:
                found = waiting.result()
            except Exception as error:
                raise WatchBroke(str(error)) from error
            if isinstance(found, str):
                raise WatchBroke(found)
            yield frozenset(path for _, path in found)
