"""The progress of a command at one component, as feedback."""

from __future__ import annotations

import asyncio

from evenkeel.controller.participants.participant import Tell
from evenkeel.reconcilers.agents import activity as activities
from evenkeel.reconcilers.agents.commands import MEASURED, PHASES
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Status
from evenkeel.specs.plan import Step

_EVERY_S = 1.0


class Progress:
    """Trouble that is waited out, and per cents in feedback, at most once a second and only when they changed.
    Nothing is told before it is the component's turn, because feedback is about one component after the other."""

    def __init__(self, action: ActivityAction, tell: Tell, status: Status, activity: Activity | None = None) -> None:
        """With an `activity`, it is the component's turn at once."""
        self._activity, self._action, self._tell = activity, action, tell
        self._status: Status = status
        self._told_at = asyncio.get_running_loop().time()
        self._per_cent, self._size = 0, 0
        self._is_over = False
        self._trouble = ""

    def begin(self, activity: Activity) -> None:
        """It is the component's turn: tell its trouble, if it has some already."""
        self._activity = None if self._is_over else activity
        if self._trouble:
            self.waits(self._trouble)

    def end(self) -> None:
        """The command is over. An engine that goes on by itself may still report: nobody hears it."""
        self._activity, self._is_over = None, True

    def waits(self, why: str) -> None:
        """Report the trouble that is waited out, beside the action's status and progress."""
        self._trouble = why
        if self._activity is not None:
            self._say(activities.wait(self._activity, self._action.subject, why))

    def __call__(self, step: Step, message: str, done: int, total: int) -> None:
        """A step of the component has made progress."""
        activity, now = self._activity, asyncio.get_running_loop().time()
        per_cent = min(100, done * 100 // total) if total > 0 else 0
        if step.action.traits.fetches:
            self._size = max(self._size, total)
        if activity is None or not activity.command or (activity.command, self._action.kind) not in MEASURED:
            return
        if per_cent > self._per_cent and now - self._told_at >= _EVERY_S:
            self._told_at, self._per_cent = now, per_cent
            moving = activities.mark(activity, self._action.subject, PHASES[activity.command].action_working)
            self._say(self.measured(moving))

    def measured(self, activity: Activity) -> Activity:
        """An activity with the per cents that were told, and the size of what is fetched."""
        return activities.measure(activity, self._action.subject, self._per_cent, self._size)

    def _say(self, activity: Activity) -> None:
        self._activity = activity
        self._tell(activity, self._status)
