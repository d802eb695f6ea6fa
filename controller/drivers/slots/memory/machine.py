"""The machine of a simulated device. The process outlives its reboots, unless a test says otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from evenkeel.controller.drivers.slots.memory.world import World
from evenkeel.controller.process.clock import Now

_DAY_S = 86400.0
_WAIT_S = 60.0


class MemoryMachine:
    """A `Machine`. `reboot_s`: seconds that a reboot takes. `holding`: those who hold off a reboot. `blocked`: why there can be
    none, "" when there can. `passes_time`: nobody waits for a time of the day, and it is that time at once. `dies`: not `None`,
    what happens to this process at a reboot; nothing of it lives on then."""

    def __init__(self, world: World, now: Now, save: Callable[[], None]) -> None:
        self._world, self._now, self._save = world, now, save
        self.reboot_s = 2.0
        self.holding: tuple[str, ...] = ()
        self.blocked = ""
        self.passes_time = False
        self._passed_s = 0.0
        self.dies: Callable[[], Awaitable[None]] | None = None

    def boot(self) -> str:
        return self._world.boot

    def now(self) -> float:
        return self._now()

    def up_s(self) -> float:
        if self._world.up_since[0] != self._world.boot:
            self._world.up_since = self._world.boot, self._now()
            self._save()
        return self._now() - self._world.up_since[1]

    def second_of_day(self) -> float:
        return (self._now() + self._passed_s) % _DAY_S

    async def wait(self, seconds: float) -> bool:
        if not self.passes_time:
            await asyncio.sleep(min(seconds, _WAIT_S))
            return False
        self._passed_s += seconds
        return True

    async def inhibitors(self) -> Sequence[str]:
        return self.holding

    async def obstacle(self) -> str:
        return self.blocked

    async def reboot(self) -> None:
        if self.dies is not None:
            await self.dies()
            return
        await asyncio.sleep(self.reboot_s)
        self._world.reboot()
        self._save()

    async def inactive(self, units: Sequence[str]) -> Mapping[str, str]:
        return {} if self._is_well() else dict.fromkeys(units, "failed")

    async def check(self, command: Sequence[str]) -> str:
        return "" if self._is_well() else "ended with exit code 1"

    def _is_well(self) -> bool:
        bundle = self._world.running()
        return bundle is not None and bundle.is_well
