"""The backend on plain topics, `vehicleupdate/…` (update-manager.md §1.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.operations.conduct import OperationsTopics
from evenkeel.controller.operations.orchestrator import Orchestrator
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.kanto.updateagent import read_command, read_envelope
from evenkeel.specs.problem import problems_text
from evenkeel.specs.reading.wire import rescued_activity, too_large

if TYPE_CHECKING:
    from evenkeel.controller.mqtt import Message


class Topics:
    """A `Backend`."""

    def __init__(
        self,
        domain: str,
        names: OperationsTopics,
        orchestrator: Orchestrator,
        journal: Journal,
        say: Callable[[Feedback], None],
    ) -> None:
        self._own, self._orchestrator, self._journal, self._say = names, orchestrator, journal, say
        self._mail = journal.mailbox(domain)

    @property
    def topics(self) -> Sequence[str]:
        own = self._own
        return own.desired, own.command, own.get, own.answer

    def has_room(self) -> bool:
        return not self._journal.outbox.is_full(self._own.feedback)

    def connected(self) -> None:
        self._orchestrator.reports.introduce()

    def disconnected(self) -> None:
        pass

    async def serve(self) -> None:
        pass

    def arrived(self, message: Message) -> None:
        topic, own = message.topic, self._own
        if topic == own.desired:
            self._desired(message)
        elif message.retained:
            self._ignore(topic, "a retained message is stale here; it counts only when it is sent")
        elif topic == own.command:
            command = read_command(message.payload, topic)
            if isinstance(command, tuple):
                self._ignore(topic, problems_text(command, "; "))
            else:
                self._ignore(topic, self._orchestrator.cancel(command.activity_id, command.command))
        elif topic == own.answer:
            self._answer(message.payload)
        else:
            received = read_envelope(message.payload, topic)
            if received.problems:
                self._ignore(topic, problems_text(received.problems, "; "))
            else:
                self._orchestrator.reports.ask(received.activity_id)

    def _desired(self, message: Message) -> None:
        if message.retained:
            if self._mail.knows_retained(message.topic, message.payload):
                return
            self._mail.remember_retained(message.topic, message.payload)
        if message.cut_from:
            self._orchestrator.refuse(rescued_activity(message.payload), too_large(message.cut_from))
        elif not message.payload:
            self._ignore(message.topic, "it is empty, as when a retained desired state is cleared at the broker")
        else:
            demand = self._orchestrator.read(message.payload)
            self._ignore(message.topic, self._orchestrator.desired(demand, message.payload))

    def _answer(self, payload: bytes) -> None:
        received = read_envelope(payload, self._own.answer)
        value = received.payload if isinstance(received.payload, dict) else {}
        if received.problems:
            self._ignore(self._own.answer, problems_text(received.problems, "; "))
            return
        status, command = value.get("status"), value.get("command")
        why = self._orchestrator.answer(
            received.activity_id,
            command if isinstance(command, str) else "",
            status if isinstance(status, str) else "",
            payload,
            has_time=received.timestamp_ms != 0,
        )
        self._ignore(self._own.answer, why)

    def _ignore(self, topic: str, why: str) -> None:
        """Tell that a message does nothing; nothing where `why` is ""."""
        if why:
            self._say(Feedback("message-ignored", why, place=topic))
