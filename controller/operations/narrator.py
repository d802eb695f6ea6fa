"""The feedback of an update manager: every status at once, RUNNING sparingly (update-manager.md §3.6).

The first RUNNING is sent at once, and begins an interval. The newest RUNNING within it is sent at its end, if it differs from
the one sent last. Any other status ends the interval, so that nothing of one operation is said in the name of the next (B-07).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.process.clock import Now
from evenkeel.reconcilers.operations.telling import feedback
from evenkeel.specs.kanto.updateagent import FeedbackMessage, feedback_bytes
from evenkeel.specs.operations.operation import Operation, Status


class Narrator:
    """The feedback on one topic. `send` stores messages; `every_s`: the interval, 0 sends no RUNNING."""

    def __init__(self, topic: str, every_s: float, send: Callable[[Outgoing], None], now: Now) -> None:
        self._topic, self._every_s, self._send, self._now = topic, every_s, send, now
        self._told: FeedbackMessage | None = None
        self._waits: Operation | None = None
        self._ends_at = 0.0

    def tell(self, operation: Operation, status: Status, message: str = "") -> None:
        """Tell a status of an operation."""
        if status != "RUNNING":
            self._told = self._waits = None
            self._publish(operation.id, feedback(operation, status, message))
        elif self._every_s > 0 and (self._told is None or self.due_in_s() == 0.0):
            self._run(operation)
        else:
            self._waits = operation

    def announce(self, operation: Operation, text: str) -> None:
        """Tell RUNNING with a text, at once."""
        self._publish(operation.id, feedback(operation, "RUNNING", text))

    def refuse(self, id_: str, status: Status, why: str) -> None:
        """Tell why a desired state became no operation."""
        self._publish(id_, FeedbackMessage(status=status, message=why))

    def due_in_s(self) -> float | None:
        """Seconds until the end of the interval; `None` when nothing waits for it, or none has begun."""
        if self._told is None or self._every_s <= 0:
            return None
        return max(0.0, self._ends_at - asyncio.get_running_loop().time())

    def flush(self) -> None:
        """The interval is over: tell what has come in it."""
        waits, self._waits = self._waits, None
        if waits is not None and feedback(waits, "RUNNING") != self._told:
            self._run(waits)
        else:
            self._told = None

    def _run(self, operation: Operation) -> None:
        self._told = feedback(operation, "RUNNING")
        self._ends_at = asyncio.get_running_loop().time() + self._every_s
        self._publish(operation.id, self._told)

    def _publish(self, id_: str, message: FeedbackMessage) -> None:
        self._send(Outgoing(self._topic, feedback_bytes(id_, int(self._now() * 1000), message)))
