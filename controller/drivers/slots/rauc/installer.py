"""The interface de.pengutronix.rauc.Installer, call by call.

Invariants:

* RAUC does one thing at a time and refuses everything else meanwhile. A refused second install makes it say `idle` while the
  first goes on (up to 1.15): whether it is at rest is judged by an answer of `GetSlotStatus`, and never by `Operation` alone.
* An install is listened to before it is begun. Its end is `Completed` of the RAUC that was asked, or that RAUC is gone.
* No signal of anybody else counts: others may send signals to everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

from evenkeel.controller.dbus.bus import BusAnswer, Peer, Signal, SystemBus, changes, owners, variant
from evenkeel.controller.drivers.slots.rauc.answers import (
    ELEMENT,
    Methods,
    has_no_primary,
    is_busy,
    methods,
    trouble,
    unsupported_key,
)
from evenkeel.specs.errors import Refused, Unavailable

PEER = Peer("de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer")
INSPECT_S = 1800.0
"""A bundle of the plain format is read as a whole for its signature; slow disks take many minutes."""
_AGAIN_S = 5.0
"""RAUC at work is asked again after so many seconds, in case a signal was lost."""
_GONE = "RAUC ended in the middle of it"


class Slots(NamedTuple):
    """`told`: the entries of GetSlotStatus by name. `primary`: "" for none."""

    told: Mapping[str, Mapping[str, Any]]
    primary: str


class Installer:
    """The calls. They raise `Unavailable`, `TimedOut`, and `Refused` for a final no."""

    def __init__(self, bus: SystemBus) -> None:
        self.bus = bus
        self._methods: tuple[str, Methods] | None = None

    async def properties(self) -> Mapping[str, Any]:
        """Operation, LastError, Progress, Compatible, Variant, BootSlot."""
        return await self.bus.properties(PEER)

    async def methods(self) -> Methods:
        """The abilities of this RAUC; another one may come with a new process."""
        owner = await self.bus.owner(PEER.name)
        if self._methods is None or self._methods[0] != owner:
            self._methods = owner, methods(await self.bus.described(PEER))
        return self._methods[1]

    async def slots(self) -> Slots | None:
        """The slots and the one that boots next; `None` while RAUC does something else."""
        try:
            (told,) = await self.bus.call(PEER, "GetSlotStatus")
            return Slots(dict(told), await self._primary())
        except BusAnswer as error:
            if is_busy(error.message):
                return None
            raise Unavailable(ELEMENT, error.message) from error

    async def _primary(self) -> str:
        try:
            (name,) = await self.bus.call(PEER, "GetPrimary")
        except BusAnswer as error:
            if has_no_primary(error.message):
                return ""
            raise
        return str(name)

    async def identify(self, path: str) -> tuple[str, str]:
        """Compatible and version of a bundle whose signature holds. Raises BusAnswer when RAUC refuses; before 1.9 it does
        not say why."""
        compatible, version = await self.bus.call(PEER, "Info", "s", path, timeout_s=INSPECT_S)
        return str(compatible), str(version)

    async def inspect(self, source: str, arguments: Mapping[str, object]) -> Mapping[str, Any]:
        """The manifest of a bundle whose signature holds, since 1.9."""
        try:
            (told,) = await self._with(arguments, "InspectBundle", source, INSPECT_S)
        except BusAnswer as error:
            raise trouble(error.message) from error
        return dict(told)

    async def mark(self, mark: str, slot: str) -> None:
        """Set a mark of the bootloader."""
        try:
            await self.bus.call(PEER, "Mark", "ss", mark, slot)
        except BusAnswer as error:
            if error.message.startswith(("No slot with", "Did not find", "Invalid slot name")):
                raise Refused(ELEMENT, error.message) from error
            raise (trouble if is_busy(error.message) else _unavailable)(error.message) from error

    async def install(self, source: str, arguments: Mapping[str, object], progress: Callable[[str, int], None]) -> None:
        """Install a bundle; returns when it is installed. `progress`: RAUC's words and per cent."""
        async with self.listening() as events:
            owner = await self.bus.owner(PEER.name)
            try:
                await self._with(arguments, "InstallBundle", source)
            except BusAnswer as error:
                raise trouble(error.message) from error
            code = await _end(events, owner, progress)
        if code != 0:
            raise trouble(str((await self.properties()).get("LastError", "")))

    async def until_at_rest(self, progress: Callable[[str, int], None]) -> bool:
        """Wait while RAUC does something, whoever wanted it. Whether there was something to wait for."""
        if await self._is_at_rest():
            return False
        async with self.listening() as events:
            while not await self._is_at_rest():
                try:
                    async with asyncio.timeout(_AGAIN_S):
                        signal = await events.get()
                except TimeoutError:
                    continue
                if signal is None:
                    raise Unavailable(ELEMENT, _GONE)
                _hear_progress(signal, progress)
        return True

    async def _is_at_rest(self) -> bool:
        operation = (await self.properties()).get("Operation")
        return operation in ("", "idle", None) and await self.slots() is not None

    async def _with(
        self, arguments: Mapping[str, object], member: str, source: str, timeout_s: float | None = None
    ) -> list[Any]:
        """A call with arguments that an older RAUC may not know: without them then."""
        given = dict(arguments)
        while True:
            try:
                return await self.bus.call(PEER, member, "sa{sv}", source, given, timeout_s=timeout_s)
            except BusAnswer as error:
                if unsupported_key(error.message) not in given:
                    raise
                del given[unsupported_key(error.message)]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[asyncio.Queue[Signal | None]]:
        """The signals of RAUC, and those about its coming and going, from now on."""
        events = asyncio.Queue[Signal | None]()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.bus.hearing(PEER, "Completed", events.put_nowait))
            await stack.enter_async_context(changes(self.bus, PEER, events.put_nowait))
            await stack.enter_async_context(owners(self.bus, PEER.name, events.put_nowait))
            yield events


def is_progress(signal: Signal) -> bool:
    """Whether it tells of progress and of nothing else."""
    return signal.member == "PropertiesChanged" and set(signal.body[1]) <= {"Progress"}


def text(value: str) -> object:
    """An argument that is a text."""
    return variant("s", value)


def texts(*values: str) -> object:
    """An argument that is a list of texts."""
    return variant("as", list(values))


async def _end(events: asyncio.Queue[Signal | None], owner: str, progress: Callable[[str, int], None]) -> int:
    """The code of `Completed`: 0 is success."""
    while (signal := await events.get()) is not None:
        if signal.member == "NameOwnerChanged":
            break
        if signal.sender != owner:
            continue
        if signal.member == "Completed":
            return int(signal.body[0])
        _hear_progress(signal, progress)
    raise Unavailable(ELEMENT, _GONE)


def _hear_progress(signal: Signal, progress: Callable[[str, int], None]) -> None:
    match signal.body:
        case [_, {"Progress": [int(per_cent), str(message), int()]}, *_]:
            progress(message, per_cent)
        case _:
            pass


def _unavailable(message: str) -> Unavailable:
    return Unavailable(ELEMENT, message)
