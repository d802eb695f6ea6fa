"""Units of systemd that hear of a changed file: those of this host, over D-Bus, and simulated ones.

The unit of evenkeel itself is refused, because evenkeel would end before it knows the result, and begin again with the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from evenkeel.specs.errors import DriverError, Refused, TimedOut, Unavailable
from evenkeel.specs.plan import Done, Failed, Outcome, Retry
from evenkeel.specs.renewing import Renew
from evenkeel.specs.unit import Unit

if TYPE_CHECKING:
    from evenkeel.controller.dbus.bus import SystemBus

_CGROUP = Path("/proc/self/cgroup")


class Units(Protocol):
    """The units of the device."""

    async def again(self, unit: Unit) -> None:
        """Restart or reload a unit and wait for the result. Raises Refused when it is not there, or fails; Unavailable or
        TimedOut when nobody can tell."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


async def renew(units: Units, action: Renew) -> Outcome:
    """The outcome of the action. A unit that no wanted file names is told as far as it can be."""
    unit = action.unit
    try:
        await units.again(unit)
    except (Refused, Unavailable, TimedOut) as error:
        if not action.is_asked:
            return Done(f"{unit.name} is not {unit.verb}, and no file names it any more: {_why(error)}")
        message = f"{unit.name} cannot be {unit.verb}: {_why(error)}"
        return Failed(message) if isinstance(error, Refused) else Retry(message, outside=True)
    return Done(f"{unit.name} {unit.verb}")


def _why(error: DriverError) -> str:
    return error.message


class HostUnits:
    """The units of this host. `open_bus`: its system bus, which is not loaded before a unit has to hear of something."""

    def __init__(self, open_bus: Callable[[], SystemBus]) -> None:
        self._open_bus = open_bus
        self._bus: SystemBus | None = None

    async def again(self, unit: Unit) -> None:
        from evenkeel.controller.dbus.systemd import again

        if unit.name == own_unit():
            raise Refused(f"unit:{unit.name}", "it is that of evenkeel itself")
        self._bus = self._open_bus()
        await again(self._bus, unit.name, "reload" if unit.reload else "restart")

    async def close(self) -> None:
        if self._bus is not None:
            await self._bus.close()


class SimulatedUnits:
    """Units that are there as soon as they are named. `refuses`: a name, and why it fails. `heard`: what was done to a unit, in
    order."""

    def __init__(self) -> None:
        self.refuses: dict[str, str] = {}
        self.heard: dict[str, list[str]] = {}

    async def again(self, unit: Unit) -> None:
        if unit.name in self.refuses:
            raise Refused(f"unit:{unit.name}", self.refuses[unit.name])
        self.heard.setdefault(unit.name, []).append("reload" if unit.reload else "restart")

    async def close(self) -> None:
        """Nothing is open."""


def own_unit(cgroup: Path = _CGROUP) -> str:
    """The unit in which this process runs; "" where none is known."""
    try:
        lines = cgroup.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    parts = [part for line in lines for part in line.rpartition(":")[2].split("/")]
    return next((part for part in reversed(parts) if part.endswith(".service")), "")
