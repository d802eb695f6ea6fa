"""The updater over a real RAUC, as the tests of this folder have it."""

from __future__ import annotations

from tests.engines.rauc import Rauc

from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
from evenkeel.specs.slots.system import OperatingSystem

SYSTEM = OperatingSystem("os", "1.5.0", "https://bundles.example/os.raucb")


def silent(message: str, done: int, total: int) -> None:
    """Nobody looks at the progress."""


def updater_of(rauc: Rauc) -> RaucUpdater:
    bus = SystemBus(rauc.bus.address)
    return RaucUpdater(bus, [rauc.configuration], rauc.os_release, unfinished=rauc.folder / "evenkeel" / "begun.json")
