"""Units of systemd: how they are, and restarting or reloading one with the result.

Interface: org.freedesktop.systemd1(5). systemd tells the end of a job by a signal only, and only to those that subscribed.
"""

from __future__ import annotations

import asyncio
from typing import Literal, NamedTuple

from evenkeel.controller.dbus.bus import BusAnswer, Peer, Signal, SystemBus
from evenkeel.specs.errors import Refused, TimedOut, Unavailable

_NAME = "org.freedesktop.systemd1"
_MANAGER = Peer(_NAME, "/org/freedesktop/systemd1", f"{_NAME}.Manager")
_AGAIN = {"restart": "RestartUnit", "reload": "ReloadUnit"}
JOB_S = 120.0
"""systemd itself gives up most starts after 90 s."""


class Unit(NamedTuple):
    """The state of a unit in systemd's words. `load`: `loaded`, `not-found`, `masked`, `bad-setting`, `error`. `active`:
    `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`. `sub` says the same more exactly."""

    name: str
    load: str
    active: str
    sub: str

    @property
    def is_active(self) -> bool:
        return self.active in ("active", "reloading")

    @property
    def words(self) -> str:
        """Its state, as it follows "is" in a sentence: `failed (failed)`, or why it was not loaded."""
        if self.load == "loaded":
            return f"{self.active} ({self.sub})"
        return "not there" if self.load == "not-found" else f"{self.load} and cannot be started"


async def unit(bus: SystemBus, name: str) -> Unit:
    """The state of a unit. Raises `Unavailable` or `TimedOut` where there is no systemd to ask."""
    (path,) = await bus.call(_MANAGER, "LoadUnit", "s", name)
    found = await bus.properties(Peer(_NAME, path, f"{_NAME}.Unit"))
    return Unit(name, *(str(found.get(each, "")) for each in ("LoadState", "ActiveState", "SubState")))


async def is_called(bus: SystemBus, name: str) -> bool:
    """Whether a unit is started when it is needed, by D-Bus or by another unit, such as a socket, and so may idle. Raises as
    `unit`."""
    (path,) = await bus.call(_MANAGER, "LoadUnit", "s", name)
    found = await bus.properties(Peer(_NAME, path, f"{_NAME}.Unit"))
    if found.get("TriggeredBy"):
        return True
    if not name.endswith(".service"):
        return False
    return bool((await bus.properties(Peer(_NAME, path, f"{_NAME}.Service"))).get("BusName"))


async def again(bus: SystemBus, name: str, how: Literal["restart", "reload"], timeout_s: float = JOB_S) -> None:
    """Restart or reload a unit and wait for the result. Raises `Refused` with systemd's reason when it fails, `TimedOut`
    when there is no result in time, `Unavailable` where there is no systemd to ask."""
    element, ends = f"unit:{name}", asyncio.Queue[Signal | None]()
    async with bus.hearing(_MANAGER, "JobRemoved", ends.put_nowait):
        await bus.call(_MANAGER, "Subscribe")
        try:
            (job,) = await bus.call(_MANAGER, _AGAIN[how], "ss", name, "replace")
        except BusAnswer as error:
            raise Refused(element, f"systemd does not {how} it: {error.message}") from error
        try:
            async with asyncio.timeout(timeout_s):
                result = await _result(ends, job)
        except TimeoutError as error:
            raise TimedOut(element, f"systemd did not {how} it within {timeout_s:g} s") from error
    if result is None:
        raise Unavailable(element, f"the connection to systemd ended before the {how} did")
    if result != "done":
        raise Refused(element, f"its {how} ended with `{result}`; `systemctl status {name}` tells more")


async def _result(ends: asyncio.Queue[Signal | None], job: str) -> str | None:
    while (signal := await ends.get()) is not None:
        _id, path, _unit, result = signal.body
        if path == job:
            return str(result)
    return None
