"""Reports of the current state: what is there, as others ask for it or want to know without asking.

On demand, on every new connection, after each operation, and when something changed. Only the newest report counts, so of
those that nobody asked for one that waits for the broker is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evenkeel.controller.clock import Now
from evenkeel.controller.journal import Journal
from evenkeel.controller.mailbox import Outgoing
from evenkeel.reconcilers.ports import Driver
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.observed import ContainersSeen
from evenkeel.specs.updateagent import Inventory, inventory_bytes


class Reports:
    """One domain's reports. They may be made at any time."""

    def __init__(
        self,
        topic: str,
        inventory: Callable[[ContainersSeen], Inventory],
        journal: Journal,
        driver: Driver[ContainersSeen],
        wake_sender: Callable[[], None],
        now: Now,
    ) -> None:
        self.topic = topic
        self._inventory, self._journal, self._driver = inventory, journal, driver
        self._wake_sender, self._now = wake_sender, now
        self._reported: Inventory | None = None
        self._reporting = asyncio.Lock()

    async def report(self, activity_id: str, *, asked: bool = True, only_news: bool = False) -> None:
        """Publish the current state; with `only_news` only if it differs from the last one. Without an engine it is the
        agent's own node alone (container-management.md §2.7). `asked`: somebody waits for just this one."""
        async with self._reporting:  # or a slow look would be told after a quick one that came later
            try:
                seen = await self._driver.observe(self._journal.adopted())
            except (Unavailable, TimedOut, Refused):
                seen = ContainersSeen("")
            found = self._inventory(seen)
            if only_news and found == self._reported:
                return
            self._reported = found
            body = inventory_bytes(activity_id, self._now_ms(), found)
            self._journal.mail.send(Outgoing(self.topic, body, retain=True, latest=not asked))
            self._wake_sender()

    async def introduce(self) -> None:
        """The unsolicited report of a new connection, named as Kanto names it (§1.3)."""
        await self.report(f"initial-current-state-{self._now_ms()}", asked=False)

    async def report_news(self) -> None:
        """The unsolicited report of a change; Kanto has none, so it carries the same kind of name."""
        await self.report(f"current-state-{self._now_ms()}", asked=False, only_news=True)

    def _now_ms(self) -> int:
        return int(self._now() * 1000)
