"""The actions of a driver of slots.

No action ever writes the booted slot. Facts and texts have addresses without their query, and never the content of a file of
credentials. Slots are called by their names in the updater; `label` is their name in sentences.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from evenkeel.specs.plan import Traits
from evenkeel.specs.slots.system import Health, OperatingSystem, Rebooting, shown_bundle
from evenkeel.specs.window import Window

INSTALL_S = 1800.0
"""Seconds that an install may take by itself: slow flash takes many minutes."""
GOING_DOWN_S = 600.0
"""Seconds that a device may take to go down once it was told to, with services that take their time to end."""
LATE_S = 30.0
"""The time of a proof that begins late after a boot, beside the time for which the health has to hold."""
_UPDATER = "the updater"
_DAY_S = 86400.0
_YEAR_S = 365 * _DAY_S
"""Nobody knows when somebody else reboots a device."""


class Fetch(Struct, frozen=True, tag="fetch"):
    """Download a bundle into the store, or go on with what is there of it. Disturbs nothing."""

    system: OperatingSystem

    @property
    def traits(self) -> Traits:
        shown = shown_bundle(self.system.bundle)
        facts = {"action": "fetch", "version": self.system.version, "bundle": shown}
        return Traits(f"fetch {shown}", facts, fetches=shown, source=shown, may_be_cut=True, by="its server")


class Inspect(Struct, frozen=True, tag="inspect"):
    """Check the signature, the compatible and the version of a bundle, before anything is written. `streams`: at its address,
    else in the store, or on the device itself for a `file` address."""

    system: OperatingSystem
    streams: bool = False

    @property
    def traits(self) -> Traits:
        facts = {"action": "inspect", "version": self.system.version}
        return Traits(f"inspect the bundle of {self.system.version}", facts, own_s=INSTALL_S, may_be_cut=True)


class Install(Struct, frozen=True, tag="install"):
    """Write a bundle into a slot that is not booted. `keeps`: the slot that stays primary, "" for none. `keeps_primary`: the
    updater leaves the primary alone by itself. `rivals`: the slots that the updater may choose instead; `Done.instance` is the
    one that it has written. It may be cut then: the updater goes on by itself, and the next `Install` of
    the same content waits for that. Else a trial begins already, because a loss of power may boot the slot. `boot`: the id of
    this boot."""

    slot: str
    label: str
    system: OperatingSystem
    streams: bool = False
    keeps: str = ""
    keeps_primary: bool = False
    boot: str = ""
    rivals: tuple[str, ...] = ()

    @property
    def traits(self) -> Traits:
        facts = {"action": "install", "version": self.system.version, "slot": self.slot}
        rival = ", or another one that the updater chooses" if self.rivals else ""
        text = f"install {self.system.version} into slot {self.label}{rival}"
        return Traits(text, facts, own_s=INSTALL_S, may_be_cut=self.keeps_primary, by=_UPDATER)


class Activate(Struct, frozen=True, tag="activate"):
    """Let the bootloader boot a slot next, and begin its trial. The action waits for the `window` first. `runs`: the
    version in the slot `before`. `boot`, `before`, `activations`, `at`, `boots`: as in `memory.Trial`."""

    slot: str
    label: str
    version: str
    boot: str
    before: str = ""
    runs: str = ""
    activations: int = 0
    at: float = 0.0
    boots: int = 1
    window: Window | None = None

    @property
    def traits(self) -> Traits:
        text = f"activate slot {self.label} ({self.version})"
        if self.window is not None:
            text += f" between {self.window.text.replace('-', ' and ')}"
        facts = {"action": "activate", "version": self.version, "slot": self.slot}
        return Traits(
            text,
            facts,
            own_s=_DAY_S if self.window is not None else 0.0,
            may_be_cut=self.window is not None,
            by=_UPDATER,
        )


class Restore(Struct, frozen=True, tag="restore"):
    """Let the bootloader boot the slot next that is booted now: the way back before a reboot, and after a fallback. It ends a
    trial. `failed`: a slot that did not boot, "" for none; `version` of it, and `why` it counts as failed."""

    slot: str
    label: str
    failed: str = ""
    version: str = ""
    why: str = ""

    @property
    def traits(self) -> Traits:
        return Traits(f"let slot {self.label} boot next again", {"action": "restore", "slot": self.slot}, by=_UPDATER)


class Choose(Struct, frozen=True, tag="choose"):
    """Let the bootloader boot a slot next, at the wish of a person. No trial begins: evenkeel has nothing to prove then."""

    slot: str
    label: str

    @property
    def traits(self) -> Traits:
        return Traits(f"let slot {self.label} boot next", {"action": "choose", "slot": self.slot})


class Reboot(Struct, frozen=True, tag="reboot"):
    """Reboot the device, or wait until somebody else does (`by`). The action has no end: the process is told to stop, or dies.
    `slot`: the one that is to be booted. It waits for the `window`, and for those who hold off a reboot."""

    slot: str
    label: str
    version: str
    by: Rebooting = "self"
    window: Window | None = None

    @property
    def traits(self) -> Traits:
        text = f"reboot into slot {self.label} ({self.version})"
        own_s = GOING_DOWN_S + _DAY_S
        if self.by == "others":
            text, own_s = (
                f"wait until somebody reboots the device into slot {self.label} ({self.version})",
                _YEAR_S,
            )
        facts = {"action": "reboot", "version": self.version, "slot": self.slot}
        return Traits(text, facts, own_s=own_s, may_be_cut=True, by="the device")


class Prove(Struct, frozen=True, tag="prove"):
    """Compare the booted slot and version with those that are to be booted, then watch until all that its health asks for
    holds for long enough. It fails when the bootloader has fallen back to another slot, or at the `deadline`, which counts from
    the boot where the device was rebooted for this (`is_after_boot`), else from the beginning. `begun_s`: as in
    `memory.Proving`, `None` for now. `boot`: the id of this boot. `away_s`: seconds from the activation to the first look after
    the boot, `None` when nobody knows."""

    slot: str
    label: str
    version: str
    boot: str
    health: Health
    deadline: timedelta
    away_s: float | None = None
    is_after_boot: bool = False
    begun_s: float | None = None

    @property
    def traits(self) -> Traits:
        facts = {"action": "prove", "version": self.version, "slot": self.slot}
        text = f"prove slot {self.label} ({self.version})"
        own_s = max(self.deadline.total_seconds(), self.health.stable_for.total_seconds() + LATE_S)
        return Traits(text, facts, own_s=own_s, may_be_cut=True, by=_UPDATER)


class MarkGood(Struct, frozen=True, tag="mark-good"):
    """Tell the bootloader that the booted slot is good; or, where the rescue system runs, any slot. `boot`: the id of this
    boot: a proof in it ends the trial of the slot with this mark. "" for a mark that ends none."""

    slot: str
    label: str
    boot: str = ""

    @property
    def traits(self) -> Traits:
        return Traits(f"mark slot {self.label} good", {"action": "mark-good", "slot": self.slot}, by=_UPDATER)


class MarkBad(Struct, frozen=True, tag="mark-bad"):
    """Tell the bootloader not to boot a slot. Refused for the booted one, and where no other slot is good."""

    slot: str
    label: str

    @property
    def traits(self) -> Traits:
        return Traits(f"mark slot {self.label} bad", {"action": "mark-bad", "slot": self.slot}, by=_UPDATER)


class Discard(Struct, frozen=True, tag="discard"):
    """Remove bundles from the store, complete or not, by their keys."""

    keys: tuple[str, ...]

    @property
    def traits(self) -> Traits:
        count = "a stored bundle" if len(self.keys) == 1 else f"{len(self.keys)} stored bundles"
        return Traits(f"discard {count}", {"action": "discard"}, by=_UPDATER)


SlotAction = Fetch | Inspect | Install | Activate | Restore | Choose | Reboot | Prove | MarkGood | MarkBad | Discard
