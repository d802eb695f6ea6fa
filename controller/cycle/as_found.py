"""The running subjects as a desired state. It is in force where the stored state cannot be read."""

from __future__ import annotations

import asyncio
from typing import Generic

from evenkeel.controller.cycle.looks import Looks
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.journal.journal import AS_FOUND, Journal
from evenkeel.controller.transaction.transaction import Transaction
from evenkeel.reconcilers.capabilities import inheriting
from evenkeel.reconcilers.ports import Reconciler, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState


class AsFound(Generic[Want, Seen, Remembered]):
    """Makes a desired state of the running subjects of one domain."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        looks: Looks[Seen],
        journal: Journal,
        record: Record,
        transaction: Transaction,
    ) -> None:
        self._reconciler, self._inheriting = reconciler, inheriting(reconciler)
        self._looks, self._journal, self._record, self._transaction = looks, journal, record, transaction

    async def look(self, stopping: asyncio.Event) -> DesiredState | None:
        """The running subjects of this domain as a desired state; `None` when nothing runs, or the engine cannot be
        asked."""
        _, found = await self._look(stopping)
        return found

    async def _look(self, stopping: asyncio.Event) -> tuple[bool, DesiredState | None]:
        look = self._reconciler.look(None, self._journal.memories.of(self._reconciler.memory))
        seen = await self._looks.try_observe(look, stopping)
        return seen is not None, None if seen is None else self._inheriting.as_found(seen, None)

    async def _in_all(self, stopping: asyncio.Event) -> DesiredState | None:
        """The running subjects of all domains; `None` when nothing runs, or one domain was not looked at."""
        is_seen, found = await self._look(stopping)
        return self._transaction.report_running(self._reconciler.domain, found) if is_seen else None

    async def hold(self, stopping: asyncio.Event) -> None:
        """Put the running subjects of all domains in force, where no stored state can tell what is in force."""
        if self._journal.digest("desired"):
            return
        found = await self._in_all(stopping)
        if found is not None and not self._journal.digest("desired"):
            self._journal.put("desired", found, AS_FOUND)

    async def instead(self, stopping: asyncio.Event) -> DesiredState | None:
        """The running subjects of all domains, in the place of a last-good state that cannot be read, when the desired
        state has failed. They are kept up. `None` while one of the domains was not looked at."""
        found = await self._in_all(stopping)
        if found is not None:
            with self._journal.at_once():
                self._journal.put("last-good", found, AS_FOUND)
                text = "last-good could not be read; what was found takes its place and is kept up"
                self._record.say("state-lost", text)
        return found
