"""Carry out the phases of an activity, one component after the other.

Level-based like everything else: a phase that was interrupted, by a crash or by a newer desired state, is begun again and
does only what is left of it. Trouble that may pass is waited out for a while before it counts as failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from evenkeel.controller.cycle import Cycles, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.journal import Journal
from evenkeel.reconcilers import activity as activities
from evenkeel.reconcilers.containers.naming import engine_name
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.gate import IsOpen, all_open
from evenkeel.reconcilers.ports import Driver
from evenkeel.specs.activity import Activity, ActivityAction, Status
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.errors import TimedOut, Unavailable
from evenkeel.specs.observed import ContainersSeen
from evenkeel.specs.plan import Step

Tell = Callable[[Activity, Status], None]
"""Store what an activity has become and say it."""

_PROGRESS_EVERY_S = 1.0
_LONGEST_WAIT_S = 10.0


class _Interrupted(Exception):
    """Told to stop, or a newer desired state has come."""


def all_instances(seen: ContainersSeen) -> DesiredState:
    """What there is of evenkeel's, whether it runs or not: what a rollback restores."""
    return desired_state(
        [
            Document("Container", each.name, each.container)
            for each in seen.containers
            if each.container is not None and each.engine_name == engine_name(each.name)
        ]
    )


class Phases:
    """The hands of an update agent."""

    def __init__(
        self,
        journal: Journal,
        driver: Driver[ContainersSeen],
        cycles: Cycles,
        stopping: asyncio.Event,
        patience: timedelta = timedelta(minutes=2),
    ) -> None:
        """`patience`: for how long passing trouble is waited out."""
        self._journal, self._driver, self._cycles = journal, driver, cycles
        self._patience_s = patience.total_seconds()
        self._interrupted = asyncio.Event()
        self.stopping = stopping

    def interrupt(self) -> None:
        """Cut short what can be cut short."""
        self._interrupted.set()

    def resume(self) -> None:
        """Forget an interruption, unless it was meant for good."""
        if not self.stopping.is_set():
            self._interrupted.clear()

    def keep_hands_off(self, activity: Activity | None) -> None:
        """Leave to the activity what it is about; everything else is still kept as desired."""
        actions = activity.actions if activity is not None else ()
        self._cycles.hands_off = frozenset(action.subject for action in actions if action.kind != "check")

    async def observe(self, images: Sequence[str]) -> ContainersSeen:
        """One look, waiting out passing trouble; raises what is left after that."""
        deadline = asyncio.get_running_loop().time() + self._patience_s
        while True:
            try:
                return await self._driver.observe(self._journal.adopted(), images)
            except (Unavailable, TimedOut):
                if asyncio.get_running_loop().time() > deadline or not await self._pause(1.0):
                    raise

    async def carry_out(
        self, activity: Activity, want: ContainersWanted, before: ContainersWanted, tell: Tell
    ) -> Activity | None:
        """The activity after its command ended, well or badly; `None` when it was interrupted."""
        try:
            match activity.command:
                case "ROLLBACK":
                    return await self._roll_back(activity, before, tell)
                case "CLEANUP":
                    return await self._clean_up(activity, want, before, tell)
                case _:
                    return await self._go_forward(activity, want, tell)
        except _Interrupted:
            return None

    async def take_back(self, activity: Activity, before: ContainersWanted) -> None:
        """Silently undo what is not activated of an activity that another takes the place of."""
        for action in activities.undone(changed(activity, command="CLEANUP", addressed="")):
            with suppress(_Interrupted):
                await self._drive(action, before, all_open)

    async def _go_forward(self, activity: Activity, want: ContainersWanted, tell: Tell) -> Activity:
        command = activity.command
        assert command
        phase = activities.PHASES[command]
        for action in activities.to_do(activity):
            activity = activities.mark(activity, action.subject, phase.action_working)
            tell(activity, phase.working)
            why = await self._drive(action, want, activities.opens(command), _Progress(activity, action, tell))
            if why:
                activity = activities.mark(activity, action.subject, phase.action_badly, why)
                activity = activities.finish(activity, well=False)
                tell(activity, phase.badly)
                return activity
            activity = activities.end_well(activity, action)
        activity = activities.finish(activity, well=True)
        tell(activity, phase.well)
        return activity

    async def _roll_back(self, activity: Activity, before: ContainersWanted, tell: Tell) -> Activity:
        """Back to what was there, component by component; one that fails does not keep the others from it."""
        subjects = {subject for baseline in activities.at_work(activity) for subject in baseline.subjects}
        actions = [action for action in activity.actions if action.subject in subjects]
        well = True
        for action in actions:
            if action.kind == "check":
                continue
            activity = activities.mark(activity, action.subject, "UPDATING")
            tell(activity, "ROLLBACK")
            why = await self._drive(action, before, all_open)
            well = well and not why
            activity = activities.end_well(activity, action)
            if why:
                activity = activities.mark(activity, action.subject, "UPDATE_FAILURE", why)
            if action is not actions[-1]:
                tell(activity, "ROLLBACK")
        activity = activities.finish(activity, well=well)
        tell(activity, "ROLLBACK_SUCCESS" if well else "ROLLBACK_FAILURE")
        return activity

    async def _clean_up(
        self, activity: Activity, want: ContainersWanted, before: ContainersWanted, tell: Tell
    ) -> Activity:
        """Remove what was replaced where it was activated, and what was begun where it was not."""
        well = True
        taken_back = {action.subject for action in activities.undone(activity)}
        for action in activities.undone(activity):
            await self._drive(action, before, all_open)
        for action in activities.to_do(activity):
            if action.subject in taken_back:
                continue
            why = await self._drive(action, want, activities.opens("CLEANUP"))
            if why and action.kind == "destroy":
                well = False
                activity = activities.mark(activity, action.subject, "REMOVAL_FAILURE", why)
            else:
                activity = activities.end_well(activity, action)
        activity = activities.finish(activity, well=well)
        tell(activity, "CLEANUP_SUCCESS" if well else "CLEANUP_FAILURE")
        return activity

    async def _drive(
        self,
        action: ActivityAction,
        want: ContainersWanted,
        is_open: IsOpen,
        progress: Callable[[Step, str, int, int], None] = lambda step, message, done, total: None,
    ) -> str:
        """As far as the gate is open; "" when it went well, else why not."""
        loop = asyncio.get_running_loop()
        deadline, wait_s = loop.time() + self._patience_s, 0.5
        while True:
            ending = await self._cycles.towards(want, action.subject, is_open, self._interrupted, progress)
            match ending:
                case Settled():
                    return ""
                case Progressed():
                    deadline, wait_s = loop.time() + self._patience_s, 0.5
                case Stalled(why=why):
                    return why
                case Retrying(why=why):
                    if loop.time() >= deadline:
                        return why
                    if not await self._pause(wait_s):
                        raise _Interrupted
                    wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
                case Waiting():
                    raise _Interrupted

    async def _pause(self, seconds: float) -> bool:
        """Wait; False when interrupted meanwhile."""
        try:
            await asyncio.wait_for(self._interrupted.wait(), seconds)
        except TimeoutError:
            return True
        return False


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
