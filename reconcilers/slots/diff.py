"""The difference between the operating system that is wanted and the slots.

Nothing here depends on the progress of an earlier process: what was done before a reboot is in the memory, and what came of it
is in the look.

INV-09  the booted slot is never written
INV-10  nothing is written while a loss of power would boot neither the running system nor a proven one
INV-11  a system that evenkeel did not boot is replaced only where the document says so
"""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.reconcilers.slots.checks import REBOOT_REMEDY
from evenkeel.reconcilers.slots.marks import is_stolen, slot_to_mark
from evenkeel.reconcilers.slots.select import SlotsWanted
from evenkeel.reconcilers.slots.targets import target_of
from evenkeel.reconcilers.slots.trials import Course, OnTrial, has_failed, is_doubtful, is_trusted, on_trial, version_in
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import Document, asked_at
from evenkeel.specs.plan import NOTHING_DONE, Change
from evenkeel.specs.slots.difference import SlotsDifference
from evenkeel.specs.slots.memory import Proof, SlotsMemory
from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import BUNDLES, SYSTEM, OperatingSystem

WAY_BACK_TRIES = 3
"""How often a system that ran before is booted before it counts as failed: there may be nothing else to go back to."""


def diff(
    want: SlotsWanted, seen: SlotsSeen, memory: SlotsMemory, *, marks_any: bool = False
) -> tuple[SlotsDifference, ...]:
    """In order of subject; at most one for the system, and one for bundles. `marks_any`: where nobody asks for a system, the
    one that runs is marked good, whoever has installed it."""
    system, document = want.documents[0] if want.documents else (None, None)
    if system is None or document is None:
        found = _unasked(seen, memory)
    elif _runs(seen) == system.version:
        found = _booted(system, document, seen, memory)
    else:
        found = _other(system, document, seen, memory)
    found = _with_marks(found, system, document, seen, memory, marks_any=marks_any)
    left = _unneeded(system, found, seen, memory)
    if system is not None and document is not None and system.key in left:
        left = tuple(key for key in left if key != system.key)
        why = f"the bundle of {system.version} is not needed any more"
        own = found or _about(system.name, "finish", why, seen, memory, system, document)
        found = changed(own, keys=(system.key,))
    differences = [found] if found is not None else []
    if left:
        count = "a stored bundle" if len(left) == 1 else f"{len(left)} stored bundles"
        differences.append(SlotsDifference(BUNDLES, "remove", f"nothing needs {count} any more", keys=left))
    return tuple(sorted(differences, key=lambda each: each.subject))


def safeguards(
    want: SlotsWanted, seen: SlotsSeen, memory: SlotsMemory, *, marks_any: bool = False
) -> tuple[SlotsDifference, ...]:
    """The marks alone that cannot wait for anybody: until they are made, a loss of power boots what nobody has activated, or
    nothing at all. `marks_any`: as for `diff`."""
    system, document = want.documents[0] if want.documents else (None, None)
    found = _with_marks(None, system, document, seen, memory, marks_any=marks_any)
    return (found,) if found is not None else ()


def _with_marks(
    found: SlotsDifference | None,
    system: OperatingSystem | None,
    document: Document | None,
    seen: SlotsSeen,
    memory: SlotsMemory,
    *,
    marks_any: bool,
) -> SlotsDifference | None:
    """A difference with the marks that cannot wait for the rest of it."""
    subject = system.name if system is not None else SYSTEM
    installs = found is not None and found.install
    unmarked = slot_to_mark(system, seen, memory, installs=installs, marks_any=marks_any)
    if unmarked is not None:
        if found is None or found.verb in NOTHING_DONE:
            why = f"slot {unmarked.label} is not marked good yet"
            found = _about(subject, "finish", why, seen, memory, system, document)
        found = changed(found, settle=unmarked.name, settle_label=unmarked.label, keeps_net=False)
    if is_stolen(seen, memory):
        if found is None or found.verb in NOTHING_DONE:
            why = "the updater lets a slot boot next that nobody has activated"
            found = _about(subject, "finish", why, seen, memory, system, document)
        found = changed(found, restore=True, is_stolen=True)
    return found


def _runs(seen: SlotsSeen) -> str:
    booted = seen.slot(seen.booted)
    return booted.version if booted is not None else ""


def _unasked(seen: SlotsSeen, memory: SlotsMemory) -> SlotsDifference | None:
    """Nobody asks for a system: the one that runs stays. A trial that evenkeel has begun is ended."""
    trial, booted = on_trial(seen, memory), seen.slot(seen.booted)
    if trial is None or booted is None:
        return None
    found = _about(SYSTEM, "finish", "", seen, memory)
    if trial.course == Course.ARRIVED:
        why = f"slot {booted.label} is booted on trial, and nobody asks for a system any more"
        return changed(
            found,
            why=why,
            target=booted.name,
            target_label=booted.label,
            target_version=booted.version,
            prove=memory.proven.get(booted.name) != Proof(booted.version, seen.boot),
            mark_good=True,
        )
    why = f"slot {trial.label} was activated, and nobody asks for its system any more"
    return changed(found, why=why, restore=True, fallen=_fallen(trial, seen))


def _booted(
    system: OperatingSystem, document: Document, seen: SlotsSeen, memory: SlotsMemory
) -> SlotsDifference | None:
    """The wanted version runs: what is outstanding for it to be good, and to boot next."""
    booted, trial = seen.slot(seen.booted), on_trial(seen, memory)
    assert booted is not None
    is_tried = trial is not None and trial.course == Course.ARRIVED
    is_marked = booted.boot_status != "bad"
    is_proven = memory.proven.get(booted.name) == Proof(system.version, seen.boot)
    is_found = not system.bundle  # it was there before evenkeel, which vouches for nothing then
    is_new = memory.reached.get(system.name) != system.version and not is_found
    is_unmarked = not (is_marked or is_found or slot_to_mark(system, seen, memory) is not None)
    found = _about(system.name, "finish", "", seen, memory, system, document)
    found = changed(
        found,
        target=booted.name,
        target_label=booted.label,
        target_version=system.version,
        prove=not is_proven and (is_tried or is_new or is_unmarked),
        mark_good=is_tried or is_unmarked,
    )
    if trial is not None and not is_tried:
        why = f"slot {booted.label} has to boot next again, and not slot {trial.label}"
        if trial.course == Course.FELL_BACK:
            why = trial.fallback_text(seen)
        return changed(found, restore=True, why=why, fallen=_fallen(trial, seen))
    if found.prove or found.mark_good:
        why = f"slot {booted.label} ({system.version}) is booted, and has to be proven"
        return changed(found, why=why if found.prove else f"slot {booted.label} is proven, and not marked good yet")
    foreign = next_slot(seen)
    if foreign is not None and (has_failed(foreign, memory) or system.drift == "repair"):
        return changed(found, restore=True, why=next_text(booted, foreign, memory))
    bads = tuple((each.name, each.label) for each in seen.bootable if _is_to_be_bad(each, seen, memory))
    if bads:
        names = ", ".join(label for _, label in bads)
        return changed(found, bads=bads, why=f"slot {names} has failed, and the bootloader may boot it")
    if foreign is not None:
        return changed(found, verb="keep", why=next_text(booted, foreign, memory))
    return None


def _other(system: OperatingSystem, document: Document, seen: SlotsSeen, memory: SlotsMemory) -> SlotsDifference:
    """Another version runs."""
    trial, booted = on_trial(seen, memory), seen.slot(seen.booted)
    runs = _runs(seen)
    change = Change(system.name, "version", runs, system.version, "another version runs", asked_at(document, "version"))
    why = f"{runs or 'an unknown version'} runs"
    is_bad = booted is not None and booted in seen.bootable and booted.boot_status == "bad"
    found = _about(system.name, "boot", why, seen, memory, system, document)
    found = changed(found, changes=(change,), keeps_net=is_bad)
    if trial is not None and trial.trial.version == system.version:
        met = _of_trial(found, system, trial, seen, memory)
        if met is not None:
            return met
    if trial is not None and trial.course == Course.FELL_BACK:
        found = changed(found, why=f"{why}; {trial.fallback_text(seen)}")
    is_own = booted not in seen.bootable or booted.name in memory.failed or booted.name in memory.trial
    is_foreign = memory.reached.get(system.name) == system.version
    if not system.bundle:  # it was found, and something was booted since
        is_foreign = runs not in memory.reached.values()
    if is_foreign and not is_own:
        found = changed(found, why=drift_text(system.version, seen, memory), is_repair=True)
        if system.drift == "tell":
            return changed(found, verb="keep", changes=())
    if system.content in memory.rejected:
        text = f"{system.version} is not tried again: {memory.rejected[system.content]}"
        return changed(found, verb="blocked", why=text, changes=())
    if trial is not None and trial.course == Course.WAITS:
        found = changed(found, restore=True)
    return _unless_it_stays(target_of(found, system, seen, memory), system, seen, memory)


def _unless_it_stays(
    found: SlotsDifference, system: OperatingSystem, seen: SlotsSeen, memory: SlotsMemory
) -> SlotsDifference:
    """Nothing is written that nobody can boot. The way back goes on: its mark helps whoever switches the device off."""
    booted = seen.slot(seen.booted)
    is_way_back = found.restore or (booted is not None and is_doubtful(booted, memory))
    if not (found.activate and seen.no_reboot and system.reboot == "self") or is_way_back:
        return found
    why = f"evenkeel cannot reboot the device: {seen.no_reboot}; {REBOOT_REMEDY}"
    nothing = changed(found, changes=(), fetch=False, install=False, activate=False, reboot=False)
    return changed(nothing, verb="blocked", why=why)


def _of_trial(
    found: SlotsDifference, system: OperatingSystem, trial: OnTrial, seen: SlotsSeen, memory: SlotsMemory
) -> SlotsDifference | None:
    """The next need of a trial of the wanted version; `None` when its slot has another content by now."""
    label, boots = trial.label, trial.trial.boots
    if trial.seen is None:
        return None
    tries = max(system.tries, WAY_BACK_TRIES) if is_trusted(trial.seen, memory) else system.tries
    found = changed(found, target=trial.name, target_label=label, target_version=system.version)
    found = changed(found, activations=trial.seen.activations)
    if trial.course == Course.ARRIVED:
        return changed(found, verb="finish", why=f"slot {label} is booted, and has another version", prove=True)
    if trial.course == Course.FELL_BACK and boots >= tries:
        return changed(found, verb="finish", why=trial.fallback_text(seen), prove=True)
    if version_in(trial.seen, memory) != system.version:
        return None
    if trial.course == Course.FELL_BACK:
        why = f"{trial.fallback_text(seen)}; try {boots + 1} of {tries}"
        return changed(found, why=why, activate=True, reboot=True, boots=boots + 1)
    if trial.course == Course.WAITS and seen.primary == trial.name and not trial.is_by_updater:
        return changed(found, why=f"slot {label} is activated and not booted yet", reboot=True, boots=boots)
    return changed(found, activate=True, reboot=True, boots=boots)


def drift_text(version: str, seen: SlotsSeen, memory: SlotsMemory) -> str:
    """Why another system runs than the one that evenkeel has proven last: the bootloader has left it, or somebody else."""
    booted = seen.slot(seen.booted)
    runs = f"{booted.version or 'an unknown version'} in slot {booted.label}" if booted is not None else "no known slot"
    left = [each for each in seen.bootable if each.name != seen.booted and version_in(each, memory) == version]
    if left and left[0].name in memory.proven and left[0].boot_status == "bad":
        return f"{runs} is booted: the bootloader fell back from slot {left[0].label}, in which {version} was proven"
    return f"{runs} is booted, and not {version}: somebody else has changed it"


def next_slot(seen: SlotsSeen) -> SlotSeen | None:
    """The slot that boots next, where it is not the booted one."""
    return seen.slot(seen.primary) if seen.primary and seen.primary != seen.booted else None


def next_text(booted: SlotSeen, foreign: SlotSeen, memory: SlotsMemory) -> str:
    """Another slot than the booted one boots next, in a sentence."""
    failed = "which has failed" if has_failed(foreign, memory) else "which evenkeel did not activate"
    version = version_in(foreign, memory) or "version unknown"
    return f"slot {foreign.label} ({version}) boots next, {failed}, and not slot {booted.label}"


def _is_to_be_bad(slot: SlotSeen, seen: SlotsSeen, memory: SlotsMemory) -> bool:
    """Whether a slot with a failed content might be booted, where the booted one is good."""
    booted = seen.slot(seen.booted)
    is_safe = booted is not None and booted.boot_status == "good" and booted.name != slot.name
    return is_safe and slot.boot_status == "good" and has_failed(slot, memory)


def _fallen(trial: OnTrial, seen: SlotsSeen) -> tuple[str, str, str]:
    is_fallen = trial.course == Course.FELL_BACK
    return (trial.name, trial.trial.version, trial.fallback_text(seen)) if is_fallen else ("", "", "")


def _about(
    subject: str,
    verb: str,
    why: str,
    seen: SlotsSeen,
    memory: SlotsMemory,
    system: OperatingSystem | None = None,
    document: Document | None = None,
) -> SlotsDifference:
    booted = seen.slot(seen.booted)
    found = SlotsDifference(
        subject,
        verb,
        why,
        system=system,
        before=_runs(seen),
        at=seen.at,
        boot=seen.boot,
        up_s=seen.up_s,
        reboot_s=memory.away_s.get("reboot"),
    )
    if document is not None:
        found = changed(found, asked=asked_at(document, "version"))
    if booted is None:
        return found
    ran = "" if is_doubtful(booted, memory) else booted.version
    return changed(found, runs=booted.name, runs_label=booted.label, ran=ran)


def _unneeded(
    system: OperatingSystem | None, found: SlotsDifference | None, seen: SlotsSeen, memory: SlotsMemory
) -> tuple[str, ...]:
    """Keys of bundles that are, or may be, in the store, and that this want does not need any more."""
    needed = (
        {system.key} if system is not None and found is not None and found.verb in ("install", "boot") else set[str]()
    )
    return tuple(sorted(key for key in _stored(seen, memory) if key not in needed))


def _stored(seen: SlotsSeen, memory: SlotsMemory) -> Iterator[str]:
    yield from dict.fromkeys((*(each.key for each in seen.bundles), *memory.fetched))
