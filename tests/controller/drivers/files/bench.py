"""A bench of the files domain: real cycles and a real journal over a real or a simulated file system, and somebody who can
cut the power at any action and who sees that nothing of others is touched."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.virtual import now

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Waiting
from evenkeel.controller.drivers.files import FilesEngine, disk_files
from evenkeel.controller.drivers.files.memory import MemoryDisk, memory_files
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.units import SimulatedUnits
from evenkeel.reconcilers.files import Files
from evenkeel.reconcilers.files.select import FilesWanted
from evenkeel.reconcilers.ports import Former, Progress
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.files.file import File
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FilesSeen
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome, Plan

FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None


def asking(*files: File) -> DesiredState:
    return desired_state([Document("File", file.name, file) for file in files])


class Cut(NamedTuple):
    """The power goes at the action of this number, before or after its effect."""

    action: int
    after: bool


class Watched:
    """The driver, watched and scripted."""

    def __init__(self, engine: FilesEngine) -> None:
        self.engine = engine
        self.done: list[Action] = []
        self.notified: list[str] = []
        """Containers that actions which were done have named, in order."""
        self.cuts: list[Cut] = []
        self.power_gone = asyncio.Event()
        self.refuses: Callable[[Action], Outcome | None] = lambda action: None
        self.check: Callable[[], None] = lambda: None

    async def observe(self, look: Look = Look()) -> FilesSeen:
        return await self.engine.observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        self.done.append(action)
        number = len(self.done)
        if Cut(number, after=False) in self.cuts:
            await self._cut()
        outcome = self.refuses(action) or await self.engine.perform(action, progress)
        self.check()
        if Cut(number, after=True) in self.cuts:
            await self._cut()
        self.notified += [subject for _, subject in action.traits.notifies]
        return outcome

    def nudges(self) -> AsyncIterator[None]:
        return self.engine.nudges()

    async def close(self) -> None:
        await self.engine.close()

    async def _cut(self) -> None:
        self.power_gone.set()
        await asyncio.Event().wait()


class Bench:
    """One device with the files domain alone. `place` is a folder for files."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind, self._folder, self._states = kind, folder, 0
        self.place = "/srv/place" if kind == "memory" else str(folder / "place")
        self.state = "/var/lib/evenkeel" if kind == "memory" else str(folder / "state-1")
        self.specs = (f"{self.place}/specs", f"{self.place}/one.yaml")
        """A folder of specs, and a file of specs."""
        if kind == "memory":
            engine = memory_files(state=self.state, specs=self.specs)
            assert isinstance(engine.system, MemoryDisk)
            self.disk = engine.system
            self.disk.simulates_sources = False
            self.disk.put_folder(self.place)
        else:
            Path(self.place).mkdir(exist_ok=True)
            engine = disk_files(self.state, self.specs, SimulatedUnits())
        assert isinstance(engine.units, SimulatedUnits)
        self.driver, self.units = Watched(engine), engine.units
        self.said: list[Feedback] = []
        self.open()

    def open(self) -> None:
        """A new journal."""
        self._states += 1
        self.journal = open_journal(self._folder / f"journal-{self._states}", now)

    def lose_journal(self) -> None:
        self.journal.close()
        self.open()

    def cycles(self) -> Cycles[FilesWanted, FilesSeen, FilesMemory]:
        return Cycles(Files(), self.driver, self.journal, self._say, tries=2, now=now)

    async def converge(self, state: DesiredState, cuts: Sequence[Cut] = ()) -> Ending:
        """Ask for a state and follow it to its end, through all cuts (counted from here)."""
        begun = len(self.driver.done)
        self.driver.cuts = [Cut(cut.action + begun, cut.after) for cut in cuts]
        self.journal.put("desired", state, "test")
        while True:
            self.driver.power_gone.clear()
            work = asyncio.ensure_future(self._follow(self.cycles()))
            gone = asyncio.ensure_future(self.driver.power_gone.wait())
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            for each in (work, gone):
                each.cancel()
            await asyncio.gather(gone, return_exceptions=True)
            if not self.driver.power_gone.is_set():
                return await work
            await asyncio.gather(work, return_exceptions=True)

    async def lose_power_at(self, state: DesiredState, action: int) -> None:
        """Ask for a state and lose the power after the effect of the action of this number, counted from here."""
        self.driver.cuts = [Cut(len(self.driver.done) + action, after=True)]
        self.driver.power_gone.clear()
        self.journal.put("desired", state, "test")
        work = asyncio.ensure_future(self._follow(self.cycles()))
        await self.driver.power_gone.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    async def _follow(self, cycles: Cycles[FilesWanted, FilesSeen, FilesMemory]) -> Ending:
        stopping, retries, settled = asyncio.Event(), 0, 0
        for _ in range(200):
            ending = await cycles.run(stopping)
            if isinstance(ending, Retrying) and retries < 8:
                retries += 1
                await asyncio.sleep(max(ending.after_s, 10.0))
            elif isinstance(ending, Waiting) and ending.again_s:
                await asyncio.sleep(ending.again_s)
            elif not isinstance(ending, Progressed):
                settled += 1
                if settled == 2:  # what was kept for the way back goes with the look after the verdict
                    return ending
        raise AssertionError(f"does not converge: {self.said[-12:]}")

    async def plan(self, state: DesiredState) -> Plan:
        """What would be done now."""
        reconciler = Files()
        want, memory = reconciler.select(state), self.memory()
        seen = await self.driver.observe(reconciler.look(want, memory))
        good = self.journal.readable_revision("last-good")
        former = Former(reconciler.select(good) if good is not None else None, want)
        return reconciler.plan(reconciler.diff(want, seen, memory), seen, memory, former)

    def memory(self) -> FilesMemory:
        return self.journal.memories.of(FilesMemory)

    def at(self, name: str) -> str:
        return f"{self.place}/{name}"

    # ── other people's hands and eyes ──────────────────────────────────────────────────────────────────────────

    def put(self, name: str, content: bytes, mode: int = 0o644) -> None:
        path = self.at(name)
        if self.kind == "memory":
            self.disk.put(path, content, mode=mode)
            return
        real = Path(path)
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_bytes(content)
        real.chmod(mode)

    def put_link(self, name: str, target: str) -> None:
        if self.kind == "memory":
            self.disk.put_link(self.at(name), target)
        else:
            Path(self.at(name)).symlink_to(target)

    def put_folder(self, name: str) -> None:
        if self.kind == "memory":
            self.disk.put_folder(self.at(name))
        else:
            Path(self.at(name)).mkdir()

    def take(self, name: str) -> None:
        if self.kind == "memory":
            self.disk.take(self.at(name))
        else:
            Path(self.at(name)).unlink()

    def tree(self, below: str = "") -> dict[str, str]:
        """Every file and link of the place, or below a path: its mode and content, or where it leads to."""
        root = below or self.place
        found = {}
        if self.kind == "memory":
            for path, entry in self.disk.world.entries.items():
                if path.startswith(f"{root}/") and entry.kind != "folder":
                    text = f"→ {entry.target}" if entry.kind == "link" else f"{entry.mode:04o} {entry.content.decode()}"
                    found[path.removeprefix(f"{root}/")] = text
            return found
        for real in Path(root).rglob("*") if Path(root).is_dir() else ():
            name = str(real.relative_to(root))
            if real.is_symlink():
                found[name] = f"→ {real.readlink()}"
            elif real.is_file():
                found[name] = f"{real.stat().st_mode & 0o7777:04o} {real.read_bytes().decode()}"
        return found

    def stored(self) -> set[str]:
        """The contents in the store."""
        return {text.partition(" ")[2] for text in self.tree(f"{self.state}/files").values()}

    def close(self) -> None:
        self.journal.close()

    def _say(self, feedback: Feedback) -> None:
        self.said.append(self.journal.say(feedback))


@contextmanager
def bench(kind: str) -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(dir=FAST))
    it = Bench(folder, kind)
    try:
        yield it
    finally:
        it.close()
        shutil.rmtree(folder)
