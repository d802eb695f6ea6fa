"""The memory of the slots domain after the begin or end of a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Done, Failed, Outcome, Step
from evenkeel.specs.slots.actions import Activate, Discard, Fetch, Inspect, Install, MarkGood, Prove, Restore
from evenkeel.specs.slots.memory import UNCOUNTED, Failure, Proof, Proving, SlotsMemory, Trial

Value = TypeVar("Value")


def memory_before(step: Step, memory: SlotsMemory) -> SlotsMemory:
    """The memory when a step is about to be performed: a loss of power, or a reboot, may follow."""
    match step.action:
        case Fetch(system=system):
            fetched = tuple(dict.fromkeys((*memory.fetched, system.key)))
            useless = tuple(key for key in memory.useless if key != system.key)
            return changed(memory, fetched=fetched, useless=useless)
        case Install(slot=slot) as action:
            mark_is_ours, slots = action.keeps_primary, (slot, *action.rivals)
            trial = Trial(action.system.version, action.boot, action.keeps, activations=UNCOUNTED)
            return changed(
                memory,
                trial=_without(memory.trial, *slots) if mark_is_ours else {slot: trial},
                installed=_without(memory.installed, *slots),
                proving=_without(memory.proving, *slots),
                proven=_without(memory.proven, *slots),
                ran=_without(memory.ran, *slots),
            )
        case Activate(slot=slot, before=before, runs=runs) as action:
            trial = Trial(action.version, action.boot, before, action.activations, at=action.at, boots=action.boots)
            ran = {**memory.ran, before: runs} if before and runs else memory.ran
            return changed(memory, trial={slot: trial}, ran=ran)
        case Prove(slot=slot, begun_s=begun_s) as action if begun_s is not None:
            return changed(memory, proving={**memory.proving, slot: Proving(action.version, action.boot, begun_s)})
        case _:
            return memory


def memory_after(step: Step, outcome: Outcome, memory: SlotsMemory) -> SlotsMemory:
    """The memory after a step has ended."""
    match step.action, outcome:
        case Install(slot=slot, system=system), Done(instance=written):
            written = written or slot
            trials = {written if name == slot else name: each for name, each in memory.trial.items()}
            installed = {**memory.installed, written: system.version}
            return changed(memory, installed=installed, trial=trials, failed=_without(memory.failed, written))
        case Activate(slot=slot), Done() if slot in memory.trial:
            trial = changed(memory.trial[slot], is_marked=True)
            return changed(memory, trial={slot: trial})
        case Restore(failed=failed, version=version, why=why), Done():
            fallen = {**memory.failed, failed: Failure(version, why)} if failed else memory.failed
            return changed(memory, trial={}, failed=fallen)
        case Prove() as action, _:
            return _proved(step.subject, action, outcome, memory)
        case MarkGood(slot=slot, boot=boot), Done():
            return _good(step.subject, slot, boot, memory)
        case ((Inspect(system=system) | Install(system=system)), Failed()) if system.key in memory.fetched:
            return changed(memory, useless=tuple(dict.fromkeys((*memory.useless, system.key))))
        case Discard(keys=keys), Done():
            return changed(
                memory,
                fetched=tuple(key for key in memory.fetched if key not in keys),
                useless=tuple(key for key in memory.useless if key not in keys),
            )
        case _:
            return memory


def _proved(subject: str, action: Prove, outcome: Outcome, memory: SlotsMemory) -> SlotsMemory:
    slot, version = action.slot, action.version
    is_tried, proving = slot in memory.trial, memory.proving.get(slot)
    if isinstance(outcome, Failed) and proving is not None:
        memory = changed(memory, proving={**memory.proving, slot: changed(proving, has_failed=True)})
    match outcome:
        case Done():
            reached = memory.reached if is_tried else {subject: version}  # a device has one system
            away_s = memory.away_s if action.away_s is None else {"reboot": action.away_s}
            proven = {**memory.proven, slot: Proof(version, action.boot)}
            failed, begun = _without(memory.failed, slot), _without(memory.proving, slot)
            return changed(memory, proving=begun, proven=proven, reached=reached, away_s=away_s, failed=failed)
        case Failed(message=why) if is_tried:
            failure = Failure(memory.trial[slot].version, why)
            return changed(memory, trial=_without(memory.trial, slot), failed={**memory.failed, slot: failure})
        case _:
            return memory


def _good(subject: str, slot: str, boot: str, memory: SlotsMemory) -> SlotsMemory:
    """A slot was marked good: its trial is over, if it was proven in this boot. One that was proven before is marked at once,
    and its trial goes on."""
    trial, proof = memory.trial.get(slot), memory.proven.get(slot)
    if trial is None or proof != Proof(trial.version, boot):
        return memory
    return changed(memory, trial=_without(memory.trial, slot), reached={subject: trial.version})


def _without(facts: Mapping[str, Value], *keys: str) -> dict[str, Value]:
    return {name: fact for name, fact in facts.items() if name not in keys}
