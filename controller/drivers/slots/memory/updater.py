"""The updater of a simulated device: it refuses what RAUC refuses, in RAUC's words, which are read as RAUC's are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from evenkeel.controller.drivers.slots.memory.refusals import At, words
from evenkeel.controller.drivers.slots.memory.store import FOLDER
from evenkeel.controller.drivers.slots.memory.world import COMPATIBLE, Bundle, Fuse, World
from evenkeel.controller.drivers.slots.ports import Manifest, Mark
from evenkeel.controller.drivers.slots.rauc.answers import trouble
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.slots.observed import Abilities, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

_PIECES = 8


class MemoryUpdater:
    """An `Updater`. `away`: not "", why it cannot be asked. `piece_s`: seconds for an eighth of an install. `fuse`: as in
    `world.Fuse`. An install goes on by itself when the one who waits for it is gone."""

    def __init__(self, world: World, save: Callable[[], None]) -> None:
        self._world, self._save = world, save
        self.away, self.piece_s = "", 0.2
        self.streams = self.passes_time = False
        self.fuse: Fuse = lambda moment: None
        self._changed = asyncio.Event()
        self._install: asyncio.Task[None] | None = None

    async def look(self) -> SlotsSeen:
        self._ask()
        world = self._world
        return SlotsSeen(
            "memory (simulated)",
            slots=world.report(),
            booted=world.booted,
            primary=world.primary,
            compatible=COMPATIBLE,
            bootloader="grub" if world.attempts == 1 else "uboot",
            operation="installing" if self._is_installing() else "",
            last_error=world.last_error,
            can=Abilities(world.keeps_primary, self.streams, inspects=True, passes_time=self.passes_time),
        )

    async def inspect(self, source: str, system: OperatingSystem) -> Manifest:
        self._at_rest()
        bundle = self._bundle(source, system)
        return Manifest(bundle.compatible, bundle.version, bundle.size)

    async def install(self, source: str, system: OperatingSystem, slot: str, progress: Progress) -> None:
        self._at_rest()
        world, bundle = self._world, self._bundle(source, system)
        world.last_error = ""
        self._refuse_at("checked", bundle)
        if slot not in world.slots or slot == world.booted:
            raise Refused(f"slot:{slot}", "Could not find any slot to install to")
        heard = [progress]
        self._install = asyncio.get_running_loop().create_task(self._write(slot, bundle, heard))
        try:
            await asyncio.shield(self._install)
        finally:
            heard.clear()  # it goes on by itself, and nobody waits for it any more

    async def mark(self, mark: Mark, slot: str) -> None:
        self._at_rest()
        world = self._world
        if slot not in world.slots:
            raise Refused(f"slot:{slot}", f"No slot with class or name {slot} found")
        world.mark(mark, slot)
        self.fuse("marking")
        if mark == "active":
            world.slots[slot] = replace(world.slots[slot], activations=world.slots[slot].activations + 1)
        self._tell()

    async def nudges(self) -> AsyncIterator[None]:
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield

    async def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        """The updater ends, with what it does."""
        if self._install is not None:
            self._install.cancel()
            self._install = None

    async def _write(self, slot: str, bundle: Bundle, heard: Sequence[Progress]) -> None:
        world = self._world
        world.mark("bad", slot)
        self.fuse("before writing")
        before = world.slots[slot]
        world.slots[slot] = replace(before, bundle=bundle, content="pending", installs=before.installs + 1)
        world.writing = slot
        for piece in range(1, _PIECES + 1):
            await asyncio.sleep(self.piece_s)
            self.fuse("writing")
            for progress in heard:
                progress(f"Copying image to {slot}", piece * 100 // _PIECES, 100)
            if piece == _PIECES // 2 and words(bundle, "written"):
                world.slots[slot], world.writing = replace(world.slots[slot], content="failed"), ""
                self._refuse_at("written", bundle, slot)
        world.slots[slot], world.writing = replace(world.slots[slot], content="ok"), ""
        if not world.keeps_primary:
            world.mark("active", slot)
            self.fuse("marked by itself")
            world.slots[slot] = replace(world.slots[slot], activations=world.slots[slot].activations + 1)
        self._tell()

    def _bundle(self, source: str, system: OperatingSystem) -> Bundle:
        """The bundle at a path or an address, if RAUC would open it. Raises Refused, or Unavailable for what may pass."""
        if source.startswith(FOLDER):
            stored = self._world.store.get(source.removeprefix(FOLDER))
            if stored is None or stored.size < stored.bundle.size:
                raise Refused("bundle", f"failed to open bundle: {source}: No such file or directory")
            bundle = stored.bundle
        else:
            bundle = self._world.served.get(system.bundle, Bundle(system.version))
        self._refuse_at("opened", bundle)
        return bundle

    def _refuse_at(self, at: At, bundle: Bundle, slot: str = "") -> None:
        """Raise what RAUC's words mean, where it refuses this bundle at this point."""
        if why := words(bundle, at, slot):
            self._world.last_error = why
            self._tell()
            raise trouble(why)

    def _ask(self) -> None:
        if self.away:
            raise Unavailable("engine:slots", self.away)

    def _at_rest(self) -> None:
        self._ask()
        if self._is_installing():
            raise Unavailable("engine:slots", "the updater is already processing a different method")

    def _is_installing(self) -> bool:
        return self._install is not None and not self._install.done()

    def _tell(self) -> None:
        self._save()
        self._changed.set()
