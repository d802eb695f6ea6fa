"""Differences → steps in stages.

A change has these steps: fetch the bundle; inspect it and install it into a slot that is not booted; activate that slot and
reboot. The process dies there. The steps after the boot are planned after the boot, from what is seen then: prove, mark good,
discard the bundle. A loss of power between any two of them leaves a state from which `diff` finds the way, forward or, with
last-good as the desired state, back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evenkeel.reconcilers.ports import Former
from evenkeel.reconcilers.slots.select import SlotsWanted
from evenkeel.reconcilers.staging import stages
from evenkeel.specs.codec import changed
from evenkeel.specs.plan import NOTHING_DONE, Phase, Plan, Step
from evenkeel.specs.slots.actions import (
    Activate,
    Discard,
    Fetch,
    Inspect,
    Install,
    MarkBad,
    MarkGood,
    Prove,
    Reboot,
    Restore,
)
from evenkeel.specs.slots.difference import SlotsDifference
from evenkeel.specs.slots.memory import Proving, SlotsMemory
from evenkeel.specs.slots.system import BUNDLES, Health, OperatingSystem

_DOMAIN = SlotsMemory.domain


def plan(differences: Sequence[SlotsDifference], memory: SlotsMemory, former: Former[SlotsWanted]) -> Plan:
    """All steps from the slots that are seen to the wanted system, as far as the next reboot."""
    judged = tuple(each for found in differences if (each := _but_needed(found, memory, former)) is not None)
    steps = [step for each in judged if each.verb not in NOTHING_DONE for step in _steps(each, memory)]
    return Plan(_DOMAIN, judged, stages(steps))


def _but_needed(
    difference: SlotsDifference, memory: SlotsMemory, former: Former[SlotsWanted]
) -> SlotsDifference | None:
    """A difference without the removal of bundles that the desired state still needs."""
    if difference.subject != BUNDLES:
        return difference
    desired = former.desired.subjects.values() if former.desired is not None else ()
    needed = {system.key for system in desired if _is_needed(system, memory)}
    keys = tuple(key for key in difference.keys if key not in needed)
    return changed(difference, keys=keys) if keys else None


def _is_needed(system: OperatingSystem, memory: SlotsMemory) -> bool:
    """Whether the bundle of a desired system may still be installed: not once it has arrived, or has failed."""
    failed = {failure.version for failure in memory.failed.values()}
    has_arrived = memory.reached.get(system.name) == system.version
    return not has_arrived and system.version not in failed and system.key not in memory.useless


def _steps(difference: SlotsDifference, memory: SlotsMemory) -> Iterator[Step]:
    subject, label = difference.subject, difference.target_label
    system = difference.system
    if difference.settle:  # it disturbs nothing, and waits for nothing
        yield Step("settle", subject, Phase.DOWNLOAD, MarkGood(difference.settle, difference.settle_label))
    if difference.is_stolen:
        yield Step("restore", subject, Phase.DOWNLOAD, _restore(difference), _first(difference))
    if system is not None:
        yield from _installing(difference, system)
        yield from _booting(difference, system)
    if difference.restore and not (difference.install or difference.is_stolen):
        yield Step("restore", subject, Phase.ACTIVATE, _restore(difference))
    if difference.prove:
        health = system.health if system is not None else Health()
        deadline = (system or OperatingSystem("", "")).deadline
        trial = memory.trial.get(difference.target)
        since = trial.at if trial is not None else 0.0
        away_s = difference.at - since if 0 < since < difference.at else None
        version, boot = difference.target_version, difference.boot
        is_after_boot = trial is not None and trial.boot != boot
        begun_s = _begun_s(difference, memory)
        prove = Prove(difference.target, label, version, boot, health, deadline, away_s, is_after_boot, begun_s)
        yield Step("prove", subject, Phase.VERIFY, prove)
    if difference.mark_good:
        needs = ("prove",) if difference.prove else ()
        yield Step("mark-good", subject, Phase.VERIFY, MarkGood(difference.target, label, difference.boot), needs)
    for name, bad in difference.bads:
        yield Step(f"mark-bad:{name}", subject, Phase.CLEANUP, MarkBad(name, bad))
    if difference.keys:
        yield Step(f"discard:{subject}", subject, Phase.CLEANUP, Discard(difference.keys))


def _begun_s(difference: SlotsDifference, memory: SlotsMemory) -> float:
    """When this proof has begun, also where an earlier process has begun it."""
    proving = memory.proving.get(difference.target)
    now = Proving(difference.target_version, difference.boot, difference.up_s)
    is_same = proving is not None and proving == changed(now, begun_s=proving.begun_s)
    return proving.begun_s if proving is not None and is_same else now.begun_s


def _installing(difference: SlotsDifference, system: OperatingSystem) -> Iterator[Step]:
    subject, target, label = difference.subject, difference.target, difference.target_label
    if difference.fetch:
        needs = ["restore"] if difference.is_stolen else list(_first(difference))
        if difference.is_useless:
            needs.append("clear")
            yield Step("clear", subject, Phase.DOWNLOAD, Discard((system.key,)))
        yield Step("fetch", subject, Phase.DOWNLOAD, Fetch(system), tuple(needs))
    if not difference.install:
        return
    needs = ["inspect"]
    yield Step("inspect", subject, Phase.UPDATE, Inspect(system, difference.streams))
    if difference.restore and not difference.is_stolen:
        needs.append("restore")
        yield Step("restore", subject, Phase.UPDATE, _restore(difference), ("inspect",))
    install = Install(
        target,
        label,
        system,
        difference.streams,
        difference.runs,
        difference.keeps_primary,
        difference.boot,
        difference.rivals,
    )
    yield Step("install", subject, Phase.UPDATE, install, tuple(needs))


def _booting(difference: SlotsDifference, system: OperatingSystem) -> Iterator[Step]:
    subject, target, label = difference.subject, difference.target, difference.target_label
    needs: tuple[str, ...] = ()
    if difference.rivals:
        return
    if difference.activate:
        net = ("net",) if difference.keeps_net else ()
        if difference.keeps_net:
            yield Step("net", subject, Phase.ACTIVATE, MarkGood(difference.runs, difference.runs_label))
        needs = ("activate",)
        activate = Activate(
            target,
            label,
            difference.target_version,
            difference.boot,
            difference.runs,
            difference.ran,
            difference.activations,
            difference.at if system.window is None and system.reboot == "self" else 0.0,
            difference.boots,
            system.window,
        )
        yield Step("activate", subject, Phase.ACTIVATE, activate, net)
    if difference.reboot:
        reboot = Reboot(target, label, difference.target_version, system.reboot, system.window)
        yield Step("reboot", subject, Phase.ACTIVATE, reboot, needs)


def _first(difference: SlotsDifference) -> tuple[str, ...]:
    return ("settle",) if difference.settle else ()


def _restore(difference: SlotsDifference) -> Restore:
    return Restore(difference.runs, difference.runs_label, *difference.fallen)
