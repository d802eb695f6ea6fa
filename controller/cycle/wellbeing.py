"""The health of the subjects of one domain, stated right after each look.

A subject that evenkeel takes down for a switch is not ill while the switch goes on. When a cycle has ended without
progress, it is reported as down, because its next start is not known. A subject that was ill and was taken down is not
well before it runs again. A new subject that waits for its turn is not ill: `Settled` says for what it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Generic

from evenkeel.controller.cycle.record import Record
from evenkeel.controller.cycle.trial import RECOVERY_S
from evenkeel.reconcilers.capabilities import watched
from evenkeel.reconcilers.counted import counted
from evenkeel.reconcilers.ports import Ailment, Reconciler, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState

_BETWEEN = "is not running while it is changed"


class Wellbeing(Generic[Want, Seen, Remembered]):
    """The condition `Healthy` of one domain."""

    def __init__(self, reconciler: Reconciler[Want, Seen, Remembered], record: Record) -> None:
        self._reconciler, self._watched, self._record = reconciler, watched(reconciler), record
        self._is_held_up = not record.is_well()
        """Whether a cycle ended without progress since the last look."""
        self._waits = False
        """Whether that cycle waits for others, as it should: new subjects have their turn later."""
        self._held_up: frozenset[str] = frozenset()
        """Subjects that were down then, and are still: their switch does not go on."""
        self._ill: Mapping[str, Ailment] = {}
        """Subjects that the last look reported as not well."""
        self._not_known = ""
        """The reason why the health of some was not known then."""
        self._should_run: frozenset[str] = frozenset()
        """Subjects of the state in force."""
        self._proven: frozenset[str] = frozenset()
        """Subjects of last-good, which were there and well. New subjects are not expected yet."""
        self._undecided_since: dict[str, float] = {}
        """Subject → the time since which the check of a proven subject is known to have no result yet."""

    def in_force(self, state: DesiredState, good: DesiredState | None) -> None:
        """Set the state in force: its subjects should run if they are there, and those that last-good has, too, should
        be there."""
        self._should_run = frozenset(self._reconciler.select(state).subjects)
        self._proven = frozenset(self._reconciler.select(good).subjects) if good is not None else frozenset()

    def hold_up(self, *, waits: bool = False) -> None:
        """No step is taken until the next try. `waits`: nothing has failed, and the domain waits for others."""
        self._is_held_up, self._waits = True, waits

    def tell(
        self, seen: Seen, memory: Remembered, reserved: Collection[str] = (), failed: Collection[str] = ()
    ) -> tuple[Mapping[str, Ailment], str]:
        """State the health of the subjects, before anything else can go wrong. Returns the ailing subjects, and the
        reason why the health of some is not known. `reserved`: subjects that an activity conducts; `failed`: subjects
        of which a step has failed."""
        all_down = self._reconciler.down(seen, memory, self._should_run & self._proven)
        down = {name: each for name, each in all_down.items() if name in self._should_run}
        # No state has these any more; `Leftovers` reports them.
        left_over = all_down.keys() - self._should_run - set(reserved)
        ailing = {name: each for name, each in self._watched.ailing(seen, memory).items() if name not in left_over}
        undecided = self._undecided(self._watched.undecided(seen, memory))
        late = {
            name
            for name, each in down.items()
            if self._is_held_up and not (self._waits and self._comes_later(name, each))
        }
        self._held_up = self._held_up.union(late, failed).intersection(down)
        self._is_held_up = self._waits = False
        told = {name: each for name, each in down.items() if name in self._held_up and name not in reserved}
        still = {name: Ailment(_BETWEEN, refutes=False) for name in down if name in self._ill}
        told = still | told | dict(ailing)
        self._ill, self._not_known = told, undecided
        self._record.health(told, undecided)
        return ailing, undecided

    def tell_beside(self, seen: Seen, memory: Remembered, at_work: Collection[str]) -> Mapping[str, Ailment]:
        """State the health of the subjects that the steps at work do not change; returns those that ail. For the others the
        last statement holds."""
        down = self._reconciler.down(seen, memory, self._should_run & self._proven)
        found = {
            name: each
            for name, each in down.items()
            if name in self._should_run and (name in self._held_up or not self._comes_later(name, each))
        }
        ailing = {name: each for name, each in self._watched.ailing(seen, memory).items() if name in self._should_run}
        before = {name: each for name, each in self._ill.items() if name in at_work}
        self._ill = before | {name: each for name, each in (found | ailing).items() if name not in at_work}
        self._record.health(self._ill, self._not_known)
        return {name: each for name, each in ailing.items() if name not in at_work}

    def _comes_later(self, name: str, down: Ailment) -> bool:
        """Whether a subject that is down is new, so that it may have yet to be started."""
        return down.is_new and name not in self._proven

    def _undecided(self, found: Mapping[str, str]) -> str:
        """The reason why the health of some is not known; "" when it is, or after a minute without a result, because
        some checks are made once an hour. `found`: the reason, by subject."""
        now = asyncio.get_running_loop().time()
        self._undecided_since = {subject: self._undecided_since.get(subject, now) for subject in sorted(found)}
        waited_for = [subject for subject, since in self._undecided_since.items() if now - since < RECOVERY_S]
        return counted({subject: found[subject] for subject in waited_for})
