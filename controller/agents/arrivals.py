"""Messages as they arrive, at any time: stored before they are acknowledged.

Three kinds of work do not wait for the worker: the answer to a question for the current state, the refusal of a desired
state that ends nothing, and the interruption of the command at work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from evenkeel.controller.agents.answers import Answers
from evenkeel.controller.agents.conduct import Topics
from evenkeel.controller.agents.contents import Contents, peek
from evenkeel.controller.agents.precedence import Precedence, has_id
from evenkeel.controller.agents.reports import Reports
from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.journal.mailbox import Mailbox
from evenkeel.reconcilers.counted import joined
from evenkeel.specs.codec import encode
from evenkeel.specs.kanto import updateagent
from evenkeel.specs.kanto.activity import Activity
from evenkeel.specs.problem import problems_text
from evenkeel.specs.reading.wire import rescued_activity, too_large

_TOO_MANY = "too many messages wait here already; send it again later"


class Room(NamedTuple):
    """Room in the mailbox: for another message, and for an answer to it."""

    for_messages: bool = True
    for_answers: bool = True


_PLENTY = Room()


class Arrivals:
    """The arrivals of one agent."""

    def __init__(
        self,
        topics: Topics,
        journal: Journal,
        mail: Mailbox,
        contents: Contents,
        precedence: Precedence,
        answers: Answers,
        reports: Reports,
        interrupt: Callable[[], None],
        wake_worker: Callable[..., None],
    ) -> None:
        """`interrupt`: as for `Participant`."""
        self._topics, self._journal, self._mail, self._contents = topics, journal, mail, contents
        self._precedence, self._answers, self._reports = precedence, answers, reports
        self._interrupt, self._wake_worker = interrupt, wake_worker

    def arrived(
        self,
        topic: str,
        payload: bytes,
        *,
        packet: int = 0,
        duplicate: bool = False,
        retained: bool = False,
        room: Room = _PLENTY,
    ) -> None:
        """Take in a message. When this returns, the message is stored and may be acknowledged. `duplicate`: the broker
        says that it has tried to deliver the message before, under the same id `packet`; a message that was taken in
        then is ignored. `retained`: the broker kept the message, which was sent earlier.

        A question for the current state is left to `reports`: an agent that dies before its answer reports when it
        connects again.
        """
        if topic == self._topics.get:
            received = updateagent.read_envelope(payload, topic)
            if received.problems:
                self._answers.ignore(topic, problems_text(received.problems, "; "))
            elif not room.for_answers:
                self._answers.ignore(topic, _TOO_MANY)
            else:
                self._reports.ask(received.activity_id)
            return
        if not payload and topic == self._topics.desired:
            why = "it is empty, as when a retained desired state is cleared at the broker; what is in force stays in force"
            self._answers.ignore(topic, why)
            return
        if retained and not self._is_news(topic, payload):
            return
        if duplicate and self._mail.has_heard(topic, payload, packet):
            self._answers.ignore(topic, "it was delivered before")
            return
        if not room.for_messages:
            self._refuse(topic, payload, room)
            return
        number = self._mail.take_in(topic, payload, packet=packet, retained=retained)
        activity = self._mail.activity()
        urgent = False
        if topic == self._topics.command:
            urgent = self._precedence.is_for(number, activity)
        elif self._precedence.takes_the_place(number, activity):
            urgent = True
            self._explain_wait(activity)
        else:
            self._answer_at_once(activity)
        if urgent:
            self.interrupt(activity)
        self._wake_worker(urgent=urgent)

    @at_once
    def _refuse(self, topic: str, payload: bytes, room: Room) -> None:
        """Refuse a message that cannot be taken in now. Its sender is told, unless an activity with the same id is open
        or a message with the same id waits: the refusal would be taken for the end of that one."""
        envelope = peek(payload, updateagent.read_envelope)
        id_ = envelope.activity_id if envelope is not None else ""
        is_followed = has_id(self._mail.activity(), id_) or self._precedence.is_waiting(id_)
        if topic == self._topics.desired and room.for_answers and not is_followed:
            self._answers.refuse_unkept(id_, _TOO_MANY)
        else:
            self._answers.ignore(topic, _TOO_MANY)

    def interrupt(self, activity: Activity | None) -> None:
        """Cut short the command at work, if a waiting message has precedence over it."""
        if (
            activity is None
            or self._precedence.has_to_give_way(activity)
            or self._precedence.cut_short_by(activity) is not None
        ):
            self._interrupt()

    @at_once
    def _explain_wait(self, activity: Activity | None) -> None:
        """Tell the next desired state why it waits for a download, if no message waits before it."""
        message = self._mail.incoming()
        if activity is None or message is None or message.topic != self._topics.desired:
            return
        if activity.command == "DOWNLOAD" and not self._precedence.has_to_give_way(activity):
            self._answers.identifying(message, activity.id, "waits for the DOWNLOAD that is at work")

    @at_once
    def _answer_at_once(self, activity: Activity | None) -> None:
        """Answer a desired state that is refused and ends no activity. The answer needs no look, and waits only for the
        answers before it."""
        for number in self._mail.waiting_on(self._topics.desired)[:1]:
            is_refused = self._contents.summary(number).is_sound is False
            if is_refused and not self._precedence.takes_the_place(number, activity):
                message = self._mail.waiting_message(number)
                request = self._contents.desired(message)
                self._answers.reject(request.activity_id, joined(request.reasons), message, activity)

    @at_once
    def arrived_cut(self, topic: str, beginning: bytes, size: int, *, retained: bool = False) -> None:
        """Take in the beginning of a message that is too large to be kept. A desired state is answered at once, unless
        the open activity has to be taken back first."""
        why = too_large(size)
        if retained and not self._is_news(topic, beginning):
            return
        if topic != self._topics.desired:
            self._answers.ignore(topic, why)
            return
        if retained:
            self._mail.remember_retained(topic, beginning)
        id_ = rescued_activity(beginning)
        activity = self._mail.activity()
        if has_id(activity, id_):
            self._mail.take_in(self._topics.refused, encode((id_, why)))
            self.interrupt(activity)
            self._wake_worker(urgent=True)
            return
        self._answers.refuse_unkept(id_, why)

    @at_once
    def _is_news(self, topic: str, payload: bytes) -> bool:
        """Whether a retained message is followed: only a new desired state is. Retained commands are stale and ignored.
        Each is logged only once, because the broker resends it on every connect."""
        if self._mail.knows_retained(topic, payload):
            return False
        if topic != self._topics.desired:
            self._answers.ignore(topic, "a retained command is stale; it counts only when it is sent")
        elif not self._mail.has_heard(topic, payload):
            return True
        elif not self._mail.heard_last(topic, payload):
            why = "the broker kept it (retained), but it was heard before something newer; to have it obeyed again"
            self._answers.ignore(topic, f"{why}, publish it with QoS 1, or as another activity")
        self._mail.remember_retained(topic, payload)
        return False
