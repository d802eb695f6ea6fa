"""Upkeep of the state in force while the desired state fails, waits, or cannot be decided about.

A subject that cannot be had keeps no other one down. The desired state is left as it is: its own turns go on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Generic

from evenkeel.controller.cycle.as_found import AsFound
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Stalled
from evenkeel.controller.cycle.proven import kept_text, proven_in, remember_proven
from evenkeel.controller.cycle.sight import Aim, Hold
from evenkeel.controller.cycle.stored import Stored
from evenkeel.controller.cycle.turns import Turns
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.transaction.transaction import Transaction
from evenkeel.reconcilers.ports import Reconciler, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import JournalError


class Upkeep(Generic[Want, Seen, Remembered]):
    """The upkeep of one domain, and its turns, in which last-good is repaired while a revision waits."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        journal: Journal,
        turns: Turns[Want, Seen, Remembered],
        stored: Stored,
        as_found: AsFound[Want, Seen, Remembered],
        transaction: Transaction,
        tries: int,
    ) -> None:
        self._reconciler, self._journal, self._turns, self._stored = reconciler, journal, turns, stored
        self._record, self._trial, self._wellbeing = turns.record, turns.trial, turns.wellbeing
        self._as_found, self._transaction, self._tries = as_found, transaction, tries
        self.asked = ""
        """The digest of the desired state when the cycle began."""

    async def turn(self, aim: Aim, stopping: asyncio.Event) -> Ending:
        """One turn. Where the revision has to wait, last-good is repaired."""
        ending = await self._turns.turn(aim, stopping)
        return await self._hold_up(aim, ending, stopping) if isinstance(ending, Hold) else ending

    def last_good(self) -> DesiredState | None:
        """The state to go back to; `None` when it cannot be read, which is reported."""
        try:
            return self._stored.revision("last-good")
        except JournalError:
            return None

    async def keep_up(
        self,
        aim: DesiredState,
        good: DesiredState,
        stuck: Mapping[str, str],
        why: str,
        stopping: asyncio.Event,
        kept: Collection[str] | None = None,
    ) -> Ending | None:
        """Keep all of last-good repaired while something fails on the way to `aim`, as far as it does not depend on
        `stuck` subjects: one container that cannot be had must not keep another one down. `None` when the engine could
        not be asked, or something newer came first."""
        ending: Ending | None = None
        before = self._journal.digest("last-good")
        while not stopping.is_set() and self._journal.digest("desired") == self.asked:
            if self._journal.digest("last-good") != before:  # adopted subjects are part of it now
                before, good = self._journal.digest("last-good"), self.last_good() or good
            ending = await self.turn(Aim("last-good", good, self.asked, stuck, kept), stopping)
            if isinstance(ending, Retrying) and not stuck.keys() >= ending.failed.keys():
                stuck = {**ending.failed, **stuck}
            elif not isinstance(ending, Progressed):
                break
        self._record.revision = aim.digest
        self._record.settled_is(False, "Retrying", why)
        return None if isinstance(ending, Retrying) and ending.phase is None else ending

    async def _repair(
        self,
        aim: DesiredState,
        state: DesiredState,
        kept: Collection[str],
        stopping: asyncio.Event,
        *,
        proves: bool = False,
    ) -> Ending:
        """Repair the `kept` subjects of `state`, and nothing else, while nothing else is done for `aim`."""
        ending = await self.turn(Aim("last-good", state, self.asked, {}, kept, proves), stopping)
        if isinstance(ending, Retrying) and ending.failed:
            await self.keep_up(aim, state, ending.failed, ending.why, stopping, kept)
        self._record.revision = aim.digest
        return ending

    async def stand(self, failed: DesiredState, why: str, stopping: asyncio.Event) -> Ending:
        """Keep up the proven subjects of a failed revision where there is no state to go back to. Nothing else is
        tried."""
        proven, want = proven_in(self._journal, self._reconciler.domain, failed.digest), self._reconciler.select(failed)
        self._wellbeing.in_force(failed, proven)
        ending: Ending = Stalled(why)
        if proven is not None and proven.documents:
            ending = await self._repair(failed, failed, [each.name for each in proven.documents], stopping)
        elif (seen := await self._turns.look_after_health(want, self.asked, stopping)) is not None and proven is None:
            remember_proven(self._journal, self._reconciler, failed, seen)
            return Progressed()
        if not isinstance(ending, Progressed):
            text = f"{why}; there is no last-good state to go back to; {kept_text(proven)}"
            self._record.settled_is(False, "RevisionFailed", text)
        return ending if isinstance(ending, Progressed | Retrying) else Stalled(why)

    async def _hold_up(self, aim: Aim, held: Hold, stopping: asyncio.Event) -> Ending:
        """Repair while the revision waits. Subjects that it changes are left as they are, unless they are down. Those that
        it removes are left down once it has begun: it may have stopped them."""
        state, domain = aim.state, self._reconciler.domain
        waiting, good = self._record.waits(held.why, held.again_s), self.last_good()
        if good is None:
            return waiting
        changes, subjects = self._transaction.on_the_way(domain, state), self._reconciler.select(good).subjects.keys()
        begun = aim.is_part or self._journal.attempts.sick_before(state.digest, domain) is not None
        removed = subjects - self._reconciler.select(state).subjects.keys() if begun else set[str]()
        kept = subjects - set(changes).difference(held.down) - removed
        ending = await self._repair(state, good, kept, stopping, proves=True)
        if isinstance(ending, Retrying):
            return Retrying(ending.why, ending.after_s, None)
        return ending if isinstance(ending, Progressed) else self._record.waits(held.why, held.again_s)

    async def without_plan(
        self, digest: str, why: str, stopping: asyncio.Event, desired: DesiredState | None = None
    ) -> Ending:
        """Keep up last-good, because the desired state cannot be read, or deciding about it broke. Once a step of `desired`
        has begun, the differences between the two are left, so that nothing is torn down and built up at each try. Where
        deciding about last-good does not break, this was one of the tries of `desired`."""
        self._wellbeing.hold_up()
        good = self.last_good()
        found = await self._as_found.look(stopping) if good is None and desired is None else None
        good = good or found  # no other state tells what is in force
        if good is None or (good.digest == digest and found is None):
            self._record.settled_is(False, "Retrying", why)
            await self._turns.look_after_health(None, self.asked, stopping)
            return Retrying(why, 0.0, None)
        if desired is None:
            self._wellbeing.in_force(good, good)
        begun = desired is not None and self._journal.attempts.sick_before(digest, self._reconciler.domain) is not None
        changes = (
            self._transaction.differing(self._reconciler.domain, desired, good) if begun and desired is not None else ()
        )
        stuck = dict.fromkeys(changes, why)
        kept_up = await self.keep_up(desired or good, good, stuck, why, stopping)
        if desired is None and kept_up is not None:  # no try reads more of it
            return kept_up if isinstance(kept_up, Retrying) else Stalled(why)
        if not begun or desired is None or kept_up is None:
            return Retrying(why, 0.0, None)
        return self._trial.count_defect(desired, why, self._tries)
