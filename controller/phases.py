"""Carry out the phases of an activity, one component after the other.

Level-based like everything else: a phase that was interrupted, by a crash or by a newer desired state, is begun again and
does only what is left of it. Trouble that may pass is waited out for a while before it counts as failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from evenkeel.controller.clock import Now, system_now
from evenkeel.controller.cycle import Cycles, Known, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.stopping import unless
from evenkeel.reconcilers import activity as activities
from evenkeel.reconcilers.commands import PHASES, gives_way, opens
from evenkeel.reconcilers.containers.found import ailing, digest_of, is_restless
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.gate import IsOpen, all_open
from evenkeel.reconcilers.ports import Driver
from evenkeel.specs.activity import Activity, ActivityAction, Status
from evenkeel.specs.codec import changed
from evenkeel.specs.container import Container
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.observed import ContainersSeen, Look
from evenkeel.specs.plan import Done, History, Phase, Step, Verify

Tell = Callable[[Activity, Status], None]
"""Store what an activity has become and say it."""
Waits = Callable[[str], None]
"""Say which trouble is being waited out; "" when it has passed."""

_PROGRESS_EVERY_S = 1.0
_LONGEST_WAIT_S = 10.0
_MOST_PROOFS = 5
"""Who is stopped by somebody again and again while he is watched does not become proven."""


class _Interrupted(Exception):
    """Told to stop, or something has come that does not wait."""


class Phases:
    """The hands of an update agent."""

    def __init__(
        self,
        driver: Driver[ContainersSeen],
        cycles: Cycles,
        stopping: asyncio.Event,
        patience: timedelta = timedelta(minutes=2),
        now: Now = system_now,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """`patience`: for how long passing trouble is waited out; with an engine that is away once, not once for each
        container. `alive` is called whenever something is tried."""
        self._driver, self._cycles, self._alive = driver, cycles, alive
        self._patience_s, self._now = patience.total_seconds(), now
        self._interrupted = asyncio.Event()
        self._away_since: float | None = None
        self.stopping = stopping

    def interrupt(self) -> None:
        """Cut short what can be cut short."""
        self._interrupted.set()

    def resume(self) -> None:
        """Forget an interruption, unless it was meant for good."""
        if not self.stopping.is_set():
            self._interrupted.clear()

    async def observe(self, look: Look, waits: Waits, cut: asyncio.Event | None = None) -> ContainersSeen | None:
        """One look, waiting out passing trouble; raises what is left after that, or when cut short. `None` when told to stop
        meanwhile. `cut`: what cuts it short instead of `interrupt`."""
        trouble = _Trouble(waits)
        while True:
            self._alive()
            try:
                seen: ContainersSeen = await self._cycles.observe(look)
                self._away_since = None
                trouble.say("")
                return seen
            except (Unavailable, TimedOut, Refused) as error:
                if self._away_for_s() >= self._patience_s:
                    raise
                trouble.say(error.message)
                if not await _pause(1.0, cut or self._interrupted):
                    if self.stopping.is_set():
                        return None
                    raise

    def _away_for_s(self) -> float:
        """For how long the engine has been found away."""
        now = asyncio.get_running_loop().time()
        self._away_since = now if self._away_since is None else self._away_since
        return now - self._away_since

    def _check_interrupted(self) -> None:
        if self._interrupted.is_set():
            raise _Interrupted

    async def carry_out(
        self, activity: Activity, want: ContainersWanted, before: ContainersWanted, tell: Tell
    ) -> Activity | None:
        """The activity after its command ended, well or badly; `None` when it was interrupted."""
        self._away_since = None
        self._cycles.about((activity.before if activity.command == "ROLLBACK" else activity.target).digest)
        try:
            match activity.command:
                case "ROLLBACK":
                    return await self._roll_back(activity, before, tell)
                case "CLEANUP":
                    return await self._clean_up(activity, want, before, tell, self._interrupted)
                case _:
                    return await self._go_forward(activity, want, tell)
        except _Interrupted:
            return None

    async def end_silently(
        self, activity: Activity, want: ContainersWanted, before: ContainersWanted, waits: Waits
    ) -> Activity | None:
        """Clean up an activity that another takes the place of, without a word of it; `None` when told to stop meanwhile.
        Nothing else cuts it short, or it would be left half done and forgotten. Whoever sent the other hears which trouble
        is waited out."""
        cleaning = changed(activity, command="CLEANUP", addressed="")

        def tell(now: Activity, status: Status) -> None:
            for action in now.actions if status == "CLEANUP" else ():
                if action.waits_for:
                    waits(f"{action.subject}: {action.waits_for}")

        try:
            return await self._clean_up(cleaning, want, before, tell, self.stopping)
        except _Interrupted:
            return None

    async def _go_forward(self, activity: Activity, want: ContainersWanted, tell: Tell) -> Activity:
        command = activity.command
        assert command
        phase = PHASES[command]
        for action in activities.to_do(activity):
            activity = activities.mark(activity, action.subject, phase.action_working)
            tell(activity, phase.working)
            report, waits = _Progress(activity, action, tell), _waiting(activity, action, tell, phase.working)
            known = _meant(action, want)
            why = await self._drive(action, want, opens(command), self._interrupted, waits, known, report)
            ended = False
            if not why and command == "DOWNLOAD":
                why, activity = await self._settle_content(activity, action, waits)
            elif not why and command == "ACTIVATE":
                why, ended = await self._judge(action, waits)
            if why:
                activity = activities.fail(activity, action.subject, why)
                tell(activity, phase.badly)
                return activity
            activity = activities.end_well(activity, action, ended=ended)
        activity = activities.finish(activity, well=True)
        tell(activity, phase.well)
        return activity

    async def _settle_content(self, activity: Activity, action: ActivityAction, waits: Waits) -> tuple[str, Activity]:
        """From here on what was fetched is meant, even if the tag is pushed again or nobody can say what it names."""
        try:
            seen = await self.observe(Look(subject=action.subject), waits)
        except (Unavailable, TimedOut, Refused) as error:
            self._check_interrupted()
            return error.message, activity
        if seen is None:
            raise _Interrupted
        own = [each for each in seen.containers if each.name == action.subject and each.container is not None]
        newest = max(
            own, key=lambda each: (each.created_at, seen.images.get(each.image) == each.image_id), default=None
        )
        return "", activities.settle_content(activity, action.subject, digest_of(newest, seen) if newest else "")

    async def _judge(self, action: ActivityAction, waits: Waits) -> tuple[str, bool]:
        """Why something that counts as started is not well, and whether it has come to its end instead of running."""
        try:
            seen = await self.observe(Look(subject=action.subject), waits)
        except (Unavailable, TimedOut, Refused) as error:
            self._check_interrupted()
            return error.message, False
        if seen is None:
            raise _Interrupted
        return await self._verdict(action, seen)

    async def _verdict(self, action: ActivityAction, seen: ContainersSeen) -> tuple[str, bool]:
        own = tuple(each for each in seen.containers if each.name == action.subject)
        for each in own:
            if is_restless(each, self._now()) and not each.exit_code and each.container is not None:
                return await self._watch(each.id, each.container)
        if any(each.state == "running" or each.state == "restarting" for each in own):
            return "; ".join(ailing(changed(seen, containers=own), History(), self._now())), False
        return "", True

    async def _watch(self, instance: str, container: Container) -> tuple[str, bool]:
        """As `_judge`, of one that is started again and again: only time tells how it ends."""
        proof = await unless(
            self._interrupted,
            self._driver.perform(Verify(instance, container), lambda message, done, total: self._alive()),
        )
        if proof is None:
            raise _Interrupted
        return ("", False) if isinstance(proof, Done) else (proof.message, False)

    async def _roll_back(self, activity: Activity, before: ContainersWanted, tell: Tell) -> Activity:
        """Back to what was there, component by component; one that fails does not keep the others from it. Also what was
        not begun is compared with what was there, but it is told only when that fails."""
        subjects = {subject for baseline in activities.at_work(activity) for subject in baseline.subjects}
        actions = [action for action in activity.actions if action.subject in subjects]
        left = activities.to_roll_back(activity)
        told = [action for action in left if activities.is_rollback_told(activity, action)]
        if told:
            activity = activities.mark(activity, told[0].subject, "UPDATING")
            tell(activity, "ROLLBACK")
        await self._give_way(left, before, self._interrupted, lambda each: _waiting(activity, each, tell, "ROLLBACK"))
        well = True
        for action in left:
            if action in told[1:]:
                activity = activities.mark(activity, action.subject, "UPDATING")
                tell(activity, "ROLLBACK")
            waits = _waiting(activity, action, tell, "ROLLBACK")
            why = await self._restore(action, before, self._interrupted, waits)
            well = well and not why
            if why:
                activity = activities.mark(activity, action.subject, "UPDATE_FAILURE", why)
            elif action in told:
                activity = activities.end_well(activity, action)
            if (why or action in told) and action.subject != actions[-1].subject:
                tell(activity, "ROLLBACK")
        activity = activities.finish(activity, well=well)
        tell(activity, "ROLLBACK_SUCCESS" if well else "ROLLBACK_FAILURE")
        return activity

    async def _clean_up(
        self, activity: Activity, want: ContainersWanted, before: ContainersWanted, tell: Tell, cut: asyncio.Event
    ) -> Activity:
        """Remove what was replaced where it was activated and is well, and what was begun where it was not."""
        activity, well = await self._judge_again(activity, tell, cut)
        undone = activities.undone(activity)
        taken_back = {action.subject for action in undone}
        await self._give_way(undone, before, cut, lambda each: _waiting(activity, each, tell, "CLEANUP"))
        for action in undone:
            why = await self._restore(action, before, cut, _waiting(activity, action, tell, "CLEANUP"))
            if why:
                well = False
                activity = activities.mark(activity, action.subject, "REMOVAL_FAILURE", why)
        for action in activities.to_do(activity):
            if action.subject in taken_back:
                continue
            waits = _waiting(activity, action, tell, "CLEANUP")
            why = await self._drive(action, want, opens("CLEANUP"), cut, waits, _meant(action, want))
            if why and action.kind == "destroy":
                well = False
                activity = activities.mark(activity, action.subject, "REMOVAL_FAILURE", why)
            else:
                activity = activities.end_well(activity, action)
        activity = activities.finish(activity, well=well)
        tell(activity, "CLEANUP_SUCCESS" if well else "CLEANUP_FAILURE")
        return activity

    async def _judge_again(self, activity: Activity, tell: Tell, cut: asyncio.Event) -> tuple[Activity, bool]:
        """Hours may have passed since something was activated. What is not well any more counts as not activated: this is
        the last moment at which what it replaced is still there. False when not all could be looked at."""
        all_seen = True
        for action in activities.activated(activity):
            try:
                waits = _waiting(activity, action, tell, "CLEANUP")
                seen = await self.observe(Look(subject=action.subject), waits, cut)
            except (Unavailable, TimedOut, Refused) as error:
                if cut.is_set():
                    raise _Interrupted from error
                all_seen = False
                activity = activities.mark(activity, action.subject, "REMOVAL_FAILURE", error.message)
                continue
            if seen is None:
                raise _Interrupted
            why, _ = await self._verdict(action, seen)
            if why:
                activity = activities.disprove(activity, action.subject, why)
        return activity, all_seen

    async def _give_way(
        self,
        actions: Sequence[ActivityAction],
        before: ContainersWanted,
        cut: asyncio.Event,
        waits: Callable[[ActivityAction], Waits],
    ) -> None:
        """The first half of a way back, for all at once: two may have exchanged what only one can have, such as a port.
        What fails here fails again in the second half, and is told there."""
        for action in actions if len(actions) > 1 else ():
            await self._restore(action, before, cut, waits(action), gives_way)

    async def _restore(
        self,
        action: ActivityAction,
        before: ContainersWanted,
        cut: asyncio.Event,
        waits: Waits,
        is_open: IsOpen = all_open,
    ) -> str:
        """Back to what was there, also to its content; "" when it went well, else why not."""
        try:
            seen = await self._cycles.observe(Look(subject=action.subject))
        except (Unavailable, TimedOut, Refused):
            seen = None  # the same trouble is waited out below
        newer: tuple[str, ...] = ()
        if seen is not None and action.image_before:
            own = {each.image_id for each in seen.containers if each.name == action.subject}
            newer = tuple(sorted(own - {action.image_before}))
        return await self._drive(action, before, is_open, cut, waits, Known(rejected=newer))

    async def _drive(
        self,
        action: ActivityAction,
        want: ContainersWanted,
        is_open: IsOpen,
        cut: asyncio.Event,
        waits: Waits,
        known: Known,
        progress: Callable[[Step, str, int, int], None] = lambda step, message, done, total: None,
    ) -> str:
        """As far as the gate is open; "" when it went well, else why not. `cut` interrupts it; `waits` hears why something is
        tried again."""
        loop = asyncio.get_running_loop()
        own = tuple(wanted for wanted in want.documents if wanted[0].name == action.subject)
        want = want._replace(documents=own)  # no others are compared, no others' images looked up
        deadline, wait_s, proofs = loop.time() + self._patience_s, 0.5, 0
        trouble = _Trouble(waits)
        while True:
            self._alive()
            ending = await self._cycles.towards(want, action.subject, is_open, cut, progress, known)
            match ending:
                case Settled():
                    trouble.say("")
                    self._away_since = None
                    return ""
                case Progressed():
                    trouble.say("")
                    deadline, wait_s, self._away_since = loop.time() + self._patience_s, 0.5, None
                case Stalled(why=why):
                    return why
                case Retrying(why=why, phase=phase):
                    why = why.removeprefix(f"{action.subject}: ")
                    away_s = self._away_for_s() if phase is None else 0.0
                    proofs += phase == Phase.VERIFY
                    if loop.time() >= deadline or away_s >= self._patience_s or proofs >= _MOST_PROOFS:
                        return why
                    trouble.say(why)
                    if not await _pause(wait_s, cut):
                        raise _Interrupted
                    wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
                case Waiting():
                    raise _Interrupted


def _meant(action: ActivityAction, want: ContainersWanted) -> Known:
    """The content of the image: once it is settled, that; until then what is found, or was when it was identified."""
    images = [container.image for container, _ in want.documents if container.name == action.subject]
    if action.digest is None:
        return Known(promised=dict.fromkeys(images, action.promised))
    return Known(dict.fromkeys(images, action.digest))


async def _pause(seconds: float, cut: asyncio.Event) -> bool:
    """Wait; False when cut short."""
    try:
        await asyncio.wait_for(cut.wait(), seconds)
    except TimeoutError:
        return True
    return False


def _waiting(activity: Activity, action: ActivityAction, tell: Tell, status: Status) -> Waits:
    """Tell of an action, beside its status, which trouble is being waited out."""
    return lambda why: tell(activities.wait(activity, action.subject, why), status)


class _Trouble:
    """Says a reason when it is another than the last."""

    def __init__(self, waits: Waits) -> None:
        self._waits, self._said = waits, ""

    def say(self, why: str) -> None:
        if why != self._said:
            self._said = why
            self._waits(why)


class _Progress:
    """Bytes of a pull → per cent in feedback, at most once a second and only when it changed."""

    def __init__(self, activity: Activity, action: ActivityAction, tell: Tell) -> None:
        self._activity, self._action, self._tell = activity, action, tell
        self._told_at, self._per_cent = asyncio.get_running_loop().time(), 0

    def __call__(self, step: Step, message: str, done: int, total: int) -> None:
        now = asyncio.get_running_loop().time()
        per_cent = min(100, done * 100 // total) if total > 0 else 0
        if (
            self._activity.command != "DOWNLOAD"
            or per_cent <= self._per_cent
            or now - self._told_at < _PROGRESS_EVERY_S
        ):
            return
        self._told_at, self._per_cent = now, per_cent
        self._tell(
            activities.mark(self._activity, self._action.subject, "DOWNLOADING", progress=per_cent), "DOWNLOADING"
        )
