"""Desired states that wait for the end of the operation at work, in the order in which they came. They outlive the process."""

from __future__ import annotations

from collections.abc import Callable

from evenkeel.controller.journal.mailbox import Mailbox
from evenkeel.reconcilers.operations.splitting import Demand

_MOST = 16
_TOO_MANY = "too many desired states wait here already; send it again later"


class Queue:
    """The desired states on one topic. `read`: the content of one, for the agents that there are now."""

    def __init__(self, mail: Mailbox, topic: str, read: Callable[[bytes], Demand]) -> None:
        self._mail, self._topic, self._read = mail, topic, read

    def add(self, demand: Demand, payload: bytes) -> str:
        """Let a desired state wait. The same again waits once. Returns why it cannot, "" when it does."""
        waiting = [self._mail.waiting_message(number) for number in self._mail.waiting_on(self._topic)]
        known = [self._read(message.payload) for message in waiting]
        if any((each.activity_id, each.content) == (demand.activity_id, demand.content) for each in known):
            return ""
        if len(waiting) >= _MOST:
            return _TOO_MANY
        self._mail.take_in(self._topic, payload)
        return ""

    def take(self) -> Demand | None:
        """The oldest one, which waits no more; `None` when none waits."""
        message = self._mail.incoming()
        if message is None:
            return None
        self._mail.record(None, dealt_with=message)
        return self._read(message.payload)
