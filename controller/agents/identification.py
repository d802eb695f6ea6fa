"""Identification of a desired state: its actions, and its effect on the open activity.

A commander that follows an activity by its id takes the first end for the final one. So a desired state with the id of
the open activity continues it without an end in between, and a refused one with that id ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from evenkeel.controller.agents.answers import Answers
from evenkeel.controller.agents.conduct import AgentSettings
from evenkeel.controller.agents.contents import Contents
from evenkeel.controller.agents.precedence import Precedence, asks_again, has_id
from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.journal.mailbox import Incoming, Mailbox
from evenkeel.controller.participants.participant import Identified, Participant, Waits
from evenkeel.controller.process.clock import Now
from evenkeel.reconcilers.agents.identify import baselines, begin_again
from evenkeel.reconcilers.agents.request import Request
from evenkeel.reconcilers.counted import joined
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.kanto.activity import Activity, name_of

_PASSED_AT_ONCE = 20
"""The most desired states that are passed over in one turn, so that other messages have theirs."""


class Identification:
    """The identification of one agent's desired states, by its worker. `touched` dates an activity."""

    def __init__(
        self,
        settings: AgentSettings,
        journal: Journal,
        mail: Mailbox,
        contents: Contents,
        participant: Participant,
        precedence: Precedence,
        answers: Answers,
        say: Callable[[Feedback], None],
        wake_sender: Callable[[], None],
        touched: Callable[[Activity], Activity],
        now: Now,
    ) -> None:
        self._settings, self._journal, self._mail, self._contents = settings, journal, mail, contents
        self._participant, self._precedence, self._answers = participant, precedence, answers
        self._say, self._wake_sender, self._touched, self._now = say, wake_sender, touched, now

    async def deal_with(self, message: Incoming, open_activity: Activity | None) -> None:
        """Identify a desired state, begin the open activity again, or refuse."""
        request = self._contents.desired(message)
        if request.reasons:
            await self.refuse(request.activity_id, joined(request.reasons), message, open_activity)
            return
        self._journal.attempts.forgive(request.target.digest)
        if open_activity is not None and asks_again(request, open_activity):
            self._begin_again(message, open_activity)
            return
        self._answers.identifying(message, request.activity_id)
        waits = partial(self._answers.waits, request.activity_id)
        identified = await self._participant.identify(request.target, request.components, waits)
        if open_activity is not None and isinstance(identified, Identified):
            if not await self._take_back(open_activity, request.activity_id, waits):
                return
            open_activity = None
            identified = await self._participant.identify(request.target, request.components, waits)
        if isinstance(identified, Identified):
            self._identify(message, request, identified)
        elif identified is not None:
            await self.refuse(request.activity_id, identified, message, open_activity)

    async def pass_over(self, id_: str, open_activity: Activity | None) -> None:
        """Answer desired states at the head of the inbox without a look. The first has this id. The open activity ends
        before they are answered."""
        if open_activity is None or await self._take_back(open_activity, id_, partial(self._answers.waits, id_)):
            self._pass_over()

    @at_once
    def _pass_over(self) -> None:
        """Answer these desired states, as long as a flood waits behind them. Several are one write. An id that comes
        again later gets no end yet."""
        for _ in range(_PASSED_AT_ONCE):
            message = self._mail.incoming()
            id_ = self._precedence.is_overtaken(message, None) if message is not None else None
            if message is None or id_ is None:
                return
            self._answers.supersede(id_, message, is_last=not self._precedence.is_sent_again(message, id_))

    @at_once
    def _begin_again(self, message: Incoming, activity: Activity) -> None:
        """Begin the open activity again with DOWNLOAD, for an update manager that was restarted or missed an answer. No
        look is needed, so nothing can delay the answer. Each phase then performs the work that is left."""
        self._answers.identifying(message, activity.id)
        begun = self._touched(begin_again(activity))
        self._say(
            Feedback("activity", f"{name_of(begun.id)}: IDENTIFIED, asked for again", revision=begun.target.digest)
        )
        self._mail.record(begun, [self._answers.feedback(begun, "IDENTIFIED", begun.notes)], message)
        self._wake_sender()

    async def refuse(self, id_: str, why: str, message: Incoming, open_activity: Activity | None) -> None:
        """Answer a desired state that cannot be followed. An open activity stays as it is, unless it has the same id:
        its commander takes the refusal for its end. While another desired state with this id waits, nothing is
        answered, because its answer will be taken for the answer to both."""
        if (
            open_activity is not None
            and has_id(open_activity, id_)
            and not self._precedence.is_sent_again(message, id_)
        ):
            if not await self._take_back(open_activity, id_, partial(self._answers.waits, id_)):
                return
            open_activity = None
        if self._precedence.is_sent_again(message, id_):
            self._answers.ignore(message.topic, f"{why}; another desired state of {name_of(id_)} waits already")
            self._mail.record(open_activity, dealt_with=message)
            return
        self._answers.reject(id_, why, message, open_activity)

    async def _take_back(self, activity: Activity, successor: str, waits: Waits) -> bool:
        """Undo the unfinished work of an open activity, keep its activated components, and say that it is superseded,
        unless its id goes on. False when told to stop meanwhile. `successor`: the id of the activity that takes its
        place."""
        ended = await self._participant.close(activity, waits)
        if ended is None:
            return False
        goes_on = activity.id == successor or self._precedence.goes_on(activity)
        self._answers.end(ended, "" if goes_on else "SUPERSEDED")
        return True

    @at_once
    def _identify(self, message: Incoming, request: Request, identified: Identified) -> None:
        actions, notes = identified.actions, "; ".join(filter(None, [request.notes, joined(identified.doubts)]))
        domain, now = self._settings.domain, self._now()
        names = [name for name, _ in request.components]
        activity = Activity(
            id=request.activity_id,
            topic=message.topic,
            domain=domain,
            target=request.target,
            before=identified.before,
            actions=actions,
            baselines=baselines(domain, request.baselines, names, actions),
            begun_at=now,
            touched_at=now,
            content=request.content,
            notes=notes,
            wire=self._settings.language.wire,
        )
        count = f"{len(actions)} action{'s' * (len(actions) != 1)}"
        left_alone = "".join(f"; {name} is a system container and left alone" for name in identified.left_alone)
        doubted = f"; {notes}" if notes else ""
        text = f"{name_of(activity.id)}: IDENTIFIED, {count}{left_alone}{doubted}"
        self._say(Feedback("activity", text, revision=request.target.digest))
        activity = self._touched(activity)
        self._mail.record(activity, [self._answers.feedback(activity, "IDENTIFIED", notes)], message)
        self._wake_sender()
