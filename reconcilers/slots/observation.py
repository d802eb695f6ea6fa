"""The meaning of an observation beyond differences: systems to go back to, drift, and versions that are set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evenkeel.reconcilers.ports import Ailment
from evenkeel.reconcilers.slots.diff import drift_text, next_slot, next_text
from evenkeel.reconcilers.slots.select import SlotsWanted
from evenkeel.reconcilers.slots.trials import on_trial
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import SetAside
from evenkeel.specs.plan import NOTHING_DONE
from evenkeel.specs.slots.difference import SlotsDifference
from evenkeel.specs.slots.memory import Proof, SlotsMemory
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

_KIND = "OperatingSystem"


def as_found(seen: SlotsSeen, memory: SlotsMemory | None) -> DesiredState | None:
    """The running system that evenkeel has not proven, as a desired state; without a memory, whatever runs."""
    booted = seen.slot(seen.booted)
    if booted is None or not booted.version or not seen.subjects:
        return None
    if memory is not None and (booted.version in memory.reached.values() or memory.trial):
        return None
    return desired_state([_found(name, booted.version) for name in seen.subjects])


def superseded(differences: Sequence[SlotsDifference], memory: SlotsMemory) -> tuple[Document, ...]:
    """The running system that another one takes the place of, where it is not one that evenkeel has proven."""
    return tuple(
        _found(each.subject, each.ran)
        for each in differences
        if each.reboot and not each.is_repair and each.ran and each.ran not in memory.reached.values()
    )


def _found(name: str, version: str) -> Document:
    return Document(_KIND, name, OperatingSystem(name, version))


def ailing(seen: SlotsSeen, memory: SlotsMemory) -> dict[str, Ailment]:
    """The system that runs, or will after the next boot, instead of the one that was proven last, while nothing is on trial."""
    booted = seen.slot(seen.booted)
    expected = {name: version for name, version in memory.reached.items() if name in seen.subjects}
    if on_trial(seen, memory) is not None or (booted is not None and booted.name in memory.failed):
        return {}
    runs, other = booted.version if booted is not None else "", next_slot(seen)
    left = {
        name: Ailment(f"is not what runs: {drift_text(version, seen, memory)}")
        for name, version in expected.items()
        if version != runs
    }
    if left or booted is None or other is None:
        return left
    why = f"runs until the next boot only: {next_text(booted, other, memory)}"
    return {name: Ailment(why, refutes=False) for name in expected}


def renewed(differences: Sequence[SlotsDifference], memory: SlotsMemory) -> dict[str, tuple[str, ...]]:
    """Systems that were proven before and are to be booted again. Should that fail, they are set aside, for no device may
    reboot for ever."""
    before = {*memory.reached.values(), *memory.ran.values(), *(proof.version for proof in memory.proven.values())}
    return {
        each.subject: (each.system.content,)
        for each in differences
        if each.system is not None
        and each.verb not in NOTHING_DONE
        and (each.reboot or each.prove or each.install)
        and each.system.version in before
        and each.before != each.system.version
    }


def vindicated(want: SlotsWanted, seen: SlotsSeen, memory: SlotsMemory) -> dict[str, tuple[str, ...]]:
    """A system that was set aside, and is proven in this boot."""
    proof = memory.proven.get(seen.booted)
    return {
        name: (system.content,)
        for name, system in want.subjects.items()
        if system.content in memory.rejected and proof == Proof(system.version, seen.boot)
    }


def set_aside(want: SlotsWanted, seen: SlotsSeen, memory: SlotsMemory) -> dict[str, SetAside]:
    """A system that was tried and failed, and does not run."""
    booted = seen.slot(seen.booted)
    runs = booted.version if booted is not None else ""
    found: Mapping[str, OperatingSystem] = want.subjects
    return {
        name: SetAside(system.content, memory.rejected[system.content])
        for name, system in found.items()
        if system.content in memory.rejected and runs != system.version
    }
