"""A device in memory: slots, a bootloader that counts tries, and bundles on servers.

It is no mock. The bootloader chooses as GRUB or U-Boot do with RAUC (self-update-agent.md §13.1, §13.2): the first slot of the
order with tries left is tried, and costs one; a slot whose system does not boot falls back to the next; with none left the
rescue system is booted. A bundle may be faulty in every way in which RAUC refuses one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from evenkeel.specs.slots.observed import Content, SlotSeen

COMPATIBLE = "Simulated device"
RESCUE_SLOT = "rescue.0"
Flaw = Literal[
    "",
    "missing",
    "denied",
    "untrusted",
    "unreachable",
    "stalls",
    "cuts",
    "other digest",
    "truncated",
    "no bundle",
    "wrong CA",
    "expired",
    "not yet valid",
    "format",
    "manifest",
    "newer RAUC",
    "no slot",
    "rejected",
    "minimum version",
    "no room",
]
"""The faults of a bundle and of its server: at the download as far as `other digest` (`cuts`: each connection ends after an
eighth of it), all others as in `refusals`."""


@dataclass(frozen=True)
class Bundle:
    """A bundle on a server. `boots`: its system comes up; `is_well`: its units are active, and its commands exit with 0."""

    version: str
    compatible: str = COMPATIBLE
    size: int = 400_000_000
    flaw: Flaw = ""
    boots: bool = True
    is_well: bool = True


@dataclass(frozen=True)
class Slot:
    """A slot, with the bundle in it, `None` when nobody knows; `left`: the tries that the bootloader has left for it."""

    bootname: str
    bundle: Bundle | None
    left: int
    content: Content = "ok"
    installs: int = 1
    activations: int = 1
    installed_at: str = ""


@dataclass(frozen=True)
class Stored:
    """A bundle in the store, or what is there of it."""

    bundle: Bundle
    size: int


@dataclass
class World:
    """All of the device. `order`: names of slots, as the bootloader tries them. `attempts`: the tries of a slot that was
    marked, 1 as with GRUB, 3 as with U-Boot. `served`: bundles by address; any other address has what is asked for.
    `keeps_primary`: as in `observed.Abilities`. `boots`: how often the device was booted. `pace`: 1 for the usual durations
    of downloads, installs and reboots, less for a faster device."""

    slots: dict[str, Slot] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    attempts: int = 1
    booted: str = ""
    boots: int = 1
    keeps_primary: bool = True
    served: dict[str, Bundle] = field(default_factory=dict)
    store: dict[str, Stored] = field(default_factory=dict)
    capacity: int = 4_000_000_000
    pace: float = 1.0
    last_error: str = ""
    up_since: tuple[str, float] = ("", 0.0)
    """A boot, and when it was seen first, in seconds since 1970."""
    writing: str = ""
    """The slot that an install is writing."""

    @property
    def boot(self) -> str:
        """The id of this boot."""
        return f"boot-{self.boots}"

    @property
    def primary(self) -> str:
        """The slot that the bootloader would boot; "" when it would boot none."""
        return next((name for name in self.order if self.slots[name].left > 0), "")

    def mark(self, mark: str, name: str) -> None:
        """Set a mark, as RAUC does with GRUB and U-Boot."""
        slot = self.slots[name]
        left = 0 if mark == "bad" else self.attempts
        self.slots[name] = changed_slot(slot, left=left)
        if mark == "active":
            self.order = (name, *(each for each in self.order if each != name))

    def reboot(self) -> None:
        """End this boot, whatever goes on, and boot."""
        self.boots += 1
        if self.writing:
            self.slots[self.writing] = changed_slot(self.slots[self.writing], content="pending", left=0)
            self.writing = ""
        while name := self.primary:
            slot = self.slots[name]
            self.slots[name] = changed_slot(slot, left=slot.left - 1)
            if slot.content == "ok" and slot.bundle is not None and slot.bundle.boots:
                self.booted = name
                return
        self.booted = RESCUE_SLOT

    def running(self) -> Bundle | None:
        """The bundle that runs; `None` for the rescue system."""
        slot = self.slots.get(self.booted)
        return slot.bundle if slot is not None else None

    def report(self) -> tuple[SlotSeen, ...]:
        """The slots as an updater reports them."""
        return (
            SlotSeen(RESCUE_SLOT, "rescue", device="/dev/vda3", state=self._state(RESCUE_SLOT)),
            *(
                SlotSeen(
                    name,
                    "rootfs",
                    slot.bootname,
                    f"/dev/vda{number}",
                    state=self._state(name),
                    boot_status="good" if slot.left > 0 else "bad",
                    content=slot.content,
                    version=slot.bundle.version if slot.bundle is not None and slot.content != "pending" else "",
                    compatible=slot.bundle.compatible if slot.bundle is not None else "",
                    installed_at=slot.installed_at,
                    installs=slot.installs,
                    activations=slot.activations,
                )
                for number, (name, slot) in enumerate(sorted(self.slots.items()), 4)
            ),
        )

    def _state(self, name: str) -> Literal["booted", "inactive"]:
        return "booted" if name == self.booted else "inactive"


def factory(version: str = "1.0.0", *, booted: str = "A", attempts: int = 1) -> World:
    """A device as it comes from the factory: the same system in both slots, one of them booted and good."""
    names = {"A": "rootfs.0", "B": "rootfs.1"}
    slots = {name: Slot(bootname, Bundle(version), attempts) for bootname, name in names.items()}
    first = names[booted]
    order = (first, *(name for name in slots if name != first))
    return World(slots, order, attempts, first)


def changed_slot(slot: Slot, **fields: object) -> Slot:
    """A slot with other values in some fields."""
    return replace(slot, **fields)  # type: ignore[arg-type]


Fuse = Callable[[str], None]
"""Called in the middle of what is not done at once, with a name of the moment. A test raises there: the power is gone."""
