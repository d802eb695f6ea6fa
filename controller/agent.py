"""The update agent: desired states and commands in, activities driven, feedback out.

Speaks as Kanto's Containers Update Agent does (container-management.md §1 and §2) over topics below `<domain>update/`. What may
happen is decided in `reconcilers.activity`, what has to be done to containers by the same planner as for files; here both
meet the journal, which holds every message until it is dealt with and every answer until the broker has it.

Messages are dealt with strictly in order, by the controller's one worker. Only two things do not wait: a question for the
current state, which changes nothing, and a desired state that takes the place of the open activity, which cuts short what
that was doing.

Whoever follows one activity by its id reads one end of it, as its last word: a desired state that comes under the id of the
open activity goes on under it without an end in between, and one that is refused under that id ends it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Literal, NamedTuple

from evenkeel.controller.clock import Clock, Now, system_clock, system_now
from evenkeel.controller.components import Waits
from evenkeel.controller.defects import defect_text
from evenkeel.controller.ending import end_activity, tell_ended
from evenkeel.controller.idle import IdleTime
from evenkeel.controller.journal import Journal, at_once
from evenkeel.controller.mailbox import Incoming, Outgoing
from evenkeel.controller.phases import Phases
from evenkeel.controller.reports import Reports
from evenkeel.reconcilers import activity as activities
from evenkeel.reconcilers.asked import Asked, joined, read_asked
from evenkeel.reconcilers.commands import PHASES
from evenkeel.reconcilers.containers.found import at_work, content_of, digest_of, restoring, unanswered
from evenkeel.reconcilers.containers.select import ContainersWanted, select
from evenkeel.reconcilers.ports import Driver, Reconciler
from evenkeel.specs import updateagent
from evenkeel.specs.activity import Activity, Status, name_of
from evenkeel.specs.codec import changed, decode, encode
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import EvenkeelError, Refused, TimedOut, Unavailable
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.inventory import image_version, inventory
from evenkeel.specs.kanto import Manner
from evenkeel.specs.observed import ContainersSeen
from evenkeel.specs.plan import Difference
from evenkeel.specs.problem import problem_text
from evenkeel.specs.wire import MOST_BYTES, rescued_activity

log = logging.getLogger(__name__)

MOST_TRIES = 3
"""What breaks so often, a message or a command, is answered and not tried again."""
_MOST_SHOWN = 200


class AgentSettings(NamedTuple):
    """How the agent behaves. `system_containers`: names that no message touches, unless it brings a list of its own;
    `protected`: names that nobody touches. `alone_after`: without a command for so long it commands itself; `None` is
    never."""

    domain: str = "containers"
    system_containers: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    verbose: bool = False
    operation_timeout: timedelta = timedelta(hours=1)
    alone_after: timedelta | None = None
    patience: timedelta = timedelta(minutes=2)
    manner: Manner = Manner(takes_unknown_keys=True)


class _Found(NamedTuple):
    """What a look at a desired state's containers found."""

    seen: ContainersSeen
    differences: Sequence[Difference]


def topic_prefix(domain: str) -> str:
    """`containers` → `containersupdate`, `self-update` → `selfupdate` (container-management.md §1.1)."""
    bare = domain.replace("-", "")
    return bare if bare.endswith("update") else f"{bare}update"


class UpdateAgent:
    """One domain's agent. `arrived` and `reports` may be called at any time, `work` by one worker only."""

    def __init__(
        self,
        settings: AgentSettings,
        journal: Journal,
        driver: Driver[ContainersSeen],
        reconciler: Reconciler[ContainersWanted, ContainersSeen],
        phases: Phases,
        say: Callable[[Feedback], None],
        wake_worker: Callable[..., None],
        wake_sender: Callable[[], None],
        now: Now = system_now,
        clock: Clock = system_clock,
    ) -> None:
        self._settings, self._journal, self._mail = settings, journal, journal.mail
        self._reconciler, self._phases = reconciler, phases
        self._say, self._wake_worker, self._wake_sender, self._now = say, wake_worker, wake_sender, now
        self._idle = IdleTime(clock)
        self._broken: tuple[tuple[str, str], int] | None = None
        """A command by its activity, and how often in a row it broke."""
        prefix = topic_prefix(settings.domain)
        self.desired_topic, self.command_topic = f"{prefix}/desiredstate", f"{prefix}/desiredstate/command"
        self.get_topic, self.feedback_topic = f"{prefix}/currentstate/get", f"{prefix}/desiredstatefeedback"
        self._refused_topic = f"{self.desired_topic}#refused"
        """Nobody can publish here. In the inbox it stands for a desired state that was refused when it arrived."""
        system = {*settings.system_containers, *settings.protected}
        self.reports = Reports(
            f"{prefix}/currentstate",
            partial(inventory, settings.domain, verbose=settings.verbose, system=system),
            journal,
            driver,
            wake_sender,
            now,
        )

    # ── at any time ────────────────────────────────────────────────────────────────────────────────────────────

    async def arrived(
        self, topic: str, payload: bytes, *, packet: int = 0, duplicate: bool = False, retained: bool = False
    ) -> None:
        """A message is here; when this returns it is safe and may be acknowledged. `duplicate`: the broker says that it has
        tried to deliver it before, under the same id `packet`; what was heard then is not heard again. `retained`: the
        broker kept it, and nobody says it now. A question for the current state is left to `reports`: who dies before it is
        answered reports when it connects again."""
        if topic == self.get_topic:
            received = updateagent.read_envelope(payload, topic)
            if received.problems:
                self._ignored(topic, "; ".join(problem_text(problem) for problem in received.problems))
            else:
                self.reports.ask(received.activity_id)
            return
        if retained and not self._is_news(topic, payload):
            return
        if duplicate and self._mail.has_heard(topic, payload, packet):
            self._ignored(topic, "it was delivered before")
            return
        self._mail.take_in(topic, payload, packet=packet, retained=retained)
        activity = self._mail.activity()
        urgent = False
        if topic == self.command_topic:
            command = updateagent.read_command(payload, topic)
            urgent = isinstance(command, updateagent.Command) and command.activity_id == (activity and activity.id)
        elif self._takes_the_place(payload, activity):
            urgent = True
            self._say_what_it_waits_for(activity)
        else:
            self._answer_at_once(activity)
        if urgent:
            self._interrupt(activity)
        self._wake_worker(urgent=urgent)

    def _interrupt(self, activity: Activity | None) -> None:
        """Cut short what the command at work does, if something waits that does not wait for its end."""
        if activity is None or self._has_to_give_way(activity) or self._cut_short_by(activity) is not None:
            self._phases.interrupt()

    @at_once
    def _say_what_it_waits_for(self, activity: Activity | None) -> None:
        """The desired state of a download that goes on comes next, if nothing waits before it."""
        message = self._mail.incoming()
        if activity is None or message is None or message.topic != self.desired_topic:
            return
        if activity.command == "DOWNLOAD" and not self._has_to_give_way(activity):
            self._begin(message, activity.id, "waits for the DOWNLOAD that is at work")

    @at_once
    def _answer_at_once(self, activity: Activity | None) -> None:
        """A desired state that is refused, and ends nothing, needs no look: its answer waits only for those before it."""
        for message in self._mail.waiting_on(self.desired_topic)[:1]:
            asked = self._read(message.payload)
            if not self._takes_the_place(message.payload, activity):
                self._reject(asked.activity_id, joined(asked.reasons), message, activity)

    @at_once
    def arrived_cut(self, topic: str, beginning: bytes, size: int, *, retained: bool = False) -> None:
        """A message is here that is too large to be kept: who waits for an answer gets one, at once, unless the open
        activity has to be taken back before."""
        why = f"the message is larger than {MOST_BYTES // 1024**2} MiB: {size} bytes"
        if retained and not self._is_news(topic, beginning):
            return
        if topic != self.desired_topic:
            self._ignored(topic, why)
            return
        if retained:
            self._mail.remember_retained(topic, beginning)
        id_ = rescued_activity(beginning)
        activity = self._mail.activity()
        if _has_id(activity, id_):
            self._mail.take_in(self._refused_topic, encode((id_, why)))
            self._interrupt(activity)
            self._wake_worker(urgent=True)
            return
        self._say(Feedback("activity", f"{name_of(id_)}: IDENTIFICATION_FAILED, {why}"))
        self._mail.send(self._message(id_, updateagent.FeedbackMessage(status="IDENTIFICATION_FAILED", message=why)))
        self._wake_sender()

    @at_once
    def _is_news(self, topic: str, payload: bytes) -> bool:
        """Whether what a broker kept is to be obeyed: a state that was not heard yet. A command is for who hears it when it
        is said. It comes at every start, so its like is said once."""
        if self._mail.knows_retained(topic, payload):
            return False
        if topic != self.desired_topic:
            self._ignored(topic, "the broker kept it for who comes later (retained), and a command is for now")
        elif not self._mail.has_heard(topic, payload):
            return True
        elif not self._mail.heard_last(topic, payload):
            why = "the broker kept it (retained), but it was heard before something newer; to have it obeyed again"
            self._ignored(topic, f"{why}, publish it with QoS 1, or as another activity")
        self._mail.remember_retained(topic, payload)
        return False

    # ── the worker's part ──────────────────────────────────────────────────────────────────────────────────────

    async def work(self) -> None:
        """Deal with everything that waits; return when nothing does, when told to stop, or when nothing can be stored."""
        while not self._phases.stopping.is_set() and self._journal.is_durable:
            self._phases.resume()
            activity, message = self._mail.activity(), self._mail.incoming()
            if activity is not None and activities.is_over(activity):
                tell = partial(self._tell_at_work, baseline="")
                confirmed = await self._phases.confirm(activity, self._want(activity.target), tell)
                if confirmed is not None:
                    self._end(confirmed, activities.verdict(confirmed))
                    await self.reports.report(activity.id)
            elif activity is not None and activity.command and not self._has_to_give_way(activity):
                by = self._cut_short_by(activity)
                if by is None:
                    await self._carry_out(activity)
                else:
                    self._cut_short(activity, by)
            elif message is not None and message.tries >= MOST_TRIES:
                self._set_aside(message, activity)
            elif message is not None:
                self._mail.begin_try(message)
                await self._deal_with(message, activity)
                self._mail.end_try(message)
            elif activity is None or not self._is_due(activity):
                break

    def due_in_s(self) -> float | None:
        """In how many seconds the open activity wants to be looked at without a message."""
        activity = self._mail.activity()
        if activity is None:
            return None
        after_s, _ = self._unless_commanded(activity)
        return max(0.0, after_s - self._idle.of(activity))

    def _unless_commanded(self, activity: Activity) -> tuple[float, Literal["goes on", "ends"]]:
        """After how many seconds without a command it goes on alone, or ends."""
        alone_after, timeout_s = self._settings.alone_after, self._settings.operation_timeout.total_seconds()
        if activity.alone:
            return 0.0, "goes on"
        fresh = all(baseline.status == "IDENTIFIED" for baseline in activity.baselines)
        if fresh and alone_after is not None and alone_after.total_seconds() <= timeout_s:
            return alone_after.total_seconds(), "goes on"
        return timeout_s, "ends"

    @at_once
    def _is_due(self, activity: Activity) -> bool:
        """Begin what nobody commands: the next phase of an agent that is alone, or the end of one that was left."""
        idle_s = self._idle.of(activity)
        after_s, what = self._unless_commanded(activity)
        if idle_s < after_s:
            return False
        alone = what == "goes on"
        if not alone:
            activity = changed(activity, because=f"no command for {idle_s:.0f} s; it is ended")
            self._say(Feedback("activity", f"{name_of(activity.id)}: {activity.because}"))
        begun = activities.begin(activity, activities.next_alone(activity) if alone else "CLEANUP", "")
        assert isinstance(begun, Activity)
        self._mail.record(self._touched(changed(begun, alone=alone)))
        return True

    def _touched(self, activity: Activity) -> Activity:
        return self._idle.touched(activity, self._now())

    def _has_to_give_way(self, activity: Activity) -> bool:
        """Whether its command is not carried on, because what takes its place waits already. A clean-up is the end, and
        comes to it. A download that goes on is what the same desired state needs first: to begin it anew each time that an
        update manager has lost patience would never bring it to an end."""
        if activity.command == "CLEANUP" or activities.is_over(activity):
            return False
        waits_for_it = activity.command == "DOWNLOAD" and not any(action.waits_for for action in activity.actions)
        return self._is_followed(activity, but_by_itself=waits_for_it)

    def _is_followed(self, activity: Activity, *, but_by_itself: bool = False) -> bool:
        return bool(self._mail.waiting_on(self._refused_topic)) or any(
            self._takes_the_place(message.payload, activity)
            and not (but_by_itself and self._asks_again(message.payload, activity))
            for message in self._mail.waiting_on(self.desired_topic)
        )

    def _asks_again(self, payload: bytes, activity: Activity) -> bool:
        """Whether a desired state is the one of the open activity."""
        asked = self._read(payload)
        return (asked.activity_id, asked.content) == (activity.id, activity.content)

    def _takes_the_place(self, payload: bytes, activity: Activity | None) -> bool:
        """Whether a desired state begins an activity, or the open one again, or is refused and ends it."""
        try:
            asked = self._read(payload)
        except Exception:  # this is a peek; the same breaks again when its turn has come, and counts then
            log.exception("message cannot be read", extra={"fields": {"topic": self.desired_topic}})
            return False
        return not asked.reasons or _has_id(activity, asked.activity_id)

    def _cut_short_by(self, activity: Activity) -> str | None:
        """The command that waits and ends the one at work, "" for a desired state that does, `None` when nothing does. Only
        the first one for this activity counts: others may follow it in their turn."""
        waits = any(action.waits_for for action in activity.actions)
        if not activity.command:
            return "" if waits and self._is_followed(activity) else None
        for message in self._mail.waiting_on(self.command_topic):
            command = updateagent.read_command(message.payload, message.topic)
            if isinstance(command, updateagent.Command) and command.activity_id == activity.id:
                cuts = activities.is_cut_short(activity, command.command, command.baseline)
                return command.command if cuts else None
        return "" if waits and self._is_followed(activity) else None

    @at_once
    def _cut_short(self, activity: Activity, by: str) -> None:
        assert activity.command
        ended = self._touched(activities.cut_short(activity, by))
        self._tell(ended, PHASES[activity.command].badly, baseline=activity.addressed)

    async def _carry_out(self, activity: Activity) -> None:
        """The command at work, to its end or until it is interrupted."""
        tell = partial(self._tell_at_work, baseline=activity.addressed)
        try:
            want, before = self._want(activity.target), self._want_before(activity)
            ended = await self._phases.carry_out(activity, want, before, tell)
        except Exception as error:
            if isinstance(error, EvenkeelError) or not self._has_broken_often(activity):
                raise
            self._fail(defect_text(error))
            return
        self._broken = None
        if ended is None:
            return
        self._mail.record(self._touched(ended))

    def _has_broken_often(self, activity: Activity) -> bool:
        """Count that a command broke: after some tries in a row it fails, so that its sender hears of an end."""
        command = (activity.id, activity.command)
        tries = self._broken[1] + 1 if self._broken is not None and self._broken[0] == command else 1
        self._broken = (command, tries) if tries < MOST_TRIES else None
        return tries >= MOST_TRIES

    @at_once
    def _fail(self, why: str) -> None:
        """End the command at work badly, whatever it has come to."""
        activity = self._mail.activity()
        if activity is not None and activity.command:
            status, failed = activities.break_off(activity, f"internal error: {why}")
            self._tell(changed(failed, touched_at=self._now()), status, f"internal error: {why}", activity.addressed)

    def _end(self, activity: Activity, how: Status | Literal[""]) -> None:
        system = self._want(activity.target).system
        end_activity(self._journal, activity, how, system, self._now(), self._say)
        self._wake_sender()

    # ── messages ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _deal_with(self, message: Incoming, activity: Activity | None) -> None:
        if message.topic == self.desired_topic:
            await self._desired_state(message, activity)
        elif message.topic == self._refused_topic:
            await self._refuse(*decode(message.payload, tuple[str, str]), message, activity)
        elif message.topic == self.command_topic:
            self._command(message, activity)
        else:
            self._ignored(message.topic, "nobody here knows this topic")
            self._mail.record(activity, dealt_with=message)

    @at_once
    def _set_aside(self, message: Incoming, activity: Activity | None) -> None:
        """A message on which the agent broke again and again, also over restarts: answer it, keep it for people to look at,
        and go on with the next."""
        why = f"evenkeel broke on this message {message.tries} times (an internal error, which its log has); it is set aside"
        self._mail.set_aside(message.topic, message.payload, why)
        if message.topic == self.desired_topic:
            self._reject(rescued_activity(message.payload), why, message, activity)
        else:
            self._ignored(message.topic, f"{why}: {message.payload[:_MOST_SHOWN]!r}")
            self._mail.record(activity, dealt_with=message)

    @at_once
    def _command(self, message: Incoming, activity: Activity | None) -> None:
        command = updateagent.read_command(message.payload, message.topic)
        if not isinstance(command, updateagent.Command):
            self._ignored(message.topic, "; ".join(problem_text(problem) for problem in command))
            self._mail.record(activity, dealt_with=message)
            return
        if activity is None or command.activity_id != activity.id:
            open_one = f"activity {name_of(activity.id)} is open" if activity else "no activity is open"
            self._ignored(
                message.topic, f"{command.command} for activity {name_of(command.activity_id)}, but {open_one}"
            )
            self._mail.record(activity, dealt_with=message)
            return
        begun = activities.begin(activity, command.command, command.baseline)
        if isinstance(begun, activities.Refusal):
            refusal = self._feedback(activity, begun.status, begun.message, command.baseline)
            self._mail.record(activity, [refusal], message)
            self._wake_sender()
            return
        self._mail.record(self._touched(changed(begun, alone=False)), dealt_with=message)

    async def _desired_state(self, message: Incoming, open_one: Activity | None) -> None:
        asked = self._read(message.payload)
        if asked.reasons:
            await self._refuse(asked.activity_id, joined(asked.reasons), message, open_one)
            return
        self._journal.forgive(asked.target.digest, images=False)
        if open_one is not None and self._asks_again(message.payload, open_one):
            self._begin_again(message, open_one)
            return
        self._begin(message, asked.activity_id)
        waits = partial(self._waits, asked.activity_id)
        found = await self._look(asked, waits)
        if open_one is not None and isinstance(found, _Found):
            if not await self._take_back(open_one, "" if open_one.id == asked.activity_id else "SUPERSEDED", waits):
                return
            open_one, found = None, await self._look(asked, waits)
        if isinstance(found, _Found):
            self._identify(message, asked, found.seen, found.differences)
        elif found is not None and self._is_sent_again(message, asked.activity_id):
            self._mail.record(open_one, dealt_with=message)  # the answer to the later one is the answer to both
        elif found is not None:
            await self._refuse(asked.activity_id, found, message, open_one)

    def _is_sent_again(self, message: Incoming, id_: str) -> bool:
        """Whether another desired state under the same id waits behind this one."""
        later = [each for each in self._mail.waiting_on(self.desired_topic) if each.id > message.id]
        return any(updateagent.read_envelope(each.payload).activity_id == id_ for each in later)

    @at_once
    def _begin(self, message: Incoming, id_: str, why: str = "") -> None:
        """A look takes as long as registries and engine do, and who waits hears, once, that it goes on."""
        if not message.begun:
            identifying = updateagent.FeedbackMessage(status="IDENTIFYING", message=why)
            self._mail.begin(message, self._message(id_, identifying))
            self._wake_sender()

    @at_once
    def _begin_again(self, message: Incoming, activity: Activity) -> None:
        """The open activity is asked for again, by an update manager that was restarted, or by whoever did not hear an
        answer: it begins with DOWNLOAD again. That needs no look, so nothing can keep it from an answer; what is left to do
        is found out by each phase."""
        self._begin(message, activity.id)
        begun = self._touched(activities.begin_again(activity))
        self._say(
            Feedback("activity", f"{name_of(begun.id)}: IDENTIFIED, asked for again", revision=begun.target.digest)
        )
        self._mail.record(begun, [self._feedback(begun, "IDENTIFIED", begun.notes)], message)
        self._wake_sender()

    def _waits(self, id_: str, why: str) -> None:
        """Say to whoever waits for IDENTIFIED which trouble is waited out."""
        if why:
            self._mail.send(self._message(id_, updateagent.FeedbackMessage(status="IDENTIFYING", message=why)))
            self._wake_sender()

    async def _take_back(self, activity: Activity, how: Status | Literal[""], waits: Waits) -> bool:
        """Undo what an open activity began, keep what it activated, and say how it ended, if at all. False when told to stop
        meanwhile."""
        want, before = self._want(activity.target), self._want_before(activity)
        ended = await self._phases.end_silently(activity, want, before, waits)
        if ended is None:
            return False
        self._end(ended, how)
        return True

    async def _refuse(self, id_: str, why: str, message: Incoming, open_one: Activity | None) -> None:
        """Answer a desired state that cannot be followed. An open activity stays as it is, unless it has the same id: for
        whoever follows it, that is its end."""
        if open_one is not None and _has_id(open_one, id_):
            if not await self._take_back(open_one, "", partial(self._waits, id_)):
                return
            open_one = None
        self._reject(id_, why, message, open_one)

    async def _look(self, asked: Asked, waits: Waits) -> _Found | str | None:
        """What differs, or why nothing can be said of it; `None` when told to stop."""
        want = self._want(asked.target)
        try:
            seen = await self._phases.observe(changed(self._reconciler.look(want), fresh=True), waits)
        except (Unavailable, TimedOut, Refused) as error:
            return error.message
        if seen is None:
            return None
        self._forgive_images(want, seen)
        differences = self._reconciler.diff(want, seen, self._journal.history())
        blocked = [f"{each.subject}: {each.why}" for each in differences if each.verb == "blocked"]
        return joined(blocked) if blocked else _Found(seen, differences)

    @at_once
    def _forgive_images(self, want: ContainersWanted, seen: ContainersSeen) -> None:
        """Content that failed is tried again where this desired state asks for it, and where the engine has it no more: it
        may be what a registry names now."""
        asked_for = content_of({container.image for container, _ in want.documents}, seen)
        here = {*seen.images.values(), *seen.digests.values()}
        for image in self._journal.history().rejected:
            if image in asked_for or image not in here:
                self._journal.forgive(image, images=False)

    @at_once
    def _identify(
        self, message: Incoming, asked: Asked, seen: ContainersSeen, differences: Sequence[Difference]
    ) -> None:
        instances = at_work(seen, self._journal.history())
        there = {
            name: activities.AtWork(image_version(each.image), each.image_id, digest_of(each, seen))
            for name, each in instances.items()
        }
        want = self._want(asked.target)
        followed = {each.name: each.image for each, _ in want.documents if each.image in seen.remote}
        promised = {name: seen.remote[image].digest for name, image in followed.items()}
        actions = activities.identify(asked.components, differences, there, want.system, promised)
        doubts = tuple(unanswered(self._reconciler.look(want).images, seen))
        notes = "; ".join(filter(None, [asked.notes, joined(doubts)]))
        domain, now = self._settings.domain, self._now()
        names = [name for name, _ in asked.components]
        activity = Activity(
            id=asked.activity_id,
            topic=message.topic,
            domain=domain,
            target=asked.target,
            before=restoring(instances),
            actions=actions,
            baselines=activities.baselines(domain, asked.baselines, names, actions),
            begun_at=now,
            touched_at=now,
            content=asked.content,
            notes=notes,
        )
        count = f"{len(actions)} action{'s' * (len(actions) != 1)}"
        left_alone = "".join(f"; {name} is a system container and left alone" for name in names if name in want.system)
        doubted = f"; {notes}" if notes else ""
        text = f"{name_of(activity.id)}: IDENTIFIED, {count}{left_alone}{doubted}"
        self._say(Feedback("activity", text, revision=asked.target.digest))
        activity = self._touched(activity)
        self._mail.record(activity, [self._feedback(activity, "IDENTIFIED", notes)], message)
        self._wake_sender()

    @at_once
    def _reject(self, id_: str, why: str, message: Incoming, open_one: Activity | None) -> None:
        """Say why a desired state is refused, beside what is open."""
        self._say(Feedback("activity", f"{name_of(id_)}: IDENTIFICATION_FAILED, {why}"))
        tell_ended(self._journal, id_, "IDENTIFICATION_FAILED", why)
        failed = updateagent.FeedbackMessage(status="IDENTIFICATION_FAILED", message=why)
        self._mail.record(open_one, [self._message(id_, failed)], message)
        self._wake_sender()

    # ── words ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell_at_work(self, activity: Activity, status: Status, baseline: str) -> None:
        """Trouble is not waited out while something waits that would cut it short."""
        self._tell(activity, status, baseline=baseline)
        if any(action.waits_for for action in activity.actions):
            self._interrupt(activity)

    def _tell(self, activity: Activity, status: Status, message: str = "", baseline: str = "") -> None:
        self._mail.record(activity, [self._feedback(activity, status, message, baseline)])
        self._wake_sender()

    def _feedback(self, activity: Activity, status: Status, message: str = "", baseline: str = "") -> Outgoing:
        return self._message(activity.id, activities.feedback(activity, status, message, baseline))

    def _message(self, id_: str, feedback: updateagent.FeedbackMessage) -> Outgoing:
        return Outgoing(self.feedback_topic, updateagent.feedback_bytes(id_, self._now_ms(), feedback))

    def _ignored(self, topic: str, why: str) -> None:
        self._say(Feedback("message-ignored", why, place=topic))

    def _read(self, payload: bytes) -> Asked:
        settings = self._settings
        return read_asked(payload, self.desired_topic, settings.domain, settings.manner)

    def _want(self, state: DesiredState) -> ContainersWanted:
        """A state's own list of system containers replaces the configured one, for this state only (§1.5). What it asks of
        them is passed over, as the original does (§2.1)."""
        has_own = any(document.kind == "SystemContainers" for document in state.documents)
        settings = self._settings
        want = select(state, (*settings.protected, *(() if has_own else settings.system_containers)))
        return want._replace(documents=tuple(each for each in want.documents if each[0].name not in want.system))

    def _want_before(self, activity: Activity) -> ContainersWanted:
        """What was there, seen with the same list of system containers as the target: the way back is as wide as the way."""
        return self._want(activity.before)._replace(system=self._want(activity.target).system)

    def _now_ms(self) -> int:
        return int(self._now() * 1000)


def _has_id(activity: Activity | None, id_: str) -> bool:
    """Whether an open activity is followed by this id; one without an id is not followed."""
    return activity is not None and activity.id == id_ != ""
