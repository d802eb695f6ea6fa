"""A reading at the start, and one whenever the files changed.

inotify is a hint and nothing more. A watch belongs to a directory's inode: it is deaf as soon as that directory, or a
link on the way to it, has been replaced. So every round sets up fresh watches on the real directories that decide what
the paths lead to, looks *after* they stand, compares the directories and the content with those of the last round, and
only then waits. Every change during a look is therefore either in the look or an event after it. Changes that inotify
never tells (a network file system, another mount namespace) are found by looking again every so often.

A burst is read when it is over: a reading in the middle of a checkout would be a state that was never meant. Idle, this
costs one thread that sleeps.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.controller.sources.files.read import Contents, Reading, gather, is_spec, understand
from evenkeel.specs.codec import prepare

if TYPE_CHECKING:
    import asyncio

log = logging.getLogger(__name__)

_STEP_MS = 30
"""A burst is over after so long without an event. A single save is read after one to two of these. Each is a wake-up of a
thread: at 30 ms they take 0.1 % of a core, at 50 ms 0.07 %."""
_DEBOUNCE_MS = 1000
"""A burst that does not end is read after this long."""
_PAUSE_S = 0.1
"""The least time from a look that found nothing new to the next one, so that a busy neighbour in a watched directory costs
little. After a time without events it is over, and a change is read at once."""
_DEAF_S = 2.0
"""The pause between two looks while inotify is not available."""
_MOST_LINKS = 40
"""The limit of the kernel; more links are a loop."""


class FileSource:
    """Watches files and folders, and Kanto's files (see `read_specs`); `resync` is how long a change may hide from inotify."""

    def __init__(
        self,
        paths: Sequence[str | Path],
        cache: Path | None = None,
        resync: timedelta = timedelta(seconds=60),
        kanto: Sequence[str | Path] = (),
    ) -> None:
        import asyncio

        self._paths = tuple(Path.cwd() / path for path in paths)
        self._kanto = tuple(Path.cwd() / path for path in kanto)
        self._cache, self._resync_s = cache, resync.total_seconds()
        self._wake = asyncio.Event()
        self._trouble = ""
        self._unread = frozenset[str]()

    def look(self) -> None:
        """Look now instead of waiting for an event."""
        self._wake.set()

    async def changes(self) -> AsyncGenerator[Reading, None]:
        """Without end; each reading has another `content_digest` than the one before it."""
        import asyncio

        prepare()  # the look below decodes in another thread
        clock = asyncio.get_running_loop()
        seen, directories = "", await asyncio.to_thread(self._watched)
        while True:
            async with self._watching(directories):
                reading, now = await asyncio.to_thread(self._look, seen)
                new, looked_s = reading is not None, clock.time()
                if reading is not None:
                    seen = reading.content_digest
                    yield reading
                    del reading  # a large state is not kept while nothing happens
                if now == directories:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._resync_s):
                            await self._wake.wait()
                    self._wake.clear()
            if not new:
                await asyncio.sleep(looked_s + _PAUSE_S - clock.time())
            directories = await asyncio.to_thread(self._watched)

    def _look(self, seen: str) -> tuple[Reading | None, frozenset[Path]]:
        """A reading unless its digest is `seen`, and the directories that decide about it."""
        contents = gather(self._paths, self._kanto)
        self._tell_unread(contents)
        reading = None if contents.digest == seen else understand(contents, self._cache)
        return reading, self._watched()

    def _watched(self) -> frozenset[Path]:
        return watched((*self._paths, *self._kanto))

    def _tell_unread(self, contents: Contents) -> None:
        """Report each unread entry once. There may be no other sign of a sub-folder, because no revision changes with
        it."""
        unread = frozenset(problem.place.file for problem in contents.problems if problem.severity == "warning")
        for folder in sorted(unread - self._unread):
            log.warning("sub-folder is not read", extra={"fields": {"folder": folder}})
        self._unread = unread

    @asynccontextmanager
    async def _watching(self, directories: frozenset[Path]) -> AsyncIterator[None]:
        """While inside, an event in one of the directories is a wake-up."""
        import asyncio

        waiting = asyncio.create_task(self._event(directories))
        waiting.add_done_callback(self._ended)
        await asyncio.sleep(0)  # the watches stand before anything is waited for
        try:
            yield
        finally:
            waiting.cancel()
            await asyncio.wait((waiting,))
            if not waiting.cancelled():
                waiting.result()  # a bug must not make the source deaf and keep quiet

    def _ended(self, waiting: asyncio.Task[None]) -> None:
        if not waiting.cancelled():
            self._wake.set()

    async def _event(self, directories: frozenset[Path]) -> None:
        """Return after an event in one of the directories, or when one may have been missed."""
        import asyncio

        from evenkeel.controller.process.folders import WatchBroke, happenings

        try:
            folders = [str(each) for each in sorted(directories)]
            async with aclosing(happenings(folders, _STEP_MS, _DEBOUNCE_MS)) as events:
                await anext(events)
            self._trouble = ""
        except FileNotFoundError:
            pass  # one of them is gone already
        except WatchBroke as error:  # for example on a name that is no UTF-8
            log.debug("watch broke", extra={"fields": {"why": str(error)}})
        except (OSError, RuntimeError) as error:  # it could not be set up: too many watches or open files
            if str(error) != self._trouble:
                self._trouble = str(error)
                log.warning("cannot watch files", extra={"fields": {"why": str(error), "looking_every_s": _DEAF_S}})
            await asyncio.sleep(_DEAF_S)


def watched(paths: Sequence[Path]) -> frozenset[Path]:
    """The real directories whose entries decide where `paths` (absolute) lead, and the content there.

    These are the parents of every path and of every link on the way; for a path that does not exist, the nearest
    directory that does; and folders of specs themselves, with all of this for the links in them.
    """
    found: set[Path] = set()
    for path in paths:
        real = _trace(path, found)
        if real is None or not real.is_dir():
            continue
        found.add(real)
        with suppress(OSError):
            for entry in real.iterdir():
                if is_spec(entry.name) and entry.is_symlink():
                    _trace(entry, found)
    return frozenset(found)


def _trace(path: Path, found: set[Path]) -> Path | None:
    """Follow `path` as the kernel does and add the directories on which the way depends; where it ends, if anywhere."""
    root = Path(path.anchor)
    here, ahead, links = root, [*path.parts[:0:-1]], 0
    while ahead:
        part = ahead.pop()
        if part == "..":
            here = here.parent
            continue
        try:
            target = (here / part).readlink()
        except OSError as error:
            if error.errno == errno.EINVAL:  # there, and no link
                here /= part
                continue
            found.add(here if here.is_dir() else here.parent)
            return None
        except ValueError:  # a NUL in the name
            return None
        found.add(here)
        links += 1
        if links > _MOST_LINKS:
            return None
        if target.is_absolute():
            here = root
        ahead += [part for part in reversed(target.parts) if part != target.anchor]
    found.add(here.parent)
    return here
