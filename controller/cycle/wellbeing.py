"""How the subjects of one domain are: what each look tells of it, stated right after the look.

What evenkeel takes down for a switch is not ill while the switch goes on. Once a cycle ended without progress it is told as
down, for nobody knows when it is started again. Nor is one well that was ill and was taken down: it is when it runs again.
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
        self._held_up: frozenset[str] = frozenset()
        """Subjects that were down then, and are still: their switch does not go on."""
        self._ill: Mapping[str, Ailment] = {}
        """Subjects that were told as not well by the last look."""
        self._not_known = ""
        """Why it was not known then how all are."""
        self._should_run: frozenset[str] = frozenset()
        """Subjects of what is in force."""
        self._proven: frozenset[str] = frozenset()
        """Those of last-good, which were there and well: of one that is new nobody expects it yet."""
        self._undecided_since: dict[str, float] = {}
        """Since when a check of a subject that was proven is known to have told nothing yet."""

    def in_force(self, state: DesiredState, good: DesiredState | None) -> None:
        """What of it is there should run, and what is of last-good, too, should be there."""
        self._should_run = frozenset(self._reconciler.select(state).subjects)
        self._proven = frozenset(self._reconciler.select(good).subjects) if good is not None else frozenset()

    def hold_up(self) -> None:
        """Nothing goes on until the next try."""
        self._is_held_up = True

    def tell(
        self, seen: Seen, memory: Remembered, left_alone: Collection[str] = (), failed: Collection[str] = ()
    ) -> tuple[Mapping[str, Ailment], str]:
        """State how those are that are there, before anything else can go wrong; what is returned are the ailing ones, and
        why it is not known how all are. An activity conducts those that are `left_alone`; a step of the `failed` ones has
        failed."""
        all_down = self._reconciler.down(seen, memory, self._should_run & self._proven)
        down = {name: each for name, each in all_down.items() if name in self._should_run}
        # Nobody asks for these any more; `Leftovers` tells of them.
        left_over = all_down.keys() - self._should_run - set(left_alone)
        ailing = {name: each for name, each in self._watched.ailing(seen, memory).items() if name not in left_over}
        undecided = self._undecided(self._watched.undecided(seen, memory))
        self._held_up = frozenset(name for name in down if self._is_held_up or name in self._held_up or name in failed)
        self._is_held_up = False
        told = {name: each for name, each in down.items() if name in self._held_up and name not in left_alone}
        still = {name: Ailment(_BETWEEN, refutes=False) for name in down if name in self._ill}
        told = still | told | dict(ailing)
        self._ill, self._not_known = told, undecided
        self._record.health(told, undecided)
        return ailing, undecided

    def tell_beside(self, seen: Seen, memory: Remembered, at_work: Collection[str]) -> None:
        """State how those are whom the steps at work are not about. Of the others holds what was stated before them."""
        down = self._reconciler.down(seen, memory, self._should_run & self._proven)
        found = {name: each for name, each in down.items() if name in self._should_run}
        found |= {name: each for name, each in self._watched.ailing(seen, memory).items() if name in self._should_run}
        before = {name: each for name, each in self._ill.items() if name in at_work}
        self._ill = before | {name: each for name, each in found.items() if name not in at_work}
        self._record.health(self._ill, self._not_known)

    def _undecided(self, found: Mapping[str, str]) -> str:
        """Why it is not known how all are; "" when it is, or when a minute has not told, because some checks are made once an
        hour. `found`: why, by subject."""
        now = asyncio.get_running_loop().time()
        self._undecided_since = {subject: self._undecided_since.get(subject, now) for subject in sorted(found)}
        waited_for = [subject for subject, since in self._undecided_since.items() if now - since < RECOVERY_S]
        return counted({subject: found[subject] for subject in waited_for})
