"""The current states of the agents, and the report of all of them (update-manager.md §5).

A question is passed on to all agents. The report follows when all have answered, or the time of the late ones is over:
of those the last known state counts. Several questions may be open at once, and nothing waits for them (B-03). Each has a
report under its own id, also where several end together, because its sender waits for that id (§8.9). News that nobody
asked for are gathered for a while, and reported when they differ from the last report; only of such reports does a newer
one take the place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from evenkeel.controller.process.clock import Now
from evenkeel.reconcilers.operations.inventory import Report, State, aggregated, initial_name
from evenkeel.specs.kanto.updateagent import inventory_bytes

_REMEMBERED = 16
"""Questions upon a connection, of which late answers may come."""


class Reports:
    """The states of the agents of one update manager. `agents`: domain → seconds for which an answer is waited for. `ask`:
    sends the question of an activity to a domain. `publish`: stores a report, and whether a newer one
    may take its place while it waits. `late`: called with the domains that did not
    answer, and for how long they were waited for."""

    def __init__(
        self,
        root: tuple[str, str],
        agents: Mapping[str, float],
        delay_s: float,
        ask: Callable[[str, str], None],
        publish: Callable[[bytes, bool], None],
        late: Callable[[str, float], None],
        now: Now,
    ) -> None:
        """`root`: the domain and the version of the update manager itself."""
        self._root, self._agents, self._delay_s = root, agents, delay_s
        self._ask, self._publish, self._late, self._now = ask, publish, late, now
        self._states: dict[str, tuple[int, State]] = {}
        self._open: dict[str, dict[str, float]] = {}
        """Activity → domain that has not answered → the time of the event loop at which it is late."""
        self._introductions = deque[str](maxlen=_REMEMBERED)
        self._news_at: float | None = None
        self._reported: dict[str, Any] | None = None
        self.changed = asyncio.Event()
        """Set when `due_in_s` may have changed."""

    def introduce(self) -> None:
        """A connection was made: report under the name that Kanto uses."""
        self._introductions.append(initial_name(int(self._now() * 1000)))
        self.ask(self._introductions[-1])

    def is_answer(self, report: Report) -> bool:
        """Whether a report has the name of a question that was asked here upon a connection."""
        return report.activity_id in self._introductions

    def ask(self, activity_id: str) -> None:
        """Report once all agents have answered. The same question again, while it is open, is one question."""
        if activity_id in self._open:
            return
        now_s = asyncio.get_running_loop().time()
        self._open[activity_id] = {domain: now_s + wait_s for domain, wait_s in self._agents.items()}
        for domain in self._agents:
            self._ask(domain, activity_id)
        self._close_answered()
        self.changed.set()

    def add(self, domain: str, report: Report) -> None:
        """A report of an agent. An older one than is known is passed over; one without a time is the newest (the
        original passes it over, and is left with an old state)."""
        known_ms = self._states[domain][0] if domain in self._states else 0
        if not report.timestamp_ms or report.timestamp_ms >= known_ms:
            self._states[domain] = report.timestamp_ms or known_ms, report.state
        waiting = self._open.get(report.activity_id)
        if waiting is not None and waiting.pop(domain, None) is not None:
            self._close_answered()
        elif self._news_at is None and self._inventory() != self._reported:
            self._news_at = asyncio.get_running_loop().time() + self._delay_s
        self.changed.set()

    def due_in_s(self) -> float | None:
        """Seconds until `work` has something to do; `None` when nothing is waited for."""
        times = [at for waiting in self._open.values() for at in waiting.values()]
        times += [self._news_at] if self._news_at is not None else []
        return max(0.0, min(times) - asyncio.get_running_loop().time()) if times else None

    def work(self) -> None:
        """Report what is due now."""
        now_s = asyncio.get_running_loop().time()
        for waiting in self._open.values():
            for domain in [domain for domain, at in waiting.items() if at <= now_s]:
                del waiting[domain]
                self._late(domain, self._agents[domain])
        self._close_answered()
        if self._news_at is not None and self._news_at <= now_s:
            self._news_at = None
            if self._inventory() != self._reported:
                self._report("")

    def _close_answered(self) -> None:
        for activity_id in [id_ for id_, waiting in self._open.items() if not waiting]:
            del self._open[activity_id]
            self._report(activity_id)
            self._news_at = None

    def _report(self, activity_id: str) -> None:
        self._reported = self._inventory()
        is_answer = activity_id not in ("", *self._introductions)
        self._publish(inventory_bytes(activity_id, int(self._now() * 1000), self._reported), not is_answer)

    def _inventory(self) -> dict[str, Any]:
        states = {domain: self._states[domain][1] for domain in self._agents if domain in self._states}
        return aggregated(*self._root, states)
