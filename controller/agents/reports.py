"""Reports of the current state: what is there, for those that ask for it and for those that only listen.

Reports are made on demand, on every new connection, after each activity, and when something changed. A question is answered in
any case, and soon. Without an engine the answer has the agent's own node alone (container-management.md §2.7), which then says
that nothing else is known, and it is not retained. All other reports wait for the engine: the broker keeps the newest
report, and one without components says that they are gone. Only the newest counts, so that of reports that wait for the broker
one is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.participants.participant import Participant
from evenkeel.controller.process.clock import Now
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.kanto.updateagent import Inventory, inventory_bytes

_LONGEST_LOOK_S = 10.0
"""For so long a question waits for an engine."""
_MOST_ASKED = 50


class Reports:
    """One domain's reports. They may be made at any time; `answer` by one only."""

    def __init__(
        self,
        topic: str,
        participant: Participant,
        journal: Journal,
        wake_sender: Callable[[], None],
        now: Now,
    ) -> None:
        self.topic = topic
        self._participant, self._journal = participant, journal
        self._wake_sender, self._now = wake_sender, now
        self._reported: Inventory | None = None
        self._reporting = asyncio.Lock()  # or a slow look would be told after a quick one that came later
        self._asked: dict[str, None] = {}
        self._ended: str | None = None
        self._introduces = False
        """Of the reports that nobody asked for those that are owed: of an activity, and of a new connection."""
        self.asked = asyncio.Event()
        """Set while somebody waits for an answer."""
        self.owing = asyncio.Event()
        """Set while what nobody asked for could not be told: `report_news` tries again."""

    def ask(self, activity_id: str) -> None:
        """Somebody wants to know. Asked again while it waits it is one question; of too many the newest are answered."""
        self._asked[activity_id] = None
        if len(self._asked) > _MOST_ASKED:
            del self._asked[next(iter(self._asked))]
        self.asked.set()

    async def answer(self) -> None:
        """Answer all questions that wait, in their order, with one look."""
        asked, self._asked = self._asked, {}
        self.asked.clear()
        if not asked:
            return
        try:
            await self._answer(asked)
        except Exception:  # it is asked for still
            newer, self._asked = self._asked, {}
            for activity_id in (*asked, *newer):
                self.ask(activity_id)
            raise

    async def _answer(self, asked: Iterable[str]) -> None:
        try:
            async with asyncio.timeout(_LONGEST_LOOK_S), self._reporting:
                self._publish(asked, await self._participant.inventory())
        except TimeoutError:
            self._admit(asked, f"the engine does not answer within {_LONGEST_LOOK_S:g} s")
        except (Unavailable, TimedOut, Refused) as error:
            self._admit(asked, error.message)

    def _admit(self, asked: Iterable[str], why: str) -> None:
        """Answer that nothing is known. The broker must not keep it, and nobody may take it for a report that nothing is
        there."""
        self._reported = None
        self._send(asked, self._participant.unknown(why), retain=False)
        self.owing.set()

    async def report(self, activity_id: str) -> None:
        """The report after an activity, under its name. Messages wait for the same worker: an engine that hangs is waited for
        as long as for a question, and then the report is owed."""
        self._ended = activity_id
        try:
            async with asyncio.timeout(_LONGEST_LOOK_S):
                await self._tell()
        except TimeoutError:
            self.owing.set()

    async def introduce(self) -> None:
        """The report of a new connection, named as Kanto names it (§1.3)."""
        await self._tell(introduces=True)

    async def report_news(self) -> None:
        """What is owed; if nothing is, and something differs from what was last reported, a report of that. Kanto has none,
        so it carries the same kind of name as that of a new connection."""
        await self._tell()

    async def _tell(self, *, introduces: bool = False) -> None:
        async with self._reporting:
            ended, introduces = self._ended, introduces or self._introduces
            self._introduces = introduces
            try:
                found = await self._participant.inventory()
                with self._journal.at_once():
                    is_news = found != self._reported and ended is None
                    if ended is not None:
                        self._publish([ended], found)
                    if introduces:
                        self._publish([f"initial-current-state-{self._now_ms()}"], found, latest=True)
                    elif is_news:
                        self._publish([f"current-state-{self._now_ms()}"], found, latest=True)
            except Exception as error:
                self.owing.set()
                if not isinstance(error, Unavailable | TimedOut | Refused):
                    raise
                return
            self._introduces = False
            if self._ended == ended:  # else another one has ended since
                self._ended = None
                self.owing.clear()

    def _publish(self, names: Iterable[str], found: Inventory, *, latest: bool = False) -> None:
        self._send(names, found, latest=latest)
        self._reported = found

    def _send(self, names: Iterable[str], found: Inventory, *, retain: bool = True, latest: bool = False) -> None:
        now_ms = self._now_ms()
        self._journal.outbox.send(
            *(Outgoing(self.topic, inventory_bytes(name, now_ms, found), retain, latest) for name in names)
        )
        self._wake_sender()

    def _now_ms(self) -> int:
        return int(self._now() * 1000)
