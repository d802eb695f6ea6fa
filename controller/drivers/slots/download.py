"""Downloading a bundle: it goes on where it was interrupted, and is complete and compared, or not there.

Invariants: nothing is written for which the disk has no room; a file under its own name is whole, on the disk, and has the
SHA-256 that was asked for; a part is taken up only when the server says that it is of the same content, or when a SHA-256
tells in the end; what does not fit then is fetched anew, once.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from evenkeel.controller.drivers.slots.partial import Origin, Partial
from evenkeel.controller.drivers.slots.server import Access, Final, Passing, access, get
from evenkeel.controller.process.waiting import waiting_for
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.reading.quantity import rough_size_text
from evenkeel.specs.slots.system import OperatingSystem, shown_bundle

Result = TypeVar("Result")

RESERVE_BYTES = 16 * 1024**2
"""The bytes that a download leaves free, for the journal and others."""
_LEFT = f"; evenkeel leaves {rough_size_text(RESERVE_BYTES)} free"
_AT_ONCE_BYTES = 1024**2
"""The bytes that are written and hashed at once, while the next ones come."""
_SHOWN_DIGITS = 12


class Patience(NamedTuple):
    """After `tries` failures in a row without progress a download is given up, with pauses between them that double."""

    tries: int = 5
    pause_s: float = 1.0
    longest_pause_s: float = 30.0


PATIENCE = Patience()


async def download(system: OperatingSystem, target: Path, progress: Progress, patience: Patience = PATIENCE) -> int:
    """Fetch the bundle of a system to a path; what is there already is taken up. Its size in bytes. Raises Refused for what
    will not pass, else Unavailable."""
    element = f"bundle:{shown_bundle(system.bundle)}"
    thread = ThreadPoolExecutor(1, thread_name_prefix="download")
    fetching = _Fetching(system, Partial(target), progress, thread)
    try:
        with waiting_for(f"the download of {shown_bundle(system.bundle)}"):
            return await fetching.fetch(patience)
    except Passing as error:
        raise Unavailable(element, str(error)) from error
    except Final as error:
        raise Refused(element, str(error)) from error
    except OSError as error:
        raise Unavailable(element, _disk_words(error, target)) from error
    finally:
        await asyncio.shield(fetching.leave())
        thread.shutdown(wait=False)


class _Fetching:
    """One download, with everything that blocks in its thread."""

    def __init__(self, system: OperatingSystem, part: Partial, progress: Progress, thread: ThreadPoolExecutor) -> None:
        self._system, self._part, self._progress, self._thread = system, part, progress, thread

    async def fetch(self, patience: Patience) -> int:
        with_ = await self._in_thread(lambda: access(self._system))
        await self._in_thread(self._part.open)
        if self._part.size and not (self._part.origin.validator or self._system.sha256):
            await self._in_thread(lambda: self._part.restart(Origin()))
        was_there = self._part.size > 0
        await self._persist(with_, patience)
        asked_for = self._system.sha256
        if asked_for and self._part.sha256 != asked_for and was_there:
            await self._in_thread(lambda: self._part.restart(Origin()))
            await self._persist(with_, patience)
        if asked_for and self._part.sha256 != asked_for:
            seen = self._part.sha256
            await self._in_thread(lambda: self._part.restart(Origin()))
            shown = f"{seen[:_SHOWN_DIGITS]}…, not {asked_for[:_SHOWN_DIGITS]}…"
            raise Final(f"the SHA-256 of the bundle is {shown} as asked for")
        await self._in_thread(self._part.finish)
        return self._part.size

    async def leave(self) -> None:
        """Keep the part that is there for the next time."""

        def keep() -> None:
            with suppress(OSError, AssertionError):
                self._part.sync()
            self._part.close()

        await self._in_thread(keep)

    async def _persist(self, with_: Access, patience: Patience) -> None:
        """Until all of it is there."""
        failures, pause_s, most = 0, patience.pause_s, self._part.size
        while True:
            try:
                await self._go_on(with_)
                return
            except Passing as error:
                if self._part.size > most:  # what was thrown away and comes again is no progress
                    failures, pause_s, most = 0, patience.pause_s, self._part.size
                failures += 1
                if failures >= patience.tries or error.outside:
                    raise
                await asyncio.sleep(max(pause_s, error.after_s))
                pause_s = min(pause_s * 2, patience.longest_pause_s)

    async def _go_on(self, with_: Access) -> None:
        """One request."""
        part = self._part
        async with get(self._system, with_, part.size, part.origin) as answer:
            if answer.start < 0:
                await self._in_thread(lambda: part.restart(Origin()))
                raise Passing("the server has another content now")
            if answer.start == 0:
                await self._in_thread(lambda: part.restart(answer.origin))
            total = answer.origin.total
            await self._in_thread(lambda: self._check_room(total))
            await self._take(answer.pieces, total)
            if total and part.size != total:
                shown = f"{rough_size_text(part.size)} of {rough_size_text(total)}"
                raise Passing(f"the download ended after {shown}")

    async def _take(self, pieces: AsyncIterator[bytes], total: int) -> None:
        """Write what comes; also the last of it when no more comes."""
        writing: Future[None] | None = None
        waiting = bytearray()
        try:
            async for piece in pieces:
                waiting += piece
                if len(waiting) >= _AT_ONCE_BYTES:
                    writing = await self._next(writing, bytes(waiting), total)
                    waiting.clear()
        finally:
            if waiting:
                writing = await self._next(writing, bytes(waiting), total)
            if writing is not None:
                await asyncio.wrap_future(writing)
        self._progress("fetching", self._part.size, total)

    async def _next(self, writing: Future[None] | None, content: bytes, total: int) -> Future[None]:
        """Write this when what came before is written. A write that was never begun leaves no gap: nothing follows it."""
        if writing is not None:
            await asyncio.wrap_future(writing)
            self._progress("fetching", self._part.size, total)
        return self._thread.submit(self._write, content, total)

    def _write(self, content: bytes, total: int) -> None:
        """Raises Passing where the server sends more than it has told, or what is to be left free would not be. A body of
        unknown length may have no end: it does not keep the room that it has taken."""
        part, free = self._part, self._part.free()
        if total and part.size + len(content) > total:
            part.restart(Origin())
            raise Passing(f"the server sends more than the {rough_size_text(total)} that it has told")
        if len(content) + RESERVE_BYTES > free:
            shown = (
                f"{rough_size_text(part.size)} were fetched, of {rough_size_text(total) if total else 'unknown length'}"
            )
            if not total:
                part.restart(Origin())
            raise Passing(f"{shown}, and {rough_size_text(free)} are free in {part.target.parent}{_LEFT}", outside=True)
        part.write(content)

    def _check_room(self, total: int) -> None:
        needed, free = max(0, total - self._part.size), self._part.free()
        if needed and needed + RESERVE_BYTES > free:
            place = self._part.target.parent
            shown = f"{rough_size_text(needed)} have to be fetched, and {rough_size_text(free)} are free in {place}"
            raise Passing(f"{shown}{_LEFT}", outside=True)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _disk_words(error: OSError, target: Path) -> str:
    import os

    if error.errno == errno.ENOSPC:
        return f"the disk of {target.parent} is full"
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return f"{error.filename or target.parent}: {reason}"
