"""Reports of the current state, as answers to questions and as news.

Reports are made on demand, on every new connection, after each activity, and after a change. A question is answered in
any case, and soon. Without an engine, the answer has only the agent's own node (container-management.md §2.7), which
says that nothing else is known; this answer is not retained. All other reports wait for the engine: the broker keeps
the newest report, and a report without components says that the components are gone. Only the newest report counts, so
at most one waits for the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.participants.participant import Participant, Reported
from evenkeel.controller.process.clock import Now
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.kanto.updateagent import inventory_bytes

_LONGEST_LOOK_S = 10.0
"""The longest wait of a question for an engine."""
_MOST_QUESTIONS = 50


class Reports:
    """The reports of one domain. They may be made at any time; `answer` is called by one task only."""

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
        self._reported: Reported | None = None
        self._reporting = asyncio.Lock()  # else a slow look could be reported after a later, quick one
        self._questions: dict[str, None] = {}
        self._ended: str | None = None
        self._introduces = False
        """The unsolicited reports that are due: one of a new connection, and one of an activity."""
        self.question_waits = asyncio.Event()
        """Set while a question waits for an answer."""
        self.report_due = asyncio.Event()
        """Set while an unsolicited report could not be made: `report_news` tries again."""
        self.may_differ = asyncio.Event()
        """Set when something has changed since the look of the last unsolicited report was begun."""

    def ask(self, activity_id: str) -> None:
        """Take in a question. The same question again, while it waits, is one question; of too many the newest are
        answered."""
        self._questions[activity_id] = None
        if len(self._questions) > _MOST_QUESTIONS:
            del self._questions[next(iter(self._questions))]
        self.question_waits.set()

    async def answer(self) -> None:
        """Answer all waiting questions, in their order, with one look."""
        questions, self._questions = self._questions, {}
        self.question_waits.clear()
        if not questions:
            return
        try:
            await self._answer(questions)
        except Exception:  # the questions are still waiting
            newer, self._questions = self._questions, {}
            for activity_id in (*questions, *newer):
                self.ask(activity_id)
            raise

    async def _answer(self, questions: Iterable[str]) -> None:
        try:
            async with asyncio.timeout(_LONGEST_LOOK_S), self._reporting:
                self._publish(questions, await self._participant.inventory())
        except TimeoutError:
            self._answer_unknown(questions, f"the engine does not answer within {_LONGEST_LOOK_S:g} s")
        except (Unavailable, TimedOut, Refused) as error:
            self._answer_unknown(questions, error.message)

    def _answer_unknown(self, questions: Iterable[str], why: str) -> None:
        """Answer that nothing is known. The broker must not keep the answer, because it would be read as a report
        without components."""
        self._reported = None
        self._send(questions, self._participant.unknown(why), retain=False)
        self.report_due.set()

    async def report(self, activity_id: str) -> None:
        """Report after an activity, under its id. Messages wait for the same worker, so the wait for an engine that
        hangs is as short as for a question; after that the report is due."""
        self._ended = activity_id
        try:
            async with asyncio.timeout(_LONGEST_LOOK_S):
                await self._tell()
        except TimeoutError:
            self.report_due.set()

    async def introduce(self) -> None:
        """Report on a new connection, under the name that Kanto uses (§1.3)."""
        await self._tell(introduces=True)

    async def report_news(self) -> None:
        """Make the reports that are due. If none is due, report a difference from the last report. Kanto has no such
        report; its name has the form of that of a new connection."""
        await self._tell()

    async def _tell(self, *, introduces: bool = False) -> None:
        async with self._reporting:
            ended, introduces = self._ended, introduces or self._introduces
            self._introduces = introduces
            self.may_differ.clear()
            try:
                inventory = await self._participant.inventory()
                with self._journal.at_once():
                    is_news = inventory != self._reported and ended is None
                    if ended is not None:
                        self._publish([ended], inventory)
                    if introduces:
                        self._publish([f"initial-current-state-{self._now_ms()}"], inventory, latest=True)
                    elif is_news:
                        self._publish([f"current-state-{self._now_ms()}"], inventory, latest=True)
            except Exception as error:
                self.report_due.set()
                if not isinstance(error, Unavailable | TimedOut | Refused):
                    raise
                return
            self._introduces = False
            if self._ended == ended:  # else another activity has ended since
                self._ended = None
                self.report_due.clear()

    def _publish(self, names: Iterable[str], inventory: Reported, *, latest: bool = False) -> None:
        self._send(names, inventory, latest=latest)
        self._reported = inventory

    def _send(self, names: Iterable[str], inventory: Reported, *, retain: bool = True, latest: bool = False) -> None:
        now_ms = self._now_ms()
        self._journal.outbox.send(
            *(Outgoing(self.topic, inventory_bytes(name, now_ms, inventory), retain, latest) for name in names)
        )
        self._wake_sender()

    def _now_ms(self) -> int:
        return int(self._now() * 1000)
