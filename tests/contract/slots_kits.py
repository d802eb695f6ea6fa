"""Devices with slots to hold against the contract, each with the hands of somebody else.

A kit is a device as it comes from the factory: system `FACTORY` runs from slot A, which is good and boots next.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Protocol, get_args

from tests.engines.bundle_server import BundleServer
from tests.engines.bundles import Bundle as RealBundle
from tests.engines.machine import free_port
from tests.engines.rauc import Rauc
from tests.engines.rauc_double import JsonBundle, RaucDouble
from tests.engines.systemd_double import FakeUnit, Logind, Systemd
from tests.until import soon

from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.drivers.slots.download import Patience
from evenkeel.controller.drivers.slots.engine import SlotsEngine
from evenkeel.controller.drivers.slots.memory import Bundle, MemorySlots, factory
from evenkeel.controller.drivers.slots.memory.world import COMPATIBLE, Flaw
from evenkeel.controller.drivers.slots.ports import Mark
from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
from evenkeel.controller.drivers.slots.store import FolderStore
from evenkeel.controller.drivers.slots.system import SystemMachine
from evenkeel.specs.slots.system import OperatingSystem

FACTORY = "1.4.2"
SLOTS = {"A": "rootfs.0", "B": "rootfs.1"}
UNIT = "web.service"
_PATIENCE = Patience(tries=2, pause_s=0.01)


class SlotsKit(Protocol):
    """What a test needs of a device. Nothing here goes through the driver under test."""

    engine: SlotsEngine
    keeps_primary: bool

    def system(self, version: str, fault: str = "", *, has: str = "", panics: bool = False) -> OperatingSystem:
        """Put a bundle on a server. `has`: its version, where that is another one; `fault`: `missing`, `denied`,
        `unreachable` or `other-digest` at the download, or as in `Bundles.make`."""
        ...

    def local(self, version: str, *, digest_fits: bool) -> OperatingSystem:
        """Put a bundle on the device itself. `digest_fits`: its SHA-256 is the one that is asked for."""
        ...

    def content(self, bootname: str) -> str:
        """The version of the system in a slot; "" when it is torn, or nobody knows."""
        ...

    def next_boot(self) -> str:
        """The bootname of the slot that a reboot would bring up; "" for none."""
        ...

    async def cut_power(self) -> None:
        """The power goes and comes, and the device boots."""
        ...

    async def until_half(self) -> None:
        """Wait until an install has written half of the slot, where it stays until `cut_power` or `go_on`."""
        ...

    def go_on(self) -> None: ...

    def marks(self) -> dict[str, bool]:
        """By bootname, the slots that the bootloader may boot."""
        ...

    def somebody_marks(self, mark: Mark, bootname: str) -> None:
        """Somebody sets a mark by hand."""
        ...

    def sicken(self) -> None:
        """The unit `UNIT` fails."""
        ...

    def forbid_reboots(self) -> None:
        """evenkeel may not reboot the device any more."""
        ...

    def take_updater_away(self) -> None: ...

    def bring_updater_back(self) -> None: ...

    async def close(self) -> None: ...


class MemorySlotsKit:
    """The device in memory."""

    def __init__(self, *, attempts: int, keeps_primary: bool) -> None:
        self.world = factory(FACTORY, attempts=attempts)
        self.world.keeps_primary = self.keeps_primary = keeps_primary
        self.memory = MemorySlots(self.world)
        self.memory.updater.piece_s = self.memory.store.piece_s = self.memory.machine.reboot_s = 0.01
        self.engine: SlotsEngine = self.memory

    def system(self, version: str, fault: str = "", *, has: str = "", panics: bool = False) -> OperatingSystem:
        flaws: dict[str, Flaw] = {each.replace(" ", "-").lower(): each for each in get_args(Flaw)}
        compatible = "another device" if fault == "wrong-compatible" else COMPATIBLE
        address = f"https://bundles.example/{version}-{fault}-{has}.raucb"
        self.world.served[address] = Bundle(
            has or version, compatible, flaw=flaws.get(fault, ""), boots=not panics, size=4_000_000
        )
        return OperatingSystem("os", version, address, "0" * 64 if fault == "other-digest" else "")

    def local(self, version: str, *, digest_fits: bool) -> OperatingSystem:
        address = f"file:///media/{version}.raucb"
        self.world.served[address] = Bundle(version, flaw="" if digest_fits else "other digest")
        return OperatingSystem("os", version, address, "0" * 64)

    def content(self, bootname: str) -> str:
        slot = self.world.slots[SLOTS[bootname]]
        return slot.bundle.version if slot.bundle is not None and slot.content == "ok" else ""

    def next_boot(self) -> str:
        primary = self.world.primary
        return self.world.slots[primary].bootname if primary else ""

    async def cut_power(self) -> None:
        self.memory.cut_power()
        self.go_on()

    async def until_half(self) -> None:
        self.memory.updater.piece_s = 0.2
        await soon(lambda: self.world.writing)

    def go_on(self) -> None:
        self.memory.updater.piece_s = 0.01

    def marks(self) -> dict[str, bool]:
        return {slot.bootname: slot.left > 0 for slot in self.world.slots.values()}

    def somebody_marks(self, mark: Mark, bootname: str) -> None:
        self.world.mark(mark, SLOTS[bootname])

    def sicken(self) -> None:
        running = self.world.slots[self.world.booted]
        assert running.bundle is not None
        self.world.slots[self.world.booted] = type(running)(
            running.bootname, Bundle(running.bundle.version, is_well=False), running.left
        )

    def forbid_reboots(self) -> None:
        self.memory.machine.blocked = "logind does not let this user reboot the device"

    def take_updater_away(self) -> None:
        self.memory.updater.away = "the updater is not there"

    def bring_updater_back(self) -> None:
        self.memory.updater.away = ""

    async def close(self) -> None:
        await self.engine.close()


class RaucKit:
    """RAUC on a bus, real or as a double, with logind and systemd as doubles, and bundles on a server."""

    def __init__(self, device: Rauc | RaucDouble, address: str, folder: Path, *, keeps_primary: bool) -> None:
        self.device, self.keeps_primary, self._folder = device, keeps_primary, folder
        self._logind = Logind(address, goes_down=device.reboot)
        self._systemd = Systemd(address, {UNIT: FakeUnit()})
        self._server = BundleServer(b"")
        self._server.start()
        for service in (self._logind, self._systemd):
            service.double.start()
        self._bus = SystemBus(address)
        self.engine = self._engine()

    def _engine(self) -> SlotsEngine:
        begun = self._folder / "begun.json"
        updater = RaucUpdater(self._bus, [self.device.configuration], self.device.os_release, unfinished=begun)
        return SlotsEngine(updater, _Machine(self._bus, self.device), FolderStore(self._folder / "bundles", _PATIENCE))

    def system(self, version: str, fault: str = "", *, has: str = "", panics: bool = False) -> OperatingSystem:
        name, sha256 = f"/{version}-{fault}-{has}.raucb", "0" * 64 if fault == "other-digest" else ""
        port = free_port() if fault == "unreachable" else self._server.port
        if fault == "denied":
            self._server.habits.authorization = "Bearer abc"
        at_server = ("missing", "denied", "unreachable", "other-digest")
        if fault != "missing":
            wrong = "" if fault in at_server else fault
            self._server.files[name] = self._bundle(has or version, wrong, panics=panics).path.read_bytes()
        return OperatingSystem("os", version, f"http://localhost:{port}{name}", sha256)

    def local(self, version: str, *, digest_fits: bool) -> OperatingSystem:
        path = self._bundle(version, "", panics=False).path
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if digest_fits else "0" * 64
        return OperatingSystem("os", version, f"file://{path}", sha256)

    def _bundle(self, version: str, fault: str, *, panics: bool) -> RealBundle | JsonBundle:
        if isinstance(self.device, Rauc):
            return self.device.bundles.make(version, fault, panics=panics)
        return self.device.bundle(version, fault, panics=panics)

    def content(self, bootname: str) -> str:
        return self.device.content(bootname)

    def next_boot(self) -> str:
        found = self.device.next_boot()
        return found if found in SLOTS else ""

    async def cut_power(self) -> None:
        """And the process of evenkeel begins anew."""
        await asyncio.to_thread(self.device.reboot)
        self.go_on()
        await self.begin_anew()

    async def begin_anew(self) -> None:
        """The process of evenkeel ends and begins again, and nothing else does."""
        await self.engine.close()
        self.engine = self._engine()

    async def until_half(self) -> None:
        self.device.hold("half")
        await asyncio.to_thread(self.device.wait_at, "half")

    def go_on(self) -> None:
        self.device.go_on("half")

    def marks(self) -> dict[str, bool]:
        values = self.device.variables()
        return {name: (values[f"{name}_OK"], values[f"{name}_TRY"]) == ("1", "0") for name in SLOTS}

    def somebody_marks(self, mark: Mark, bootname: str) -> None:
        values = self.device.variables()
        values |= {f"{bootname}_OK": "0" if mark == "bad" else "1", f"{bootname}_TRY": "0"}
        if mark == "active":
            values["ORDER"] = " ".join(sorted(SLOTS, key=lambda each: each != bootname))
        self.device.set_variables(values)

    def sicken(self) -> None:
        self._systemd.units[UNIT].active, self._systemd.units[UNIT].sub = "failed", "failed"

    def forbid_reboots(self) -> None:
        self._logind.can_reboot = "no"

    def take_updater_away(self) -> None:
        self.device.kill()

    def bring_updater_back(self) -> None:
        self.device.start()

    async def close(self) -> None:
        await self._bus.close()
        for service in (self._logind, self._systemd):
            await asyncio.to_thread(service.double.close)
        self._server.close()


class _Machine(SystemMachine):
    """Boots of the simulated device are not those of the machine under it."""

    def __init__(self, bus: SystemBus, device: Rauc | RaucDouble) -> None:
        super().__init__(bus)
        self._device = device

    def boot(self) -> str:
        return self._device.boot
