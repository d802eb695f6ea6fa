"""RAUC as the updater of the slots domain.

Facts that D-Bus does not tell come from `system.conf` and os-release, where they can be read. Reasons are told as they are:
RAUC before 1.9 does not say over D-Bus why it refuses a bundle, thus its own tool is asked, where there is one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from evenkeel.controller.dbus.bus import BusAnswer, Signal, SystemBus
from evenkeel.controller.drivers.slots.ports import Manifest, Mark
from evenkeel.controller.drivers.slots.rauc.answers import (
    ELEMENT,
    booted_version,
    is_busy,
    manifest,
    slot_seen,
    trouble,
)
from evenkeel.controller.drivers.slots.rauc.configuration import CONFIGURATIONS, Configuration, configuration
from evenkeel.controller.drivers.slots.rauc.installer import Installer, Slots, is_progress, text, texts
from evenkeel.controller.drivers.slots.rauc.unfinished import Unfinished
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import DriverError, Refused, Unavailable
from evenkeel.specs.slots.observed import Abilities, SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

log = logging.getLogger(__name__)

OS_RELEASE = Path("/etc/os-release")
_NBD = Path("/sys/module/nbd")
"""RAUC streams through a network block device."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0
_INSTALLING = "installing"


class RaucUpdater:
    """An `Updater`. `unfinished`: a file of evenkeel's own, for what RAUC does not keep. `configurations`: where
    `system.conf` may be; `nbd`: what is there where the kernel can stream."""

    def __init__(
        self,
        bus: SystemBus,
        configurations: Sequence[Path] = CONFIGURATIONS,
        os_release: Path = OS_RELEASE,
        nbd: Path = _NBD,
        unfinished: Path | None = None,
    ) -> None:
        self._bus, self._installer = bus, Installer(bus)
        self._configurations, self._os_release, self._nbd = configurations, os_release, nbd
        self._unfinished = Unfinished(unfinished)
        self._last: Slots | None = None
        self._looked = asyncio.Event()

    async def look(self) -> SlotsSeen:
        self._looked.set()
        told = await self._installer.properties()
        methods = await self._installer.methods()
        is_at_work = told.get("Operation") not in ("", "idle", None)
        found = None if is_at_work else await self._installer.slots()
        if found is None and self._last is None:
            raise Unavailable(ELEMENT, "RAUC is at work and does not tell its slots meanwhile")
        slots = self._last = found or self._last
        assert slots is not None
        settings = configuration(self._configurations)
        seen = await asyncio.to_thread(self._slots, slots, settings)
        booted = [each for each in seen if each.state == "booted"]
        if len(booted) > 1:
            names = " and ".join(each.label for each in booted)
            why = f"RAUC tells of two booted slots, {names}; does its system.conf name a device twice?"
            raise Unavailable(ELEMENT, why)
        return SlotsSeen(
            engine=methods.engine,
            slots=seen,
            booted=booted[0].name if booted else "",
            primary=slots.primary,
            compatible=str(told.get("Compatible", "")),
            variant=str(told.get("Variant", "")),
            bootloader=settings.bootloader,
            operation=str(told.get("Operation") or _INSTALLING) if is_at_work else _INSTALLING if found is None else "",
            last_error=str(told.get("LastError", "")),
            can=Abilities(
                keeps_primary=settings.keeps_primary,
                streams=methods.inspects and self._nbd.exists(),
                inspects=methods.inspects,
            ),
        )

    def _slots(self, slots: Slots, settings: Configuration) -> tuple[SlotSeen, ...]:
        seen = (
            slot_seen(name, told, is_readonly=settings.is_readonly(name)) for name, told in sorted(slots.told.items())
        )
        return tuple(self._in_truth(each) for each in seen)

    def _in_truth(self, slot: SlotSeen) -> SlotSeen:
        """A slot whose record is no more true, and one that the factory has written and that has none: the running system
        knows its own version."""
        if slot.state == "inactive" and self._unfinished.is_torn(slot):
            return changed(slot, content="pending")
        if slot.state != "booted" or slot.version:
            return slot
        try:
            return changed(slot, version=booted_version(self._os_release.read_text(errors="replace")))
        except OSError:
            return slot

    async def inspect(self, source: str, system: OperatingSystem) -> Manifest:
        methods = await self._installer.methods()
        if methods.inspects:
            return manifest(await self._installer.inspect(source, await self._access(source, system)))
        if _is_address(source):
            raise Refused(ELEMENT, f"{methods.engine} does not install from an address")
        try:
            return Manifest(*await self._installer.identify(source))
        except BusAnswer as error:
            told = await self._installer.properties()
            if told.get("Operation") == _INSTALLING or is_busy(error.message):
                raise Unavailable(ELEMENT, "RAUC is busy with something else") from error
            from evenkeel.controller.drivers.slots.rauc.reason import reason

            raise trouble(await reason(source, configuration(self._configurations).path)) from error

    async def install(self, source: str, system: OperatingSystem, slot: str, progress: Progress) -> None:
        def hear(message: str, per_cent: int) -> None:
            progress(message, per_cent, 100)

        has_waited = await self._installer.until_at_rest(hear)
        seen = await self.look()
        target, primary = seen.slot(slot), seen.primary
        if target is None:
            raise Refused(ELEMENT, f"there is no slot {slot}")
        if has_waited and (target.content, target.version) == ("ok", system.version):
            return
        arguments = await self._access(source, system)
        if (await self._installer.methods()).inspects and system.key:
            arguments["transaction-id"] = text(_transaction(system.key))
        await self._keep(lambda: self._unfinished.note(target))
        try:
            await self._installer.install(source, arguments, hear)
        except Refused:
            await self._forget_unwritten(slot)
            raise
        await self._take_back(primary, slot)
        await self._keep(lambda: self._unfinished.forget(slot))

    async def _take_back(self, primary: str, slot: str) -> None:
        """By default RAUC makes primary what it has installed. Until the mark is what it was, a loss of power boots it."""
        if primary not in ("", slot) and not configuration(self._configurations).keeps_primary:
            await self._installer.mark("active", primary)
            await asyncio.to_thread(self._sync)

    async def _forget_unwritten(self, slot: str) -> None:
        """RAUC marks a slot bad before it writes it: one that is still good was not written."""
        slots = await self._installer.slots()
        if slots is not None and slots.told.get(slot, {}).get("boot-status") == "good":
            await self._keep(lambda: self._unfinished.forget(slot))

    async def _keep(self, note: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(note)
        except OSError as error:
            why = os.strerror(error.errno).lower() if error.errno else str(error)
            raise Unavailable(ELEMENT, f"{error.filename}: {why}") from error

    async def mark(self, mark: Mark, slot: str) -> None:
        if mark == "active":
            slots = self._last or await self._installer.slots()
            if slots is None:
                raise Unavailable(ELEMENT, "RAUC is busy with something else")
            if not slots.told.get(slot, {}).get("bootname"):  # before 1.11.1 it writes `(null)_OK` then
                raise Refused(ELEMENT, f"slot {slot} has no name in the bootloader")
        await self._installer.mark(mark, slot)
        await asyncio.to_thread(self._sync)

    def _sync(self) -> None:
        """The bootloader reads the mark after a loss of power, too."""
        file = configuration(self._configurations).grubenv
        try:
            handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC) if file else -1
        except OSError:
            handle = -1
        if handle < 0:
            os.sync()
            return
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    async def nudges(self) -> AsyncIterator[None]:
        """Nothing is listened to before the first look: a device without slots needs no D-Bus."""
        await self._looked.wait()
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                async with self._installer.listening() as events:
                    yield
                    wait_s = _FIRST_WAIT_S
                    while (signal := await events.get()) is not None:
                        if _is_reason_to_look(signal):
                            yield
            except DriverError as error:
                log.debug("cannot listen to RAUC", extra={"fields": {"why": str(error)}})
            yield
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    async def close(self) -> None:
        await self._bus.close()

    async def _access(self, source: str, system: OperatingSystem) -> dict[str, object]:
        """The options that RAUC needs to read an address by itself."""
        if not _is_address(source):
            return {}
        files = {"tls-ca": system.ca, "tls-cert": system.client_cert, "tls-key": system.client_key}
        given: dict[str, object] = {key: text(path) for key, path in files.items() if path}
        if system.credentials or system.client_cert:
            from evenkeel.controller.drivers.slots.server import Passing, access

            try:
                with_ = await asyncio.to_thread(access, system)
            except Passing as error:
                raise Unavailable(ELEMENT, str(error)) from error
            if with_.authorization:
                given["http-headers"] = texts(f"Authorization: {with_.authorization}")
        return given


def _is_address(source: str) -> bool:
    return source.startswith(("https://", "http://"))


def _is_reason_to_look(signal: Signal) -> bool:
    return not is_progress(signal)


def _transaction(key: str) -> str:
    """The name of a bundle as RAUC's transaction id: installs of the same content have the same one."""
    return "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:32]))
