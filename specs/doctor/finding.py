"""A finding: the state of one thing on the device, the evidence for it, and the remedy.

A finding may have details, one for each unit, container or registry that a check has looked at. Its state is then the worst
of theirs. Texts hold no secret: findings are printed, and are in the bundle of a bug report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

State = Literal["ok", "warning", "failed", "skipped", "unknown"]
"""`warning`: it works, and something is at risk. `failed`: it does not work, or soon will not. `skipped`: it does not apply to
this device, with the reason. `unknown`: it could not be looked at, or not in time; that it is well is not said."""

_WORST: tuple[State, ...] = ("failed", "unknown", "warning", "ok", "skipped")


class Detail(Struct, frozen=True):
    """One of several things that a check has looked at."""

    name: str
    state: State
    evidence: str
    remedy: str = ""


class Finding(Struct, frozen=True):
    """`evidence`: what was seen, as a sentence without its end. `remedy`: what to do, "" where nothing has to be done."""

    state: State
    evidence: str
    remedy: str = ""
    details: tuple[Detail, ...] = ()


class Result(Struct, frozen=True):
    """The finding of a check, with the section and the name of the check. `seconds`: how long the check took."""

    section: str
    name: str
    finding: Finding
    seconds: float = 0.0


class Report(Struct, frozen=True):
    """All results, in the order of the checks. `at`: seconds since the epoch. `version`: that of evenkeel."""

    results: tuple[Result, ...]
    at: float
    version: str

    @property
    def state(self) -> State:
        """The worst state of all."""
        return worst(each.finding.state for each in self.results)

    @property
    def is_well(self) -> bool:
        """Whether nothing has failed, and all that applies could be looked at."""
        return self.state not in ("failed", "unknown")


def worst(states: Iterable[State]) -> State:
    """The worst of some states, `skipped` without any."""
    return min(states, key=_WORST.index, default="skipped")


def finding_of(details: Sequence[Detail], nothing: str) -> Finding:
    """One finding of all details. `nothing`: the reason why there are none, as a sentence."""
    if not details:
        return Finding("skipped", nothing)
    state = worst(each.state for each in details)
    alike = [each for each in details if each.state == state]
    evidence = alike[0].evidence if len(details) == 1 else f"{len(alike)} of {len(details)}: {_names(alike)}"
    remedy = alike[0].remedy if len(details) == 1 else ""
    return Finding(state, evidence, remedy, tuple(details))


def _names(details: Sequence[Detail]) -> str:
    names = [each.name for each in details[:5]]
    return ", ".join(names) + (" …" if len(details) > 5 else "")
