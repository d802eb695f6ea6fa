"""The choice of what has the slots: RAUC, a simulated device, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evenkeel.controller.drivers.slots.ports import Witness
from evenkeel.reconcilers.ports import Driver
from evenkeel.specs.settings.slots import SlotsKind, SlotsSettings
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

if TYPE_CHECKING:
    from evenkeel.controller.dbus.bus import SystemBus
    from evenkeel.specs.slots.finding import Finding

SIMULATED = "memory-slots.json"
"""The file of a simulated device, in the state directory."""
_UNFINISHED = Path("slots/begun.json")
_NONE = "the settings say that this device has no slots (`slots.engine: none`)"


class Choice(NamedTuple):
    """`kind`: as `specs.settings.slots.chosen` has it. `bundles`: the folder of bundles that are fetched. `state`: the state
    directory. `open_bus`: the system bus. With `readonly` a simulated device is kept nowhere."""

    kind: SlotsKind
    bundles: Path
    state: Path
    open_bus: Callable[[], SystemBus]
    readonly: bool = False


def open_slots(choice: Choice, witness: Witness) -> Driver[SlotsSeen]:
    """The driver. `witness`: the domain whose subjects a system may depend on."""
    match choice.kind:
        case "memory":
            from evenkeel.controller.drivers.slots.memory import memory_slots

            return memory_slots(choice.state / SIMULATED, readonly=choice.readonly, witness=witness)
        case "rauc":
            from evenkeel.controller.drivers.slots.engine import SlotsEngine
            from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
            from evenkeel.controller.drivers.slots.store import FolderStore
            from evenkeel.controller.drivers.slots.system import SystemMachine

            bus = choice.open_bus()
            updater = RaucUpdater(bus, unfinished=choice.state / _UNFINISHED)
            return SlotsEngine(updater, SystemMachine(bus), FolderStore(choice.bundles), witness)
        case _:
            from evenkeel.controller.drivers.slots.absent import AbsentSlots

            return AbsentSlots(_NONE)


async def bundle_size(driver: Driver[SlotsSeen], system: OperatingSystem) -> int:
    """The bytes of a bundle, as `Store.size`; 0 where there is no store."""
    from evenkeel.controller.drivers.slots.engine import SlotsEngine

    return await driver.store.size(system) if isinstance(driver, SlotsEngine) else 0


def check(slots: SlotsSettings, now: float) -> tuple[Finding, ...]:
    """The faults in the configuration of the updater, beside those that a look tells."""
    if slots.engine != "rauc":
        return ()
    from evenkeel.controller.drivers.slots.rauc.checks import Device, check_device

    return check_device(Device(store=Path(slots.store)), now)
