"""The three parts of the world below the driver of slots: the updater, the machine, and the store of bundles.

Each has a real form and a simulated one. Everything that is alike for all of them is in `engine`: what may be done to which
slot, waiting for a window, for a system to be well and for the end of a boot. The parts make no decisions. Their faults are
errors of `specs.errors`: `Unavailable` and `TimedOut` may pass by themselves, `Refused` will not with this revision.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from evenkeel.controller.process.machine import Machine as Rebootable
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.slots.observed import BundleSeen, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

Mark = Literal["good", "bad", "active"]
"""`active`: the bootloader boots the slot next."""


class Manifest(NamedTuple):
    """A bundle's own description, once its signature was checked. `size`: bytes of its images, 0 when unknown."""

    compatible: str
    version: str
    size: int = 0


class Updater(Protocol):
    """The program that has the slots, such as RAUC with a bootloader."""

    async def look(self) -> SlotsSeen:
        """The slots and their marks, without what the machine and the store tell. It answers also while an install goes on,
        with the last known slots and `operation`. Raises Unavailable or TimedOut."""
        ...

    async def inspect(self, source: str, system: OperatingSystem) -> Manifest:
        """Check a bundle at a path, or at an address where it can be streamed. Raises Refused when it is no bundle, or its
        signature does not hold."""
        ...

    async def install(self, source: str, system: OperatingSystem, slot: str, progress: Progress) -> None:
        """Write a bundle into a slot. It waits for an install that is going on, whoever began it, before it begins its own.
        Cancelled, the updater goes on by itself. Raises Refused, Unavailable or TimedOut; the slot is not `ok` then."""
        ...

    async def mark(self, mark: Mark, slot: str) -> None:
        """Set a mark of the bootloader. It is on the disk when this returns. Raises Refused, Unavailable or TimedOut."""
        ...

    def nudges(self) -> AsyncIterator[None]:
        """Slots, marks or an operation may have changed, or the updater has come or gone."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Machine(Rebootable, Protocol):
    """The device itself: its boot, its services, its clock."""

    def now(self) -> float:
        """Seconds since 1970."""
        ...

    def up_s(self) -> float:
        """For so many seconds the device is up, without those that it was suspended."""
        ...

    def second_of_day(self) -> float:
        """Seconds since midnight by the local clock."""
        ...

    async def wait(self, seconds: float) -> bool:
        """Wait for that long, or for a minute, because the local clock may be set meanwhile. A simulated device may pass over
        all of it: True then."""
        ...

    async def obstacle(self) -> str:
        """Why this process cannot reboot the device, in a sentence; "" when it can, or nobody has said in time."""
        ...

    async def inactive(self, units: Sequence[str]) -> Mapping[str, str]:
        """Of these units those that are not active, with their state in words. Raises Unavailable."""
        ...

    async def check(self, command: Sequence[str]) -> str:
        """Run a command; "" when it exits with 0, else what went wrong, in words, without its output."""
        ...


class Store(Protocol):
    """A folder with bundles, by their keys."""

    def bundles(self) -> Sequence[BundleSeen]:
        """The stored bundles, in order of key. Raises Unavailable."""
        ...

    def free(self) -> int | None:
        """Free bytes; `None` when that is not known."""
        ...

    def path(self, key: str) -> str:
        """The path of a bundle, for the updater."""
        ...

    async def fetch(self, system: OperatingSystem, progress: Progress) -> int:
        """Download a bundle, or go on with what is there; its size in bytes. Length and SHA-256 are compared, and all is on the
        disk when this returns. Raises Refused for what will not pass with this document, else Unavailable or TimedOut."""
        ...

    async def size(self, system: OperatingSystem) -> int:
        """The bytes of a bundle, as its server tells; 0 when it does not. Raises Refused, Unavailable or TimedOut."""
        ...

    async def digest(self, system: OperatingSystem) -> str:
        """The SHA-256 of a bundle that is on the device already, at its `file` address, as hex digits. Raises Unavailable."""
        ...

    def discard(self, keys: Sequence[str]) -> None:
        """Remove bundles, complete or not. Raises Unavailable."""
        ...


class Witness(Protocol):
    """Another domain that is asked whether subjects of its own are well."""

    async def unwell(self, names: Sequence[str]) -> Mapping[str, str]:
        """Of these those that are not well, with what follows their name in a sentence. Raises Unavailable."""
        ...
