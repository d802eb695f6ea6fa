"""The driver of the files domain, over any file system.

All operations on a real disk run in one thread, one after the other: a disk that hangs holds up no other part of
evenkeel, and a step that was given up cannot come in between later ones. Without a wanted or remembered file there is
no thread, and nothing is watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from evenkeel.controller.drivers.files.observe import Observer
from evenkeel.controller.drivers.files.perform import Performer
from evenkeel.controller.drivers.files.system import FileSystem
from evenkeel.controller.process.watch import Watch
from evenkeel.controller.units import Units, renew
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.errors import TimedOut
from evenkeel.specs.files.observed import FilesLook, FilesSeen, at_files
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome
from evenkeel.specs.renewing import Renew

Result = TypeVar("Result")

LOOK_S = 60.0
"""A look at disks that takes longer is given up."""


class FilesEngine:
    """A `Driver` of the files domain. `store`: the folder of contents by digest. `reserved`: paths at or below which nothing is
    placed, and why. `units`: those that hear of a change."""

    def __init__(self, system: FileSystem, store: str, reserved: Mapping[str, str], units: Units) -> None:
        self.system, self.units = system, units
        self._observer = Observer(system, store, reserved)
        self._performer = Performer(system, store)
        self._watch = Watch()
        self._thread: ThreadPoolExecutor | None = None

    async def observe(self, look: Look = Look()) -> FilesSeen:
        files = at_files(look)
        if not files.files:
            self._watch.of(())
            return self._observer.look(files)  # the store alone, which is in the state directory
        try:
            async with asyncio.timeout(LOOK_S):
                seen = await self._in_thread(lambda: self._look(files))
        except TimeoutError as error:
            raise TimedOut("engine:files", f"the file system did not answer within {LOOK_S:g} s") from error
        return seen

    def _look(self, look: FilesLook) -> FilesSeen:
        seen = self._observer.look(look)
        if not look.subject:
            wanted = {each.missing or each.path for each in seen.files if each.is_wanted}
            self._watch.of(tuple(sorted(wanted | {each.source for each in look.files if each.source})))
        return seen

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        if isinstance(action, Renew):
            return await renew(self.units, action)
        return await self._in_thread(lambda: self._performer.perform(action))

    def nudges(self) -> AsyncIterator[None]:
        return self._watch.nudges()

    async def close(self) -> None:
        await self.units.close()
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if not self.system.blocks:
            return work()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="files")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
