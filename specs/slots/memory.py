"""The memory of slots: facts that no look can tell, above all those from before a reboot."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, field

from evenkeel.specs.memory import Memory
from evenkeel.specs.slots.system import OperatingSystem

UNCOUNTED = -1
"""Stands for a counter that tells nothing: the updater marks a slot by itself at the end of an install."""


class Trial(Struct, frozen=True):
    """A slot that evenkeel activates, from the moment before. `version`: of its content; `boot`: the id of the boot in which it
    was activated; `before`: the slot that was booted then, and is what a failed boot falls back to. `activations`: the slot's
    counter before (`SlotSeen.activations`). `is_marked`: the mark is known to have been made. `at`: the time, in seconds since
    1970, 0 when unknown. `boots`: how often it was activated for this version, this time included."""

    version: str
    boot: str
    before: str = ""
    activations: int = 0
    is_marked: bool = False
    at: float = 0.0
    boots: int = 1


class Proof(Struct, frozen=True):
    """A version that was proven, and the id of the boot in which it was."""

    version: str
    boot: str


class Proving(Struct, frozen=True):
    """A proof that was begun: of a version, in a boot, when the device was up for so many seconds. It is the first one of this
    boot, so that a restart of evenkeel gives no system more time. `has_failed`: it has ended so."""

    version: str
    boot: str
    begun_s: float
    has_failed: bool = False


class Failure(Struct, frozen=True):
    """A version that has failed in a slot, and why, as a sentence."""

    version: str
    why: str


class SlotsMemory(Memory, frozen=True):
    """The facts of the slots domain, by names of slots, of subjects, or keys of bundles.

    `trial`: the slot that was activated and is not good yet; there is at most one. `installed`:
    the version that evenkeel has written into a slot to its end. `proving`: the proof of a slot that was begun last, unless it
    has ended well; `proven`: the last one that has. `ran`:
    the version that ran in a slot when another one was activated, because an updater knows nothing of what the factory has
    written. `failed`: what has failed in a slot, until something else is installed there. `reached`: the version that was
    proven last, by the subject that asked for it; what differs from it later is drift. A device has one system, so there is one
    entry. `fetched`: bundles that were put into the store, so that it
    is emptied before the domain is idle; `useless`: those among them that cannot be installed. `away_s`: under "reboot" the
    seconds that the last one took.
    """

    domain: ClassVar[str] = OperatingSystem.domain

    trial: dict[str, Trial] = field(default_factory=dict)
    installed: dict[str, str] = field(default_factory=dict)
    proving: dict[str, Proving] = field(default_factory=dict)
    proven: dict[str, Proof] = field(default_factory=dict)
    ran: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    reached: dict[str, str] = field(default_factory=dict)
    fetched: tuple[str, ...] = ()
    useless: tuple[str, ...] = ()
    away_s: dict[str, float] = field(default_factory=dict)
