"""The observation of a driver of slots, and its question.

The nouns are those of RAUC (self-update-agent.md §12.3), because they fit any updater that writes whole slots: a slot belongs
to a class, has a name for the bootloader, and its content has a state of its own. A slot is called by its `name`, as
`rootfs.1`; its name in the bootloader is `bootname`, as `B`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from evenkeel.specs.look import Look

SlotState = Literal["booted", "active", "inactive"]
"""`active`: in use beside the booted one, as a child of it. It does not mean "boots next": that is `SlotsSeen.primary`."""
BootStatus = Literal["good", "bad", "unknown"]
"""The bootloader's mark. With GRUB the booted slot is `bad` until it is marked good, after every boot."""
Content = Literal["ok", "pending", "failed", "unknown"]
"""`pending`: an install has begun and not ended. `unknown`: nothing is recorded, as of a slot that the factory has written."""
RESCUE = "rescue"
"""The class of slots that are a last resort: nothing is installed into them."""


class SlotSeen(Struct, frozen=True):
    """One slot. `bootname`: "" for one that is not booted by itself; `parent`: the slot that it belongs to then. `version`,
    `compatible`: of the bundle that was installed last, or, of the booted slot alone, of the running system; "" when they are
    not known. `sha256`: of the image. `installed_at`, `activated_at`: ISO 8601; `installs`, `activations`: how often that was
    done, 0 when it is not known. `transaction`: the id that the install was asked with."""

    name: str
    slot_class: str
    bootname: str = ""
    device: str = ""
    parent: str = ""
    description: str = ""
    is_readonly: bool = False
    state: SlotState = "inactive"
    boot_status: BootStatus = "unknown"
    content: Content = "unknown"
    version: str = ""
    compatible: str = ""
    sha256: str = ""
    installed_at: str = ""
    installs: int = 0
    activated_at: str = ""
    activations: int = 0
    transaction: str = ""

    @property
    def label(self) -> str:
        """The slot in sentences: its name in the bootloader, where it has one."""
        return self.bootname or self.name


class BundleSeen(Struct, frozen=True):
    """A bundle in the store, by its key (`system.bundle_key`). `size`: bytes that are there. Not `is_complete`: a download that
    was interrupted and can be resumed. A complete one has the length and the SHA-256 that were asked for."""

    key: str
    size: int = 0
    is_complete: bool = False


class Abilities(Struct, frozen=True):
    """The abilities of an updater. `keeps_primary`: an install leaves the mark for the next boot as it is
    (`activate-installed=false`). Without it the updater marks what it has installed, and `Install` takes the mark back at
    once. `streams`: it installs from an address without storing the bundle. `inspects`: it tells the sizes of images before it
    writes. `passes_time`: the device is simulated, and does not wait for a window."""

    keeps_primary: bool = False
    streams: bool = False
    inspects: bool = False
    passes_time: bool = False


class SlotsSeen(Struct, frozen=True):
    """One look at the slots. `subjects`: those of the look. `booted`, `primary`: names of slots; `booted` is "" where the
    running system is in none of them, `primary` where the bootloader has none that it would boot. `boot`: the id that the
    kernel has drawn at this boot. `operation`: "" while the updater is at rest, else what it does. `bundles`: those in the
    store; `free`: bytes that are free there, `None` when it is not known. `sizes`: bytes of bundles by
    key, as far as their servers have told. `no_reboot`: why evenkeel cannot reboot the device, "" when it can. `at`: the time
    of the look, in seconds since 1970; `up_s`: for so many seconds the device is up, without those that it was suspended."""

    engine: str
    subjects: tuple[str, ...] = ()
    slots: tuple[SlotSeen, ...] = ()
    booted: str = ""
    primary: str = ""
    boot: str = ""
    compatible: str = ""
    variant: str = ""
    bootloader: str = ""
    operation: str = ""
    last_error: str = ""
    can: Abilities = Abilities()
    bundles: tuple[BundleSeen, ...] = ()
    free: int | None = None
    sizes: Mapping[str, int] = {}
    no_reboot: str = ""
    at: float = 0.0
    up_s: float = 0.0

    def slot(self, name: str) -> SlotSeen | None:
        """The slot of this name."""
        return next((each for each in self.slots if each.name == name), None)

    def bundle(self, key: str) -> BundleSeen | None:
        """The bundle in the store with this key."""
        return next((each for each in self.bundles if each.key == key), None)

    @property
    def bootable(self) -> tuple[SlotSeen, ...]:
        """The slots that the bootloader may boot and that systems are installed into, in order of name."""
        found = (each for each in self.slots if each.bootname and each.slot_class != RESCUE and not each.is_readonly)
        return tuple(sorted(found, key=lambda each: each.name))


def fallback_text(seen: SlotsSeen, label: str, version: str) -> str:
    """A fallback as what it is: the slot that should have been booted, and what was instead. A bootloader that tries a slot
    once also falls back when the power goes before the slot is marked good, and nothing tells the two apart."""
    booted = seen.slot(seen.booted)
    where = "what is in no slot"
    if booted is not None:
        where = f"slot {booted.label} ({booted.version or 'version unknown'})"
        where = "the rescue system" if booted.slot_class == RESCUE else where
    return (
        f"the bootloader fell back to {where}: slot {label} ({version}) did not boot, or went down before it was good"
    )


class SlotsLook(Look, frozen=True):
    """The question of one look at the slots. `subjects`: names of documents; the one operating system has one."""

    subjects: tuple[str, ...] = ()

    @property
    def engine(self) -> str:
        return "the updater"
