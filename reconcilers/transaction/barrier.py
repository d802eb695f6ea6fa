"""Barriers: how far a domain may go while others are on their way to the same revision.

Phases are barriers: nothing is prepared before everything is fetched, nothing is switched before everything is
prepared, and nothing is removed before everything is proven. Domains prepare themselves in an order, because one may
depend on the preparation of another one: an engine creates no container whose mount has no source. They also switch in
an order: a domain switches, and proves itself, before the next one begins. The way back takes the switches in reverse
order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.specs.plan import Phase, Plan


class Progress(NamedTuple):
    """The progress of a domain on the way to a revision. `rank`: its place in the order of switches. `pending`: the
    first phase of which a step is left, `None` when none is. `unseen`: the reason why its progress is unknown, or "".
    `fails`: its last try failed. `is_expected`: it has not looked for this revision yet, and will soon."""

    rank: int
    pending: Phase | None
    unseen: str = ""
    fails: bool = False
    is_expected: bool = False


def pending(plan: Plan) -> Phase | None:
    """The first phase of which a plan has a step."""
    found = {stage.phase for stage in plan.stages}
    return next((phase for phase in Phase if phase in found), None)


def reason_to_wait(
    domain: str,
    phase: Phase,
    others: Mapping[str, Progress],
    rank: int,
    *,
    back: bool = False,
    looks_first: bool = False,
) -> str:
    """The reason why a domain of this `rank` has to wait with a phase; "" when it may go on. `others`: all other
    domains that the revision changes. `back`: it is a way back. Then nothing waits for a domain that cannot be looked
    at, or whose last try failed: failures are taken back wherever that is possible, and one domain may depend on the
    way back of another one. `looks_first`: nothing is fetched before the others have looked, because one may find a reason
    why part of the revision is not begun."""
    if phase == Phase.DOWNLOAD:
        expected = [f"{name} ({each.unseen})" for name, each in sorted(others.items()) if each.is_expected]
        return f"{phase} waits for {', '.join(expected)}" if expected and looks_first else ""
    mine = _place(phase, rank, back)
    waits = []
    for name, each in sorted(others.items()):
        if back and ((each.unseen and not each.is_expected) or each.fails):
            continue
        if each.unseen:
            waits.append(f"{name} ({each.unseen})")
        elif each.pending is not None and _place(each.pending, each.rank, back) < mine:
            waits.append(f"{name} ({each.pending})")
    return f"{phase} waits for {', '.join(waits)}" if waits else ""


def _place(phase: Phase, rank: int, back: bool) -> tuple[int, int]:
    match phase:
        case Phase.DOWNLOAD:
            return 0, 0
        case Phase.UPDATE:
            return 1, rank
        case Phase.ACTIVATE | Phase.VERIFY:
            return 2, -rank if back else rank
        case Phase.CLEANUP:
            return 3, 0
