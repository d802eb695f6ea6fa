"""Wake-ups of a domain that looks at files: a change at one of its paths.

inotify is a hint and nothing more: a folder that is replaced, a network file system and changes beyond the bounds are
seen at the next resync. A watch belongs to the folder of a path, because a watch on a file is deaf after its first
replacement.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from posixpath import dirname

log = logging.getLogger(__name__)

MOST_FOLDERS = 100
"""The most folders that are watched; a device has 8192 watches for all programs by default."""
_STEP_MS, _DEBOUNCE_MS = 50, 500
_PAUSE_S = 1.0
"""Between two nudges, whatever happens in the folders. They are watched meanwhile: the second one may be the last change."""
_DEAF_S = 60.0
"""The pause until the next attempt where inotify is not available."""


class Watch:
    """Watches the folders of paths while there are any."""

    def __init__(self) -> None:
        self._paths: tuple[str, ...] = ()
        self._inodes: dict[str, int] = {}
        """The watched folders with their inodes; a folder that was replaced has another inode."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._others: asyncio.Event | None = None

    def of(self, paths: tuple[str, ...]) -> None:
        """Watch these paths from now on. May be called in another thread."""
        inodes = {folder: _inode(folder) for folder in sorted({dirname(path) for path in paths})}
        inodes = {folder: inode for folder, inode in inodes.items() if inode}
        if (paths, inodes) == (self._paths, self._inodes):
            return
        self._paths, self._inodes = paths, inodes
        if self._loop is not None and self._others is not None:
            self._loop.call_soon_threadsafe(self._others.set)

    async def nudges(self) -> AsyncIterator[None]:
        """A nudge whenever something may have changed, without end."""
        self._loop, self._others = asyncio.get_running_loop(), asyncio.Event()
        rested_s = 0.0
        while True:
            others = self._others
            others.clear()
            if not self._inodes:
                await others.wait()
                continue
            event = asyncio.create_task(_event(frozenset(self._paths), tuple(self._inodes)[:MOST_FOLDERS]))
            moved = asyncio.create_task(others.wait())
            try:
                await asyncio.wait({event, moved}, return_when=asyncio.FIRST_COMPLETED)
                happened = event.done() and event.result()
            finally:
                event.cancel()
                moved.cancel()
                await asyncio.gather(event, moved, return_exceptions=True)
            if happened:
                await asyncio.sleep(max(0.0, rested_s - self._loop.time()))
                rested_s = self._loop.time() + _PAUSE_S
                yield


async def _event(paths: frozenset[str], folders: tuple[str, ...]) -> bool:
    """True after something happened at a path; False when nothing can be watched for now."""
    from evenkeel.controller.process.folders import WatchBroke, happenings

    try:
        async with aclosing(happenings(folders, _STEP_MS, _DEBOUNCE_MS)) as events:
            async for happened in events:
                if paths & happened:
                    break
        return True
    except (OSError, RuntimeError, WatchBroke) as error:
        log.debug("cannot watch files", extra={"fields": {"why": str(error)}})
        await asyncio.sleep(_DEAF_S)
        return False


def _inode(folder: str) -> int:
    try:
        return Path(folder).stat().st_ino
    except OSError:
        return 0
