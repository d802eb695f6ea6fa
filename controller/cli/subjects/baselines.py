"""Groups, as `get` tells of them (`port.Listed`): their members over all domains, and how far what is desired of each is.

All of it is in the journal; no engine is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from evenkeel.controller.cli.subjects.port import Listing

if TYPE_CHECKING:
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.reconcilers.transaction.groups import Groups, Subject
    from evenkeel.specs.feedback import SetAside
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.style import Role

State = Literal["good", "changing", "failed", "blocked", "empty"]
_MOST = 4
"""The most members, and contents, that a row names."""


class _Group(NamedTuple):
    """One group. `members`: its subjects, and whether somebody asks for each; one that nobody asks for any more is in its
    group until it is gone. `why`: the reason why it failed or is blocked. `set_aside`: contents that were tried and failed.
    `most_away`: how many of its containers may be away at the same time; `None` without a limit."""

    name: str
    state: State
    members: Mapping[Subject, bool]
    why: str
    set_aside: Mapping[Subject, SetAside]
    most_away: int | None


async def listing(settings: Settings, journal: Journal, now: float, *, wide: bool) -> Listing:
    """The groups by name; the first is all that is in none. None where nobody asks for groups."""
    found = _groups(journal)
    columns = ("NAME", "STATE", "MEMBERS", "SET ASIDE", "WHY")
    rows = tuple(_row(each, most=len(each.members) if wide else _MOST) for each in found)
    return Listing("Baselines", "", columns, rows, tuple(_item(each) for each in found), _colour)


def _groups(journal: Journal) -> tuple[_Group, ...]:
    from evenkeel.controller.cycle.in_force import failed_groups
    from evenkeel.reconcilers.transaction.groups import groups, has_groups
    from evenkeel.specs.groups.baseline import Baseline

    desired = journal.readable_revision("desired")
    if desired is None or not has_groups(desired):
        return ()
    conditions, attempt = journal.conditions(), journal.attempts.of(desired.digest)
    found = groups(desired, journal.readable_revision("last-good"))
    bad: dict[str, tuple[State, str]] = {}
    if attempt is not None and attempt.failed:
        bad.update(dict.fromkeys(found.changed(), ("failed", attempt.why)))
    bad.update((name, ("changing", why)) for each in conditions for name, why in each.waiting.items())
    bad.update((name, ("blocked", why)) for each in conditions for name, why in each.groups.items())
    bad.update((name, ("failed", why)) for name, why in failed_groups(journal).items())
    aside = {(each.domain, name): content for each in conditions for name, content in each.set_aside.items()}
    empty = {
        each.name
        for each in desired.documents
        if isinstance(each.wanted, Baseline) and each.name not in found.rules.values()
    }
    containers = desired.containers().items()
    limits = {
        each.name: each.wanted.most_of(sum(each.wanted.has(*container) for container in containers))
        for each in desired.documents
        if isinstance(each.wanted, Baseline)
    }
    states: dict[str, tuple[State, str]] = dict.fromkeys(found.of.values(), ("good", ""))
    states |= dict.fromkeys(found.changed(), ("changing", "")) | dict.fromkeys(empty, ("empty", "")) | bad
    return tuple(
        _Group(name, state, members, why, {each: aside[each] for each in members if each in aside}, limits.get(name))
        for name, (state, why) in sorted(states.items())
        for members in (_members(found, name),)
    )


def _members(found: Groups, name: str) -> dict[Subject, bool]:
    asked = found.asked.subjects()
    return {subject: subject in asked for subject, group in sorted(found.of.items()) if group == name}


def _item(group: _Group) -> dict[str, Any]:
    return {
        "name": group.name or None,
        "state": group.state,
        "why": group.why or None,
        "mostAway": group.most_away,
        "members": [
            {"domain": domain, "name": name, "asked": is_asked} for (domain, name), is_asked in group.members.items()
        ],
        "setAside": [
            {"domain": domain, "name": name, "image": each.image, "why": each.why}
            for (domain, name), each in group.set_aside.items()
        ],
    }


def _row(group: _Group, most: int) -> list[str]:
    members, contents = map("/".join, group.members), (each.image for each in group.set_aside.values())
    return [group.name or "(no group)", group.state, _few(tuple(members), most), _few(tuple(contents), most), group.why]


def _few(texts: Collection[str], most: int) -> str:
    from evenkeel.reconcilers.counted import listed

    return listed(texts, most) if texts else ""


def _colour(column: str, cell: str) -> Role | None:
    if column != "STATE":
        return None
    return "good" if cell == "good" else "bad" if cell in ("failed", "blocked") else "change"
