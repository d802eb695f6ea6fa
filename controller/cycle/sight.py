"""One look of a domain for a state, and what follows from it: all that is decided in a turn is decided by this."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Generic, NamedTuple

from evenkeel.controller.journal.journal import Role
from evenkeel.reconcilers.ports import Ailment, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.plan import Difference, Plan, Stage


class Aim(NamedTuple):
    """What a turn is for. `asked`: the digest of what was desired when it began; something newer ends it. Nothing is done
    about the subjects that are `stuck`, and why; `None` when the turn judges all of them. With `kept` these alone are
    repaired, by what the engine has: no registry is asked, and nothing is removed. `proves`: proofs that are outstanding for
    others are made, too."""

    role: Role
    state: DesiredState
    asked: str
    stuck: Mapping[str, str] | None = None
    kept: Collection[str] | None = None
    proves: bool = False
    is_part: bool = False

    @property
    def judges_all(self) -> bool:
        """Whether the turn is about every subject of the state, so that it tells how far the domain is."""
        return self.stuck is None and self.kept is None

    @property
    def is_repair(self) -> bool:
        """Whether nothing but repairs is meant."""
        return self.kept is not None


class Sight(NamedTuple, Generic[Want, Seen, Remembered]):
    """What a look has found. `differences`: of all subjects; `plan`: without those that are left alone, and with the stuck ones
    set aside. `left_alone`: an open activity conducts them. `ailing`, and `undecided`: why it is not known how all are."""

    aim: Aim
    want: Want
    seen: Seen
    memory: Remembered
    differences: tuple[Difference, ...]
    plan: Plan
    left_alone: Collection[str]
    ailing: Mapping[str, Ailment]
    undecided: str

    @property
    def left(self) -> list[str]:
        """Of those that are left alone, the ones that differ."""
        return [each.subject for each in self.differences if each.subject in self.left_alone and each.verb != "keep"]


class Run(NamedTuple):
    """A stage of a plan may run now."""

    plan: Plan
    stage: Stage


class Held(NamedTuple):
    """The revision has to wait, and for what; last-good is repaired meanwhile. `down`: subjects that are at work nowhere.
    `again_s`: seconds until it is worth another look."""

    why: str
    down: Collection[str]
    again_s: float = 0.0
