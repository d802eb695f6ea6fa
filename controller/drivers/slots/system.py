"""The device itself: its boot, its clock, its reboots and units through systemd, and commands that say whether it is well."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence

from evenkeel.controller.dbus.bus import BusAnswer, SystemBus
from evenkeel.controller.dbus.logind import objections, obstacle, reboot
from evenkeel.controller.dbus.systemd import unit
from evenkeel.controller.process.boot import boot_id
from evenkeel.controller.process.clock import second_of_day
from evenkeel.specs.errors import Refused, TimedOut, Unavailable

CHECK_S = 60.0
"""A command of the gate that takes longer is ended, and counts as failed."""
WAIT_S = 60.0
"""The local clock is asked again so often."""
_ELEMENT = "machine"


class SystemMachine:
    """A `Machine`."""

    def __init__(self, bus: SystemBus) -> None:
        self._bus = bus

    def boot(self) -> str:
        return boot_id()

    def now(self) -> float:
        return time.time()

    def up_s(self) -> float:
        return time.monotonic()  # on Linux it begins with the boot, and stands still while the device is suspended

    def second_of_day(self) -> float:
        return second_of_day()

    async def wait(self, seconds: float) -> bool:
        await asyncio.sleep(min(seconds, WAIT_S))
        return False

    async def inhibitors(self) -> Sequence[str]:
        try:
            return tuple(str(each) for each in await objections(self._bus))
        except BusAnswer as error:
            raise Unavailable(_ELEMENT, f"logind does not say who holds off a reboot: {error.message}") from error

    async def obstacle(self) -> str:
        try:
            return await obstacle(self._bus)
        except TimedOut:
            return ""
        except Unavailable as error:
            return error.message
        except BusAnswer as error:
            return f"logind does not say whether it may: {error.message}"

    async def reboot(self) -> None:
        await asyncio.to_thread(os.sync)
        try:
            await reboot(self._bus)
        except BusAnswer as error:
            # It also refuses while a shutdown or a suspend is under way. Only what it would say at any time is final.
            is_final = bool(await self.obstacle())
            raise (Refused if is_final else Unavailable)(
                _ELEMENT, f"logind refuses to reboot: {error.message}"
            ) from error

    async def inactive(self, units: Sequence[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name in units:
            try:
                seen = await unit(self._bus, name)
            except BusAnswer as error:
                found[name] = f"unknown to systemd: {error.message}"
                continue
            if not seen.is_active:
                found[name] = seen.words
        return found

    async def check(self, command: Sequence[str]) -> str:
        from evenkeel.controller.drivers.slots.command import run

        try:
            ended = await run(command, CHECK_S)
        except TimeoutError:
            return f"did not end within {CHECK_S:g} s"
        except OSError as error:
            return f"cannot be run: {os.strerror(error.errno).lower() if error.errno else error}"
        if ended.code < 0:
            return f"was ended by signal {-ended.code}"
        return f"ended with {ended.code}" if ended.code else ""
