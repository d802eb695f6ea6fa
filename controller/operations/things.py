"""The backend over Things: the update manager as the feature UpdateManager of the device's thing (update-manager.md §1.5).

The edge connector, another program on the device's broker, is asked for the ids of the thing with each connection. When it
has answered, the feature is registered, the current state is asked for, and waiting messages are sent. So a connector that was
away has missed nothing, and after a restart of the broker all goes on; the original stays deaf then (B-12).

Commands are stored before they are dealt with, also those that come before the answer. A message to the backend lies in the
outbox in the form of the topics, and is put into Ditto's envelope as it is published: only then it is known for which thing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.journal.mailbox import MOST_TRIES, Incoming
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.operations.conduct import OperationsTopics
from evenkeel.controller.operations.orchestrator import Orchestrator
from evenkeel.controller.operations.wait import wait_for
from evenkeel.reconcilers.counted import joined
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.kanto.things.identity import REQUEST, RESPONSE, Identity, read_identity
from evenkeel.specs.kanto.things.message import (
    COMMANDS,
    EVENTS,
    ThingMessage,
    answer,
    placed,
    read_message,
    request_of,
)
from evenkeel.specs.kanto.things.update_manager import (
    FEATURE,
    Apply,
    Consent,
    Refresh,
    Said,
    correlation_of,
    is_for,
    read_request,
    registration,
    wrapped,
)
from evenkeel.specs.problem import problem_text, problems_text
from evenkeel.specs.reading.wire import rescued_activity, too_large

if TYPE_CHECKING:
    from evenkeel.controller.mqtt import Message

log = logging.getLogger(__name__)

_AGAIN_S = 30.0
"""The edge connector is asked again after so long: a question that nobody heard is lost."""

_LOST_S = 5.0
"""The pause between two looks whether the state directory can be written again."""


class Things:
    """A `Backend`, and the `Wrapping` of what it is told."""

    def __init__(
        self,
        domain: str,
        names: OperationsTopics,
        orchestrator: Orchestrator,
        journal: Journal,
        say: Callable[[Feedback], None],
        wake_sender: Callable[[], None],
    ) -> None:
        self._domain, self._names, self._orchestrator = domain, names, orchestrator
        self._journal, self._say, self._wake_sender = journal, say, wake_sender
        self._mail = journal.mailbox(f"{domain} things")
        self._said: Mapping[str, Said] = {
            names.state: "state",
            names.feedback: "feedback",
            names.question: "question",
        }
        self._identity: Identity | None = None
        """The newest one. It stays known without a connection."""
        self._is_active = False
        """The edge connector has answered on this connection."""
        self._asked_at: float | None = None
        """The time of the event loop at which the connector was asked; `None` without an open question."""
        self._news = asyncio.Event()
        journal.outbox.listen(names.question, self._asked_owner)

    # ── Backend ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def topics(self) -> Sequence[str]:
        return RESPONSE, COMMANDS

    def has_room(self) -> bool:
        """Messages that wait for the connector's answer must not hold up that answer."""
        return not self._is_active or not self._journal.outbox.is_full(self._names.feedback)

    def arrived(self, message: Message) -> None:
        topic = message.topic
        if topic == RESPONSE:
            self._answered(message.payload)
        elif message.retained:
            self._ignore(topic, "a retained command is stale; it counts only when it is sent")
        elif message.cut_from:
            self._ignore(topic, too_large(message.cut_from))
            if topic.endswith("/apply"):
                self._orchestrator.refuse(rescued_activity(message.payload), too_large(message.cut_from))
        elif message.duplicate and self._mail.has_heard(topic, message.payload, message.packet):
            self._ignore(topic, "it was delivered before")
        elif self._mail.is_full(self._names.feedback):
            self._ignore(topic, "too many messages wait here already; send it again later")
        else:
            self._mail.take_in(topic, message.payload, packet=message.packet)
            self._news.set()

    def connected(self) -> None:
        """An answer that came before may be one that the broker has kept."""
        self._is_active = False
        self._ask()
        self._news.set()

    def disconnected(self) -> None:
        self._is_active, self._asked_at = False, None

    async def serve(self) -> None:
        while True:
            while self._is_active and self._journal.is_durable and (message := self._mail.incoming()) is not None:
                if message.tries < MOST_TRIES:
                    self._mail.begin_try(message)
                    self._deal_with(message)
                else:
                    self._mail.set_aside(message.topic, message.payload, "evenkeel broke on it again and again")
                    self._mail.record(None, dealt_with=message)
                await asyncio.sleep(0)
            due_in_s = self._due_in_s() if self._journal.is_durable else _LOST_S
            if due_in_s == 0.0:
                self._connector_is(False, "Silent", f"no answer on {RESPONSE}; what the backend is told waits")
                self._ask()
                continue
            await wait_for(self._news, due_in_s)
            self._news.clear()

    # ── the edge connector ─────────────────────────────────────────────────────────────────────────────────────────

    def _ask(self) -> None:
        self._asked_at = asyncio.get_running_loop().time()
        self._send(Outgoing(REQUEST, b"", latest=True))

    def _due_in_s(self) -> float | None:
        if self._asked_at is None:
            return None
        return max(0.0, self._asked_at + _AGAIN_S - asyncio.get_running_loop().time())

    @at_once
    def _answered(self, payload: bytes) -> None:
        """The ids of the thing. The same again on one connection changes nothing."""
        found = read_identity(payload)
        if not isinstance(found, Identity):
            why = problems_text(found, "; ")
            log.error("answer of the edge connector is none", extra={"fields": {"topic": RESPONSE, "why": why}})
            self._ignore(RESPONSE, why)
            if not self._is_active:
                self._connector_is(False, "Invalid", why)
            return
        if self._is_active and found == self._identity:
            return
        is_new = not self._mail.knows_retained(RESPONSE, found.device.encode())
        log.info("feature is registered", extra={"fields": {"feature": FEATURE, "thing": found.device}})
        self._connector_is(True, "Answers", f"the thing is {found.device}")
        self._send(Outgoing(EVENTS, registration(found, self._domain), latest=True))
        self._orchestrator.reports.introduce()
        if is_new:
            self._mail.remember_retained(RESPONSE, found.device.encode())
            if not self._journal.outbox.waits(self._names.question):
                self._orchestrator.ask_owner_again()
        self._identity, self._is_active, self._asked_at = found, True, None  # once all of it is stored
        self._news.set()

    def _connector_is(self, reachable: bool, reason: str, message: str) -> None:
        self._journal.set_condition(Condition("ConnectorReachable", reachable, reason, message))

    # ── commands ───────────────────────────────────────────────────────────────────────────────────────────────────

    @at_once
    def _deal_with(self, message: Incoming) -> None:
        topic, identity = message.topic, self._identity
        assert identity is not None, "commands are dealt with once the connector has answered"
        found, request = read_message(message.payload, topic), request_of(topic)
        if not isinstance(found, ThingMessage):
            self._ignore(topic, problems_text(found, "; "))
        elif request is None:
            self._ignore(topic, "expected a topic `command///req/<request>/<command>`")
        elif is_for(found, identity):
            self._command(topic, request, found)
        else:
            fields = {"topic": topic, "message": found.topic[:200], "path": found.path[:200], "thing": identity.device}
            log.info("command is for another thing or feature", extra={"fields": fields})
        self._mail.record(None, dealt_with=message)

    def _command(self, topic: str, request: str, message: ThingMessage) -> None:
        asked = read_request(message)
        match asked:
            case Apply(content):
                demand = self._orchestrator.read(content)
                self._reply(topic, request, message, joined(demand.reasons))  # before anything that follows from it
                self._ignore(topic, self._orchestrator.desired(demand, content))
            case Refresh(activity_id):
                self._reply(topic, request, message)
                self._orchestrator.reports.ask(activity_id)
            case Consent():
                why = self._consent(message.correlation, asked)
                self._reply(topic, request, message, why)
                self._ignore(topic, why)
            case flaws:
                problems = placed(flaws, topic)
                self._ignore(topic, problems_text(problems, "; "))
                told = (problem_text(problem).removeprefix(f"{topic}: ") for problem in problems)
                self._reply(topic, request, message, "; ".join(told))

    def _consent(self, correlation: str, given: Consent) -> str:
        """The answer of the owner; why it does not count, "" when it does. The correlation id tells which question it answers
        (B-13)."""
        if not self._orchestrator.asks_owner:
            return "no question to the owner is open"
        if not self._mail.knows_retained(self._names.question, correlation.encode()):
            return "the correlation-id is not that of the open question"
        return self._orchestrator.answer(given.activity_id, "", given.status, b"", has_time=False)

    def _asked_owner(self, question: bytes) -> None:
        """A question is stored: so is its correlation id, because its answer may come after a restart."""
        self._mail.remember_retained(self._names.question, correlation_of(question).encode())

    def _reply(self, topic: str, request: str, message: ThingMessage, why: str = "") -> None:
        if not message.waits or not request:
            return
        if self._journal.outbox.is_full():
            self._ignore(topic, "its sender is not answered: too many messages wait for the broker")
            return
        status, content = answer(message, why)
        self._send(Outgoing(f"command///res/{request}/{status}", content))

    # ── Wrapping ───────────────────────────────────────────────────────────────────────────────────────────────────

    def holds(self) -> Sequence[str]:
        """The feature is registered before anything is told in its name."""
        return () if self._is_active and not self._journal.outbox.waits(EVENTS) else tuple(self._said)

    def wrapped(self, message: Outgoing) -> Outgoing:
        said = self._said.get(message.topic)
        if said is None or self._identity is None:
            return message
        return Outgoing(EVENTS, wrapped(said, self._identity, self._domain, message.payload))

    def _send(self, message: Outgoing) -> None:
        self._journal.outbox.send(message)
        self._wake_sender()

    def _ignore(self, topic: str, why: str) -> None:
        """Tell that a message does nothing; nothing where `why` is ""."""
        if why:
            self._say(Feedback("message-ignored", why, place=topic))
