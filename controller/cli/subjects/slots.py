"""The operating system, as `get` and `describe` tell of it (`port.Subjects`), and the slots that it is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.controller.cli.subjects.port import Description, Listing

if TYPE_CHECKING:
    from collections.abc import Collection

    from evenkeel.controller.cli.subjects.facts import LookedUp
    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.reconcilers.slots.select import SlotsWanted
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.specs.slots.memory import SlotsMemory
    from evenkeel.specs.slots.observed import SlotsSeen
    from evenkeel.specs.slots.system import OperatingSystem
    from evenkeel.templates.slots_described import InSlot, Whose
    from evenkeel.templates.style import Role

    Slots = Domain[SlotsWanted, SlotsSeen, SlotsMemory]
    SlotsLookedUp = LookedUp[SlotsWanted, SlotsSeen, SlotsMemory]

DOMAIN = "slots"


async def listing(settings: Settings, journal: Journal, now: float, *, wide: bool) -> Listing:
    """The systems that are in slots, the booted one first."""
    from evenkeel.controller.cycle.in_force import role_in_force
    from evenkeel.templates.slots_described import slot_value

    seen, slots = await look(settings, journal)
    state = journal.readable_revision(role_in_force(journal))
    asked = {each.name: each for each in _systems(state)}
    found = [each for each in slots if each.seen.bootname]
    found.sort(key=lambda each: (each.seen.state != "booted", each.seen.name))
    items, rows = list[dict[str, object]](), list[list[str]]()
    for each in found:
        name = next((name for name, system in asked.items() if system.version == each.version), "")
        by = _whose(each)
        items.append({**slot_value(each), "name": name or None, "slot": each.seen.name, "by": by, "asked": bool(name)})
        row = [name, each.version, by, "yes" if name else "no", each.seen.label, each.boots, each.proven]
        rows.append([*row, each.seen.name, each.seen.installed_at, each.seen.device] if wide else row)
    columns = ["NAME", "VERSION", "BY", "ASKED", "SLOT", "BOOTS", "PROVEN"]
    columns += ["SLOT NAME", "INSTALLED", "DEVICE"] if wide else []
    return Listing("OperatingSystems", seen.engine, tuple(columns), tuple(rows), tuple(items), _colour)


async def description(settings: Settings, journal: Journal, name: str, *, show_values: bool) -> Description:
    """The operating system of this name, with all slots."""
    from evenkeel.controller.cli.subjects.facts import looked_up, unknown_subject
    from evenkeel.reconcilers.slots.settings import asked_texts, otherwise
    from evenkeel.specs.slots.observed import SlotsSeen
    from evenkeel.templates.describe_text import Described
    from evenkeel.templates.slots_described import SystemOwn

    found: SlotsLookedUp = await looked_up(settings, journal, DOMAIN, name, SlotsSeen(""))
    facts, (want, memory, seen, away), wanted, decisions = found
    system, wish = want.subjects.get(name), wanted.subjects.get(name)
    is_known = name in memory.reached or system is not None or wish is not None or facts.happened
    if not is_known:
        raise away or unknown_subject(journal, DOMAIN, name, {*want.subjects, *memory.reached})
    shown, document = system if system is not None else wish, facts.document or facts.wish
    slots = in_slots(seen, memory)
    booted = next((each for each in slots if each.seen.state == "booted"), None)
    differences = decisions.diff(want, seen, memory) if away is None else ()
    trial = next(iter(memory.trial.items()), None)
    runs = shown is not None and booted is not None and booted.version == shown.version
    return Description(
        Described(
            "os",
            name,
            "unknown" if booted is None else _whose(booted),
            SystemOwn(slots, runs, trial, memory.away_s.get("reboot")),
            document.place if document is not None else None,
            asked_texts(shown) if shown is not None else (),
            facts.roles,
            facts.group,
            difference=next((each for each in differences if each.subject == name), None),
            failure=facts.failure,
            given_up=facts.given_up,
            not_done=otherwise(system, wish) if facts.in_force == "last-good" else (),
            in_force=facts.in_force,
            entries=facts.entries,
            away=str(away) if away is not None else "",
            steps=facts.steps,
        ),
        away,
    )


async def look(settings: Settings, journal: Journal) -> tuple[SlotsSeen, tuple[InSlot, ...]]:
    """The slots now, and what is remembered of them. Raises Unavailable, TimedOut, Refused."""
    from evenkeel.controller.cli.reaching import open_domain

    domain: Slots
    async with open_domain(settings, DOMAIN) as domain:
        memory = journal.memories.of(domain.reconciler.memory)
        seen = await domain.driver.observe(domain.reconciler.look(None, memory))
    return seen, in_slots(seen, memory)


def in_slots(seen: SlotsSeen, memory: SlotsMemory) -> tuple[InSlot, ...]:
    """Each slot with its system, in the order of the updater."""
    from evenkeel.reconcilers.slots.trials import has_failed, version_in
    from evenkeel.templates.slots_described import InSlot

    found = []
    for slot in seen.slots:
        version, proof = version_in(slot, memory), memory.proven.get(slot.name)
        is_proven = proof is not None and proof.version == version and bool(version)
        failure = memory.failed[slot.name].why if has_failed(slot, memory) else ""
        found.append(InSlot(slot, version, slot.name == seen.primary, is_proven and not failure, failure))
    return tuple(found)


def _systems(state: object) -> Collection[OperatingSystem]:
    from evenkeel.reconcilers.slots.select import select
    from evenkeel.specs.desired import DesiredState

    return tuple(select(state).subjects.values()) if isinstance(state, DesiredState) else ()


def _whose(slot: InSlot) -> Whose:
    """By the proof: a system that evenkeel has not proven may be that of the factory, or of somebody else."""
    return "evenkeel" if slot.is_proven or slot.failure else "others"


def _colour(column: str, cell: str) -> Role | None:
    match column, cell:
        case "PROVEN", "failed":
            return "bad"
        case "BOOTS", _ if cell.startswith("now"):
            return "good"
        case _:
            return None
