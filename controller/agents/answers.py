"""The answers of an update agent: feedback about activities, stored together with the activities.

Nothing here decides. `controller.mqtt.sender` sends stored answers, in this order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from evenkeel.controller.agents.conduct import Topics
from evenkeel.controller.journal.ending import end_activity, tell_refused
from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.journal.mailbox import Incoming, Mailbox
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.process.clock import Now
from evenkeel.reconcilers.agents import wires
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.kanto import updateagent
from evenkeel.specs.kanto.activity import Activity, Status, name_of


class Answers:
    """One agent's answers."""

    def __init__(
        self,
        language: wires.Language,
        topics: Topics,
        journal: Journal,
        mail: Mailbox,
        kept: Callable[[Activity], DesiredState],
        say: Callable[[Feedback], None],
        wake_sender: Callable[[], None],
        now: Now,
    ) -> None:
        """`kept`: see `Participant.state_to_keep`."""
        self._language, self._topics, self._journal, self._mail, self._kept = language, topics, journal, mail, kept
        self._say, self._wake_sender, self._now = say, wake_sender, now

    def tell(self, activity: Activity, status: Status, message: str = "", baseline: str = "") -> None:
        """Store an activity, and say its status."""
        self._mail.record(activity, [self.feedback(activity, status, message, baseline)])
        self._wake_sender()

    def feedback(self, activity: Activity, status: Status, message: str = "", baseline: str = "") -> Outgoing:
        """The feedback of an activity, not sent yet."""
        return self._message(activity.id, wires.feedback(activity, status, message, baseline))

    def _notice(self, id_: str, status: Status, message: str = "") -> Outgoing:
        """The feedback about a desired state that is no activity, or none yet."""
        return self._message(id_, wires.notice(self._language.wire, status, message))

    def _message(self, id_: str, feedback: wires.FeedbackMessage) -> Outgoing:
        return Outgoing(self._topics.feedback, updateagent.feedback_bytes(id_, self._now_ms(), feedback))

    def _refusal(self, id_: str, why: str, message: Incoming | None = None) -> list[Outgoing]:
        """The feedback about a refused desired state. `message`: where it waits, if it does."""
        failed = self._notice(id_, "IDENTIFICATION_FAILED", why)
        if not self._language.announces_refusals or (message and self._mail.waiting_message(message.id).begun):
            return [failed]
        return [self._notice(id_, "IDENTIFYING"), failed]

    def ignore(self, topic: str, why: str) -> None:
        """Log a message that gets no answer."""
        self._say(Feedback("message-ignored", why, place=topic))

    @at_once
    def reject(self, id_: str, why: str, message: Incoming, open_activity: Activity | None) -> None:
        """Say why a desired state is refused. The open activity goes on."""
        self._say(Feedback("activity", f"{name_of(id_)}: IDENTIFICATION_FAILED, {why}"))
        tell_refused(self._journal, self._mail.domain, id_, why, self._now())
        self._mail.record(open_activity, self._refusal(id_, why, message), message)
        self._wake_sender()

    @at_once
    def supersede(self, id_: str, message: Incoming, *, is_last: bool) -> None:
        """Say that a desired state was not looked at, because a newer one waits. No activity is open. `is_last`: no
        other desired state with its id waits, so this is the end of the id."""
        why = "a newer desired state came before this one was looked at"
        if not is_last:
            self.ignore(message.topic, f"{why}; another one of {name_of(id_)} waits already")
        else:
            self._say(Feedback("activity", f"{name_of(id_)}: SUPERSEDED, {why}"))
        self._mail.record(None, [self._notice(id_, "SUPERSEDED", why)] * is_last, message)
        self._wake_sender()

    @at_once
    def identifying(self, message: Incoming, id_: str, why: str = "") -> None:
        """Say, once, that a desired state is being identified: a look takes as long as registries and engine do."""
        if not message.begun:
            self._mail.begin(message, self._notice(id_, "IDENTIFYING", why))
            self._wake_sender()

    def waits(self, id_: str, why: str) -> None:
        """Say which trouble is waited out before IDENTIFIED."""
        if why:
            self._mail.send(self._notice(id_, "IDENTIFYING", why))
            self._wake_sender()

    def end(self, activity: Activity, how: Status | Literal[""]) -> None:
        """End an activity: see `end_activity`."""
        end_activity(self._journal, self._mail, activity, how, self._kept(activity), self._now(), self._say)
        self._wake_sender()

    def _now_ms(self) -> int:
        return int(self._now() * 1000)

    @at_once
    def refuse_unkept(self, id_: str, why: str) -> None:
        """Answer a desired state that is not in the inbox."""
        self._say(Feedback("activity", f"{name_of(id_)}: IDENTIFICATION_FAILED, {why}"))
        tell_refused(self._journal, self._mail.domain, id_, why, self._now())
        self._mail.send(*self._refusal(id_, why))
        self._wake_sender()
