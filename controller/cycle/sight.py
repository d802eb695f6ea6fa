"""One look of a domain for a state, with its consequences: the input of every decision of a turn."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Generic, NamedTuple

from evenkeel.controller.journal.journal import Journal, Role
from evenkeel.reconcilers.ports import Ailment, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.plan import Difference, Plan, Stage


class Aim(NamedTuple):
    """The aim of a turn. `asked`: the digest of the desired state when the turn began; a newer one ends it. `stuck`:
    subjects that are left alone, with the reasons; `None` when the turn judges all of them. With `kept` these subjects
    alone are repaired, by what the engine has: no registry is asked, and nothing is removed. `proves`: outstanding
    proofs of other subjects are made, too. `excuses`: the state is reached without the stuck subjects, because it is
    not to blame for them."""

    role: Role
    state: DesiredState
    asked: str
    stuck: Mapping[str, str] | None = None
    kept: Collection[str] | None = None
    proves: bool = False
    is_part: bool = False
    excuses: bool = False

    @property
    def judges_all(self) -> bool:
        """Whether the turn covers every subject of the state, so that it shows the progress of the domain."""
        return (self.stuck is None or self.excuses) and self.kept is None

    @property
    def is_repair(self) -> bool:
        """Whether the turn only repairs."""
        return self.kept is not None


def is_overtaken(aim: Aim, journal: Journal) -> bool:
    """Whether something else is asked for, or groups were held or are held no more, since a turn began."""
    is_other_part = aim.is_part and journal.digest("part") != aim.state.digest
    return is_other_part or journal.digest("desired") != aim.asked


class Sight(NamedTuple, Generic[Want, Seen, Remembered]):
    """The result of a look. `differences`: of all subjects; `plan`: without subjects that are left alone, and with the
    stuck ones set aside. `reserved`: subjects that an open activity conducts. `ailing`: subjects that are not well.
    `undecided`: the reason why the health of some is not known."""

    aim: Aim
    want: Want
    seen: Seen
    memory: Remembered
    differences: tuple[Difference, ...]
    plan: Plan
    reserved: Collection[str]
    ailing: Mapping[str, Ailment]
    undecided: str

    @property
    def reserved_differing(self) -> list[str]:
        """The subjects that differ and are left alone."""
        return [each.subject for each in self.differences if each.subject in self.reserved and each.verb != "keep"]


class Run(NamedTuple):
    """A stage of a plan may run now."""

    plan: Plan
    stage: Stage


class Hold(NamedTuple):
    """The revision has to wait for `why`; last-good is repaired meanwhile. `down`: subjects that do not run. `again_s`:
    seconds until the next look is worth while."""

    why: str
    down: Collection[str]
    again_s: float = 0.0
