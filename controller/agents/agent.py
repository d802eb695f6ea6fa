"""The update agent: desired states and commands in, activities driven, feedback out.

Speaks as Kanto's Containers Update Agent does (container-management.md §1 and §2) over topics below `<domain>update/`.
`reconcilers.agents.activity` decides on transitions, and the `Participant` of the domain performs them. The agent
connects both with the journal, which holds every message until it is dealt with and every answer until the broker has
it.

Messages are dealt with strictly in order, by the controller's one worker. Work that cannot wait for its turn is in
`arrivals`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Literal

from evenkeel.controller.agents.answers import Answers
from evenkeel.controller.agents.arrivals import Arrivals
from evenkeel.controller.agents.conduct import AgentSettings, topics_of
from evenkeel.controller.agents.contents import Contents, peek
from evenkeel.controller.agents.identification import Identification
from evenkeel.controller.agents.idle import IdleTime
from evenkeel.controller.agents.precedence import Precedence, has_id
from evenkeel.controller.agents.reports import Reports
from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.journal.mailbox import MOST_TRIES, Incoming
from evenkeel.controller.journal.unreadable import set_aside_unreadable
from evenkeel.controller.participants.participant import Participant
from evenkeel.controller.process.clock import Clock, Now, system_clock, system_now
from evenkeel.controller.process.defect import defect_text
from evenkeel.reconcilers.agents import activity as activities
from evenkeel.reconcilers.agents import closing
from evenkeel.reconcilers.agents.commands import PHASES
from evenkeel.specs.codec import changed, decode, encode
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.kanto import updateagent
from evenkeel.specs.kanto.activity import Activity, Status, name_of
from evenkeel.specs.problem import problems_text
from evenkeel.specs.reading.wire import rescued_activity

END_AGAIN_S = 300.0
"""The pause between two looks at an activity whose end has to wait. Each is written down, and a reboot may be days away."""
_MOST_SHOWN = 200


class UpdateAgent:
    """One domain's agent. `arrived`, `arrived_cut` and `reports` may be called at any time, `work` by one worker only."""

    def __init__(
        self,
        settings: AgentSettings,
        journal: Journal,
        participant: Participant,
        stopping: asyncio.Event,
        say: Callable[[Feedback], None],
        wake_worker: Callable[..., None],
        wake_sender: Callable[[], None],
        now: Now = system_now,
        clock: Clock = system_clock,
    ) -> None:
        self.wire_domain = settings.domain
        self.topics = self._topics = topics = topics_of(settings.domain)
        mail = journal.mailbox(participant.domain)
        self._settings, self._journal, self._mail = settings, journal, mail
        self._participant, self._stopping = participant, stopping
        self._say, self._wake_sender, self._now = say, wake_sender, now
        self._idle = IdleTime(clock)
        self._end_again = "", 0.0
        """An activity that is over and whose end has to wait, and the time of the event loop at which it is tried again."""
        self.rests = asyncio.Event()
        """Set while no command is at work."""
        self.rests.set()
        self._broken: tuple[tuple[str, str], int] | None = None
        """A command by its activity, and the number of times in a row that it broke."""
        self.reports = Reports(topics.state, participant, journal, wake_sender, now)
        self._contents = contents = Contents(settings, topics, mail)
        self._precedence = precedence = Precedence(topics, mail, contents)
        self._answers = answers = Answers(
            settings.language, topics, journal, mail, participant.state_to_keep, say, wake_sender, now
        )
        self._arrivals = Arrivals(
            topics, journal, mail, contents, precedence, answers, self.reports, participant.interrupt, wake_worker
        )
        self.arrived, self.arrived_cut = self._arrivals.arrived, self._arrivals.arrived_cut
        self.interrupt = participant.interrupt
        self._identification = Identification(
            settings,
            journal,
            mail,
            contents,
            participant,
            precedence,
            answers,
            say,
            wake_sender,
            self._touched,
            now,
        )

    async def work(self) -> None:
        """Deal with all waiting messages. Returns when none waits, when told to stop, or when nothing can be stored."""
        while not self._stopping.is_set() and self._journal.is_durable:
            await asyncio.sleep(0)  # during a flood, the sender must be able to send answers
            self._participant.resume()
            set_aside_unreadable(self._journal, self._mail.domain, self._say, self._now(), self._topics.desired)
            activity, message = self._mail.activity(), self._mail.incoming()
            if activity is not None and activities.is_over(activity) and self._end_in_s(activity) <= 0:
                await self._end(activity)
            elif activity is not None and activity.command and not self._precedence.has_to_give_way(activity):
                by = self._precedence.cut_short_by(activity)
                if by is None:
                    await self._carry_out(activity)
                else:
                    self._cut_short(activity, by)
            elif message is not None and message.tries >= MOST_TRIES:
                self._set_aside(message, activity)
            elif message is not None and (id_ := self._precedence.is_overtaken(message, activity)) is not None:
                await self._identification.pass_over(id_, activity)
            elif message is not None:
                self._mail.begin_try(message)
                await self._deal_with(message, activity)
                self._mail.end_try(message)
            elif activity is None or not self._is_due(activity):
                break

    def due_in_s(self) -> float | None:
        """Seconds until the open activity is due without a message; `None` when it is not."""
        activity = self._mail.activity()
        if activity is None:
            return None
        if activities.is_over(activity):
            return self._end_in_s(activity)
        after_s, _ = self._without_command(activity)
        left_s = after_s - self._idle.of(activity)
        return END_AGAIN_S if left_s <= 0 and self._is_commanded(activity) else max(0.0, left_s)

    def _without_command(self, activity: Activity) -> tuple[float, Literal["goes on", "ends"]]:
        """Seconds without a command after which the activity goes on by itself, or ends."""
        alone_after, timeout_s = self._settings.alone_after, self._settings.operation_timeout.total_seconds()
        if activity.alone:
            return 0.0, "goes on"
        fresh = all(baseline.status == "IDENTIFIED" for baseline in activity.baselines)
        if fresh and alone_after is not None and alone_after.total_seconds() <= timeout_s:
            return alone_after.total_seconds(), "goes on"
        return timeout_s, "ends"

    def _is_commanded(self, activity: Activity) -> bool:
        """Whether the update manager of this device is at work on an activity. It may wait for the owner, for preconditions or
        for the window of a reboot, and has limits of its own."""
        operation = self._journal.operations.newest()
        part = operation.part(self.wire_domain) if operation is not None and operation.id == activity.id else None
        return part is not None and not part.end

    @at_once
    def _is_due(self, activity: Activity) -> bool:
        """Begin the work that no command asks for: the next phase of an agent that is alone, or the end of an abandoned
        activity. The end of one that is over waits for something else than commands."""
        idle_s = self._idle.of(activity)
        after_s, consequence = self._without_command(activity)
        if idle_s < after_s or activities.is_over(activity) or self._is_commanded(activity):
            return False
        alone = consequence == "goes on"
        if not alone:
            activity = changed(activity, because=f"no command for {idle_s:.0f} s; it is ended")
            self._say(Feedback("activity", f"{name_of(activity.id)}: {activity.because}"))
        begun = activities.begin(activity, activities.next_alone(activity) if alone else "CLEANUP", "")
        assert isinstance(begun, Activity)
        self._mail.record(self._touched(changed(begun, alone=alone)))
        return True

    def _touched(self, activity: Activity) -> Activity:
        return self._idle.touched(activity, self._now())

    @at_once
    def _cut_short(self, activity: Activity, by: str) -> None:
        assert activity.command
        ended = self._touched(activities.cut_short(activity, by))
        self._answers.tell(ended, PHASES[activity.command].badly, baseline=activity.addressed)

    def _end_in_s(self, activity: Activity) -> float:
        """Seconds until the end of an activity that is over is tried again; 0 when it was not tried yet, or something newer
        ends the wait."""
        id_, again_at_s = self._end_again
        if id_ != activity.id or self._precedence.cut_short_by(activity) is not None:
            return 0.0
        return max(0.0, again_at_s - asyncio.get_running_loop().time())

    async def _end(self, activity: Activity) -> None:
        """Confirm an activity that is over, and say its end. It may have to wait, such as for a reboot."""
        confirmed = await self._confirm(activity)
        if confirmed is None and self._precedence.cut_short_by(activity) is not None:
            confirmed = closing.leave_all_unconfirmed(activity, "something else was asked for before it was well")
        if confirmed is None:
            self._end_again = activity.id, asyncio.get_running_loop().time() + END_AGAIN_S
            return
        goes_on = self._precedence.goes_on(activity)
        self._answers.end(confirmed, "" if goes_on else closing.verdict(confirmed))
        await self.reports.report(activity.id)

    async def _confirm(self, activity: Activity) -> Activity | None:
        """Confirm as `Participant.confirm` does. If the look has broken too often, also over restarts, nothing is
        confirmed and the activity ends, because everything else waits for its end."""
        tries = self._mail.tries_of(activity)
        if tries >= MOST_TRIES:
            return closing.leave_all_unconfirmed(activity, _broke("the look before the end", tries))
        begun = self._mail.begin_last_look(activity)
        tell = partial(self._tell_at_work, baseline="")
        confirmed = await self._participant.confirm(begun, tell)
        if confirmed is None:
            self._mail.end_last_look(tries)
        return confirmed

    async def _carry_out(self, activity: Activity) -> None:
        """Carry out the command at work, to its end or until it is interrupted."""
        tell = partial(self._tell_at_work, baseline=activity.addressed)
        self.rests.clear()
        try:
            ended = await self._participant.carry_out(activity, tell)
        except Exception as error:
            if isinstance(error, EvenkeelError) or not self._has_broken_often(activity):
                raise
            self._fail(defect_text(error))
            return
        finally:
            self.rests.set()
        self._broken = None
        if ended is None:
            return
        self._mail.record(self._touched(ended))

    def _has_broken_often(self, activity: Activity) -> bool:
        """Count a command that broke. After some tries in a row it fails, so that its sender receives a final
        status."""
        command = (activity.id, activity.command)
        tries = self._broken[1] + 1 if self._broken is not None and self._broken[0] == command else 1
        self._broken = (command, tries) if tries < MOST_TRIES else None
        return tries >= MOST_TRIES

    @at_once
    def _fail(self, why: str) -> None:
        """End the command at work as failed, whatever its progress."""
        activity = self._mail.activity()
        if activity is not None and activity.command:
            status, failed = activities.break_off(activity, f"internal error: {why}")
            self._answers.tell(
                changed(failed, touched_at=self._now()), status, f"internal error: {why}", activity.addressed
            )

    async def _deal_with(self, message: Incoming, activity: Activity | None) -> None:
        if message.topic == self._topics.desired:
            await self._identification.deal_with(message, activity)
        elif message.topic == self._topics.refused:
            await self._identification.refuse(*_read_refusal(message.payload), message, activity)
        elif message.topic == self._topics.command:
            self._command(message, activity)
        else:
            self._answers.ignore(message.topic, "nobody here knows this topic")
            self._mail.record(activity, dealt_with=message)

    @at_once
    def _set_aside(self, message: Incoming, activity: Activity | None) -> None:
        """Answer a message on which the agent broke again and again, also over restarts. The message is kept for
        inspection, and the next one is dealt with."""
        why = f"{_broke('this message', message.tries)}; it is set aside"
        self._mail.set_aside(message.topic, message.payload, why)
        id_ = rescued_activity(message.payload)
        refusal = peek(message.payload, _read_refusal) if message.topic == self._topics.refused else None
        if message.topic == self._topics.desired and has_id(activity, id_):
            self._mail.take_in(self._topics.refused, encode((id_, why)))
            self._mail.record(activity, dealt_with=message)
        elif refusal is not None:
            id_, why = refusal
            if activity is not None and has_id(activity, id_):  # cycles take back what the activity began
                self._answers.end(activity, "")
                activity = None
            self._answers.reject(id_, why, message, activity)
        elif message.topic == self._topics.desired:
            self._answers.reject(id_, why, message, activity)
        else:
            self._answers.ignore(message.topic, f"{why}: {message.payload[:_MOST_SHOWN]!r}")
            self._mail.record(activity, dealt_with=message)

    @at_once
    def _command(self, message: Incoming, activity: Activity | None) -> None:
        command = self._contents.command(message)
        if not isinstance(command, updateagent.Command):
            self._answers.ignore(message.topic, problems_text(command, "; "))
            self._mail.record(activity, dealt_with=message)
            return
        if activity is None or command.activity_id != activity.id:
            open_text = f"activity {name_of(activity.id)} is open" if activity else "no activity is open"
            self._answers.ignore(
                message.topic, f"{command.command} for activity {name_of(command.activity_id)}, but {open_text}"
            )
            self._mail.record(activity, dealt_with=message)
            return
        begun = activities.begin(activity, command.command, command.baseline)
        if isinstance(begun, activities.Refusal):
            refusal = self._answers.feedback(activity, begun.status, begun.message, command.baseline)
            self._mail.record(activity, [refusal], message)
            self._wake_sender()
            return
        self._mail.record(self._touched(changed(begun, alone=False)), dealt_with=message)

    def _tell_at_work(self, activity: Activity, status: Status, baseline: str) -> None:
        """Tell the status of the command at work. Trouble is not waited out while a message waits that would cut it
        short."""
        self._answers.tell(activity, status, baseline=baseline)
        if any(action.waits_for for action in activity.actions):
            self._arrivals.interrupt(activity)


def _broke(on: str, tries: int) -> str:
    return f"evenkeel broke on {on} {tries} times (an internal error, or its process was killed)"


def _read_refusal(payload: bytes) -> tuple[str, str]:
    """The activity and the reason of a refused desired state."""
    return decode(payload, tuple[str, str])
