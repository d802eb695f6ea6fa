"""Subjects that are asked for, against what is there of them."""

from __future__ import annotations

from evenkeel.reconcilers.ports import Ailment
from evenkeel.specs.doctor.finding import Detail
from evenkeel.specs.plan import NOTHING_DONE, Difference


def of_subject(
    name: str, command: str, difference: Difference | None, ailment: Ailment | None, undecided: str = "", *, ended: bool
) -> Detail:
    """`command`: the one that describes it. `difference`: from the state in force. `undecided`: why its health is not known
    yet. `ended`: it has ended well, as it may."""
    see = f"`{command}` tells more"
    if ailment is not None:
        return Detail(name, "warning" if ailment.is_passing else "failed", f"it {ailment.why}", see)
    if difference is not None and difference.verb == "blocked":
        return Detail(name, "failed", f"it cannot be done: {difference.why}", see)
    if difference is not None and difference.verb not in NOTHING_DONE:
        told = f"not as asked: {difference.verb}, because {difference.why}"
        return Detail(name, "failed", told, f"`evenkeel plan` shows what would be done; {see}")
    if undecided:
        return Detail(name, "warning", f"not known yet: {undecided}", see)
    return Detail(name, "ok", "ended well, as it may" if ended else "as asked")
