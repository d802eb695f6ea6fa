"""A device in memory with slots: for rehearsals on a laptop, and as a test kit.

An updater, a machine and a store over one world. With `store` the world outlives the process.
"""

from __future__ import annotations

from pathlib import Path

from evenkeel.controller.drivers.slots.engine import SlotsEngine
from evenkeel.controller.drivers.slots.memory.machine import MemoryMachine
from evenkeel.controller.drivers.slots.memory.store import MemoryStore
from evenkeel.controller.drivers.slots.memory.updater import MemoryUpdater
from evenkeel.controller.drivers.slots.memory.world import Bundle, World, factory
from evenkeel.controller.drivers.slots.ports import Witness
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.specs.codec import decode, encode
from evenkeel.specs.errors import DriverError

__all__ = ["Bundle", "MemorySlots", "World", "factory", "memory_slots"]


class MemorySlots(SlotsEngine):
    """The driver of a simulated device. With `passes_time` it does not wait for a window."""

    updater: MemoryUpdater
    machine: MemoryMachine
    store: MemoryStore

    def __init__(
        self,
        world: World,
        now: Now = system_now,
        kept: Path | None = None,
        witness: Witness | None = None,
        *,
        passes_time: bool = False,
    ) -> None:
        self.world, self._kept = world, kept
        self.updater = MemoryUpdater(world, self.save)
        self.machine = MemoryMachine(world, now, self.save)
        self.store = MemoryStore(world, self.save)
        for each in (self.updater, self.store):
            each.piece_s *= world.pace
        self.machine.reboot_s *= world.pace
        self.machine.passes_time = self.updater.passes_time = passes_time
        super().__init__(self.updater, self.machine, self.store, witness)

    def save(self) -> None:
        """Keep the world, if it is kept."""
        if self._kept is not None:
            write_atomically(self._kept, encode(self.world), mode=0o600)

    def cut_power(self) -> None:
        """The power is gone and comes again."""
        self.updater.stop()
        self.world.reboot()


def memory_slots(
    kept: Path | None = None, now: Now = system_now, *, readonly: bool = False, witness: Witness | None = None
) -> MemorySlots:
    """The driver of a simulated device as it comes from the factory, or as it is kept in a file. It does not wait for windows.
    With `readonly` the file stays as it is. Raises DriverError when it holds no simulated device."""
    world = factory()
    if kept is not None and kept.exists():
        try:
            world = decode(kept.read_bytes(), World)
        except ValueError as error:
            why = f"is damaged and holds no simulated slots; remove {kept} to begin with a new device"
            raise DriverError(f"file:{kept}", why) from error
    return MemorySlots(world, now, None if readonly else kept, witness, passes_time=True)
