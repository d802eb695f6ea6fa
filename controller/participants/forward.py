"""The commands that lead to the target: DOWNLOAD, UPDATE and ACTIVATE, for several components side by side.

Components begin in their order, a few at a time; no message has dependencies between them. A component that is only
watched takes no place. Feedback is about one component after the other, in their order, as the original's. A failure ends
the command when its turn in the feedback has come: components that stand before it go on, and components after it are not
begun any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Generic, NamedTuple, Self

from evenkeel.controller.participants.components import MOST_PROOFS, Components, Interrupted, Oversight, Want
from evenkeel.controller.participants.participant import Tell
from evenkeel.controller.participants.progress import Progress
from evenkeel.reconcilers.agents import activity as activities
from evenkeel.reconcilers.agents.commands import PHASES
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Command
from evenkeel.specs.plan import Proof, Stage


class _Result(NamedTuple):
    """How a component ended the command. `why`: the reason of a failure. `ended`: its process has ended. `digest`: the
    content that was fetched; "" when it has none."""

    why: str = ""
    ended: bool = False
    digest: str = ""


_NOT_BEGUN = _Result("a component before it has failed")


class _Place:
    """One of the places for components at work. It may be given back early."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places, self._is_held = places, False

    async def __aenter__(self) -> Self:
        await self._places.acquire()
        self._is_held = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Free the place, if that was not done yet."""
        if self._is_held:
            self._is_held = False
            self._places.release()


class Forward(Generic[Want]):
    """The commands that lead to the target, for one domain. `cut` ends work that can be cut short."""

    def __init__(self, components: Components[Want], cut: asyncio.Event, at_once: int) -> None:
        """`at_once`: the components at work side by side, without those that are only watched."""
        self._components, self._cut, self._at_once = components, cut, at_once

    async def carry_out(self, activity: Activity, tell: Tell) -> Activity:
        """The activity after its command. Raises Interrupted."""
        command = activity.command
        assert command
        phase, actions = PHASES[command], activities.to_do(activity)
        crew = _Crew(self, activity, actions, self._at_once)
        reports = {action.subject: Progress(action, tell, phase.working) for action in actions}
        following = asyncio.ensure_future(_follow(self._cut, crew.over))
        try:
            crew.begin(reports)
            for action in actions:
                activity = activities.mark(activity, action.subject, phase.action_working)
                tell(activity, phase.working)
                reports[action.subject].begin(activity)
                result = await crew.result(action)
                activity = reports[action.subject].measured(activity)
                if not result.why and command == "DOWNLOAD":
                    # from here on the fetched content is meant, even if the tag is pushed again or its digest cannot be
                    # looked up
                    activity = activities.settle_content(activity, action.subject, result.digest)
                if result.why:
                    activity = activities.fail(activity, action.subject, result.why)
                    tell(activity, phase.badly)
                    return activity
                activity = activities.end_well(activity, action, ended=result.ended)
        finally:
            following.cancel()
            for report in reports.values():
                report.end()
            await crew.end()
        activity = activities.finish(activity, well=True)
        tell(activity, phase.well)
        return activity

    async def put_up(
        self,
        action: ActivityAction,
        want: Want,
        command: Command,
        oversight: Oversight,
    ) -> Standing:
        """Drive a component as far as the command's gate is open; its standing then. One that is stopped or removed
        from outside at this very moment is put up again a few times."""
        stands = Standing("away", "it was not looked at")
        for _ in range(MOST_PROOFS):
            why, stands = await self._components.put_up(action, want, command, oversight)
            if why and not stands.is_well:
                return Standing(stands.how, why)
            if why or stands.how != "away":
                return stands
        return stands

    async def carry_out_at(
        self, action: ActivityAction, want: Want, command: Command, report: Progress, cut: asyncio.Event, place: _Place
    ) -> _Result:
        """Carry out a command at one component."""

        def begins(stage: Stage) -> None:
            if all(isinstance(step.action, Proof) for step in stage.steps):
                place.give_back()

        oversight = Oversight(report.waits, cut, report, begins)
        if command == "ACTIVATE":
            stands = await self.put_up(action, want, command, oversight)
            return _Result("" if stands.is_well else stands.why, stands.how == "ended")
        if command == "DOWNLOAD":
            digest, why = await self._components.fetch(action, want, oversight)
            return _Result(why, digest=digest)
        return _Result(await self._components.drive(action, want, command, oversight))

    def wanted(self, activity: Activity) -> Want:
        """The want of the domain in the target of an activity."""
        return self._components.wanted(activity)


class _Crew(Generic[Want]):
    """The components of one command at work."""

    def __init__(
        self, forward: Forward[Want], activity: Activity, actions: Sequence[ActivityAction], at_once: int
    ) -> None:
        assert activity.command
        self._forward, self._command, self._actions = forward, activity.command, actions
        self._want = forward.wanted(activity)
        self._places, self._tasks = asyncio.Semaphore(at_once), dict[str, asyncio.Task[_Result]]()
        self._first_failed = len(actions)
        """The number of the first component that has failed."""
        self.over = asyncio.Event()
        """Set when the command is over: work that can be cut short ends."""

    def begin(self, reports: Mapping[str, Progress]) -> None:
        """Let all components begin, as there are places."""
        for number, action in enumerate(self._actions):
            self._tasks[action.subject] = asyncio.create_task(self._work(number, action, reports[action.subject]))

    async def result(self, action: ActivityAction) -> _Result:
        """The result of a component. Raises Interrupted."""
        return await self._tasks[action.subject]

    async def end(self) -> None:
        """Cut short what is still at work, and wait for what cannot be cut short."""
        self.over.set()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _work(self, number: int, action: ActivityAction, report: Progress) -> _Result:
        async with _Place(self._places) as place:
            if self.over.is_set():
                raise Interrupted
            if number > self._first_failed:
                return _NOT_BEGUN
            result = await self._forward.carry_out_at(action, self._want, self._command, report, self.over, place)
        if result.why:
            self._first_failed = min(self._first_failed, number)
        return result


async def _follow(cut: asyncio.Event, over: asyncio.Event) -> None:
    await cut.wait()
    over.set()
