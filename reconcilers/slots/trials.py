"""The trial of the slot that evenkeel has activated, as a look shows it: the one thing that goes on while the process is dead.

The id of the boot tells whether the device was rebooted since, and the booted slot tells into what. A reboot before the mark
was made is none of ours: the mark is known to have been made when the updater has counted it, when the slot still boots next
beside a booted one that is good, or when the step was recorded.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from evenkeel.specs.slots.memory import UNCOUNTED, SlotsMemory, Trial
from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen, fallback_text


class Course(Enum):
    """How far a trial is. `WAITS`: the device was not rebooted yet. `ARRIVED`: the slot is booted. `FELL_BACK`: another one is,
    although this one was to be. `UNMARKED`: another one is, because a loss of power came before the mark; or the slot is, with
    its former content, because it came before the install, and nothing else could be booted."""

    WAITS = "waits"
    ARRIVED = "arrived"
    FELL_BACK = "fell back"
    UNMARKED = "unmarked"


class OnTrial(NamedTuple):
    """The slot on trial, by its name, and how far it is. `seen`: the slot, `None` when the updater has none of that name."""

    name: str
    trial: Trial
    seen: SlotSeen | None
    course: Course

    @property
    def label(self) -> str:
        """The slot in sentences."""
        return self.seen.label if self.seen is not None else self.name

    @property
    def is_by_updater(self) -> bool:
        """It has begun with an install, because the updater marks what it has installed; nobody has activated the slot."""
        return self.trial.activations == UNCOUNTED and not self.trial.is_marked

    def fallback_text(self, seen: SlotsSeen) -> str:
        """The fallback as what it is."""
        return fallback_text(seen, self.label, self.trial.version)


def on_trial(seen: SlotsSeen, memory: SlotsMemory) -> OnTrial | None:
    """The trial that goes on; `None` when there is none."""
    for name, trial in memory.trial.items():
        return OnTrial(name, trial, seen.slot(name), _course(name, trial, seen, is_installed=name in memory.installed))
    return None


def _course(name: str, trial: Trial, seen: SlotsSeen, *, is_installed: bool) -> Course:
    slot = seen.slot(name)
    if seen.booted == name and (seen.boot != trial.boot or trial.before != name):
        is_written = trial.is_marked or trial.activations != UNCOUNTED or is_installed
        is_former = slot is not None and slot.version != trial.version
        return Course.ARRIVED if is_written or not is_former else Course.UNMARKED
    if seen.boot == trial.boot:
        return Course.WAITS
    counted = slot is not None and UNCOUNTED < trial.activations < slot.activations
    booted = seen.slot(seen.booted)
    # A bootloader that tries a slot once would boot any other one after this boot.
    is_next = seen.primary == name and not (booted in seen.bootable and booted.boot_status == "bad")
    if trial.is_marked or counted or is_next:
        return Course.FELL_BACK
    return Course.UNMARKED


def version_in(slot: SlotSeen, memory: SlotsMemory) -> str:
    """The version in a slot; "" when nobody knows, or its content is not whole."""
    if slot.content == "ok" or slot.state == "booted":
        return slot.version
    return memory.ran.get(slot.name, "") if slot.content == "unknown" else ""


def is_whole(slot: SlotSeen, version: str, memory: SlotsMemory) -> bool:
    """Whether a slot can be booted with this version. RAUC before 1.10 keeps the record of the former content when an install
    is interrupted: that a slot is bad is all that tells of it. So a bad slot counts only where evenkeel has written it to the
    end, or it was proven, or ran before. Nobody knows that of a version that nobody names."""
    if not version or version_in(slot, memory) != version or has_failed(slot, memory):
        return False
    is_ours = memory.installed.get(slot.name) == version or is_trusted(slot, memory)
    return slot.boot_status != "bad" or is_ours


def has_failed(slot: SlotSeen, memory: SlotsMemory) -> bool:
    """Whether the content of a slot has failed, and nothing else was installed there since."""
    failure = memory.failed.get(slot.name)
    return failure is not None and failure.version == version_in(slot, memory)


def is_trusted(slot: SlotSeen, memory: SlotsMemory) -> bool:
    """Whether the content of a slot was proven, or ran before evenkeel activated anything else."""
    version, proof = version_in(slot, memory), memory.proven.get(slot.name)
    is_proven = proof is not None and proof.version == version
    return bool(version) and (is_proven or memory.ran.get(slot.name) == version) and not has_failed(slot, memory)


def is_doubtful(slot: SlotSeen, memory: SlotsMemory) -> bool:
    """Whether the content of a slot has failed, or is on trial for the first time."""
    return has_failed(slot, memory) or (slot.name in memory.trial and not is_trusted(slot, memory))
