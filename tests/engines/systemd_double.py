"""logind and systemd, as doubles on a real bus.

After org.freedesktop.login1(5) and org.freedesktop.systemd1(5): logind reboots for root whoever objects; systemd tells the
ends of jobs to those that subscribed only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from dbus_fast import Message, Variant

from .dbus_double import PROPERTIES, Answer, Double, No, unknown_method

_SYSTEMD = "org.freedesktop.systemd1"


@dataclass
class Logind:
    """`inhibitors`: (what, who, why, mode, uid, pid). `reboots`: how often it was told to reboot. `refuses`: its reason.
    `can_reboot`: its answer beforehand. `goes_down`: what happens then, in a thread of its own."""

    address: str
    inhibitors: list[tuple[str, str, str, str, int, int]] = field(default_factory=list)
    reboots: int = 0
    refuses: str = ""
    can_reboot: str = "yes"
    goes_down: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.double = Double(self.address, "org.freedesktop.login1", self._answer)

    async def _answer(self, message: Message) -> Answer:
        match message.member, message.body:
            case "ListInhibitors", []:
                return "a(ssssuu)", [[list(each) for each in self.inhibitors]]
            case "CanReboot", []:
                return "s", [self.can_reboot]
            case "Reboot", [bool()]:
                if self.refuses:
                    raise No("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", self.refuses)
                self.reboots += 1
                asyncio.get_running_loop().run_in_executor(None, self.goes_down)
                return "", []
            case _:
                raise unknown_method(message)


@dataclass
class Timedated:
    """org.freedesktop.timedate1(5), as far as it tells of synchronisation."""

    address: str
    is_kept: bool = True
    has_ntp: bool = True

    def __post_init__(self) -> None:
        self.double = Double(self.address, "org.freedesktop.timedate1", self._answer)

    async def _answer(self, message: Message) -> Answer:
        if message.member != "GetAll":
            raise unknown_method(message)
        return "a{sv}", [{"NTPSynchronized": Variant("b", self.is_kept), "NTP": Variant("b", self.has_ntp)}]


@dataclass
class FakeUnit:
    """`becomes`: its state after a restart or reload, which then ends with `result`. `hangs`: the job does not end."""

    active: str = "active"
    sub: str = "running"
    load: str = "loaded"
    becomes: str = "active"
    result: str = "done"
    hangs: bool = False
    jobs: list[str] = field(default_factory=list)
    """What was done to it."""
    triggered_by: list[str] = field(default_factory=list)
    bus_name: str = ""


@dataclass
class Systemd:
    address: str
    units: dict[str, FakeUnit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.double = Double(self.address, _SYSTEMD, self._answer)
        self._subscribed, self._jobs = False, 0

    async def _answer(self, message: Message) -> Answer:
        match message.member, message.body:
            case "Subscribe", []:
                self._subscribed = True
                return "", []
            case "LoadUnit", [str(name)]:
                return "o", [_path(name)]
            case "RestartUnit" | "ReloadUnit" as method, [str(name), str()]:
                return "o", [self._job(name, "restart" if method == "RestartUnit" else "reload")]
            case "GetAll", [str()] if message.interface == PROPERTIES:
                unit = next((unit for name, unit in self.units.items() if _path(name) == message.path), None)
                found = unit or FakeUnit("inactive", "dead", "not-found")
                states = {"LoadState": found.load, "ActiveState": found.active, "SubState": found.sub}
                told = {name: Variant("s", state) for name, state in {**states, "BusName": found.bus_name}.items()}
                return "a{sv}", [{**told, "TriggeredBy": Variant("as", found.triggered_by)}]
            case _:
                raise unknown_method(message)

    def _job(self, name: str, what: str) -> str:
        unit = self.units.get(name)
        if unit is None:
            raise No(f"{_SYSTEMD}.NoSuchUnit", f"Unit {name} not found.")
        unit.jobs.append(what)
        self._jobs += 1
        number, path = self._jobs, f"/org/freedesktop/systemd1/job/{self._jobs}"

        async def end() -> None:
            await asyncio.sleep(0.01)
            unit.active = unit.becomes
            if self._subscribed:
                removed = [number, path, name, unit.result]
                self.double.emit("/org/freedesktop/systemd1", f"{_SYSTEMD}.Manager", "JobRemoved", "uoss", removed)

        if not unit.hangs:
            self.double.spawn(end())
        return path


def _path(name: str) -> str:
    escaped = "".join(each if each.isalnum() else f"_{ord(each):02x}" for each in name)
    return f"/org/freedesktop/systemd1/unit/{escaped}"
