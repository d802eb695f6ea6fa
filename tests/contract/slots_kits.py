"""Devices to hold the driver of slots against the contract, each with the hands of somebody else.

A kit is a device with two slots: `rootfs.0` (A) is booted, good and primary, and has 1.0.0; `rootfs.1` (B) has the same.
"""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from tests.virtual import now, run

from evenkeel.controller.drivers.slots.engine import SlotsEngine
from evenkeel.controller.drivers.slots.memory import Bundle, MemorySlots, factory
from evenkeel.controller.drivers.slots.memory.world import Flaw
from evenkeel.specs.slots.system import Health, OperatingSystem

Result = TypeVar("Result")

HEALTH = Health(("app.service",), stable_for=timedelta(seconds=2))


class SlotsKit(Protocol):
    """What a test needs of a device. Nothing here goes through the driver under test."""

    driver: SlotsEngine
    keeps_primary: bool
    """Whether an install leaves the primary alone."""

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a test."""
        ...

    def bundle(
        self,
        version: str,
        flaw: Flaw = "",
        *,
        holds: str = "",
        compatible: str = "",
        boots: bool = True,
        is_well: bool = True,
    ) -> OperatingSystem:
        """A bundle on a server, and a system that asks for it. `holds`: the version in it, where that is another one;
        `compatible`: of another device. `boots`, `is_well`: its system comes up, and its units are active."""
        ...

    def reboot(self) -> None:
        """The power is gone and comes again: the bootloader chooses a slot."""
        ...

    def boots_next(self) -> str:
        """The slot that the bootloader would boot now; "" for none."""
        ...

    def marks(self) -> dict[str, bool]:
        """The slots that the bootloader may boot."""
        ...

    def somebody_marks(self, mark: str, slot: str) -> None:
        """Somebody sets a mark by hand."""
        ...

    def take_updater(self, why: str) -> None:
        """The updater cannot be asked; "" gives it back."""
        ...


class MemorySlotsKit:
    """The device in memory."""

    def __init__(self, *, attempts: int, keeps_primary: bool) -> None:
        self.world = factory(attempts=attempts)
        self.keeps_primary = self.world.keeps_primary = keeps_primary
        self.memory = MemorySlots(self.world, now)
        self.driver: SlotsEngine = self.memory

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return run(work)

    def bundle(
        self,
        version: str,
        flaw: Flaw = "",
        *,
        holds: str = "",
        compatible: str = "",
        boots: bool = True,
        is_well: bool = True,
    ) -> OperatingSystem:
        made = Bundle(holds or version, flaw=flaw, boots=boots, is_well=is_well)
        if compatible:
            made = Bundle(holds or version, compatible, flaw=flaw)
        address = f"https://updates.test/{len(self.world.served)}.raucb"
        self.world.served[address] = made
        return OperatingSystem("os", version, address, health=HEALTH, deadline=timedelta(seconds=10))

    def reboot(self) -> None:
        self.memory.cut_power()

    def boots_next(self) -> str:
        return self.world.primary

    def marks(self) -> dict[str, bool]:
        return {name: slot.left > 0 for name, slot in self.world.slots.items()}

    def somebody_marks(self, mark: str, slot: str) -> None:
        self.world.mark(mark, slot)

    def take_updater(self, why: str) -> None:
        self.memory.updater.away = why
