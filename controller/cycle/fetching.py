"""The fetches of one domain, which may take longer than the turn that began them.

A fetch disturbs nothing. When its stage is cut short, because something newer was asked for, it goes on until the next plan
tells whether it is still wanted: a step that fetches the same takes it over, of a turn or of an activity. Of the subjects of
an open activity only its own steps tell that. Where groups are asked for, a fetch that takes long holds up its own
group alone: the turn leaves its stage at work beside those of the other groups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Generic

from evenkeel.controller.cycle.record import Label
from evenkeel.controller.cycle.stage import Performing, StepProgress
from evenkeel.controller.cycle.steps import Steps
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.process.stopping import unless
from evenkeel.controller.transaction.groups import GroupTrials
from evenkeel.reconcilers.ports import Progress, Remembered, Seen, Want
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.plan import Action, Outcome, Retry, Stage, Step

SLOW_S = 5.0
"""A fetch takes long after this time. Groups that have all they need wait for no other one longer."""
_BEGIN_S = 1.0
"""The time that the fetches of a stage have to begin, and the quick ones to end, where one of them takes long already."""


class _Fetch:
    """An action that fetches, at work. `subjects`: those of the steps that asked for it; `hears`: the progress of those that
    wait for it."""

    def __init__(self, action: Action, perform: Performing) -> None:
        self.action, self.subjects, self.hears = action, set[str](), list[Progress]()
        self.since_s = asyncio.get_running_loop().time()
        self.work: asyncio.Future[Outcome] = asyncio.ensure_future(perform(self._moves))

    def _moves(self, message: str, done: int, total: int) -> None:
        for hears in self.hears:
            hears(message, done, total)


class _Beside:
    """A stage of fetches at work. `left`: the steps that have not ended, each with why it is waited for. `over`: ends it, but
    none of its fetches."""

    def __init__(self, stage: Stage) -> None:
        self.over = asyncio.Event()
        self.left = {step.id: (step.subject, f"{step.action.traits.text} takes long") for step in stage.steps}

    def ended(self, step: Step, outcome: Outcome, _: float) -> None:
        """A try of a step has ended. One that failed for now is tried again within the stage."""
        if isinstance(outcome, Retry):
            self.left[step.id] = step.subject, outcome.message
        else:
            self.left.pop(step.id, None)


class Fetching(Generic[Want, Seen, Remembered]):
    """The fetches of one domain."""

    def __init__(
        self,
        domain: str,
        journal: Journal,
        steps: Steps[Want, Seen, Remembered],
        groups: GroupTrials,
        progress: StepProgress,
    ) -> None:
        self._domain, self._journal, self._steps = domain, journal, steps
        self._groups, self._progress = groups, progress
        self._fetches: list[_Fetch] = []
        self._beside: dict[_Beside, asyncio.Task[Mapping[str, Outcome]]] = {}
        """The stages that turns have left at work."""
        self._wanted_for = ""
        """The digest of the state of which a plan told last what is wanted."""

    @property
    def beside(self) -> frozenset[str]:
        """The ids of the steps that are at work, or wait for a place, while no turn waits for them."""
        return frozenset(id_ for each in self._beside for id_ in each.left)

    async def stage(
        self, stage: Stage, label: Label, stopping: asyncio.Event, towards: DesiredState | None
    ) -> Mapping[str, Outcome] | None:
        """The outcomes of a stage of fetches, as `run_stage`, but `stopping` ends no fetch. `None` when other groups go on
        without it, and it is left at work. `towards`: the state that it is for; `None` when nothing goes on without it."""
        stage = changed(stage, steps=tuple(sorted(stage.steps, key=lambda step: self._of(step.action) is None)))
        beside = _Beside(stage)
        work = asyncio.ensure_future(
            self._steps.perform(
                stage, label, beside.over, self._progress, fetch=self.fetch, ended=partial(self._ended, beside)
            )
        )
        wait_s = self._slow_in_s(stage)
        try:
            while await unless(stopping, asyncio.wait({work}, timeout=wait_s)) and not work.done():
                if towards is not None and self._is_left(beside, towards):
                    self._beside[beside] = work
                    work.add_done_callback(lambda _: self._over(beside))
                    return None
                wait_s = SLOW_S
            beside.over.set()
            return await work
        finally:
            if beside not in self._beside:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    async def want(self, steps: Iterable[Step], asked: str, *, is_part: bool) -> None:
        """These steps of a new plan are wanted: fetches of anything else end, and the next stage takes over
        those of the same. `is_part`: the plan leaves out groups of what is `asked` for, and says nothing of what these need,
        where it was known."""
        if is_part and asked == self._wanted_for:
            return
        self._wanted_for = asked
        for beside in self._beside:
            beside.over.set()
        await asyncio.gather(*self._beside.values(), return_exceptions=True)
        wanted, acting = [step.action for step in steps], self._acting()
        await self._end([each for each in self._fetches if each.action not in wanted and not each.subjects & acting])

    async def want_instead(self, subject: str, stage: Stage) -> None:
        """A stage of an activity is about to begin. If it fetches for its subject, anything else that is fetched for that
        subject alone, and is waited for by nobody, ends."""
        wanted = [step.action for step in stage.steps if step.action.traits.fetches]
        others = [each for each in self._fetches if each.action not in wanted and each.subjects == {subject}]
        await self._end([each for each in others if wanted and not each.hears])

    async def close(self) -> None:
        """End all of it."""
        works = [*self._beside.values()]
        for each in works:
            each.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await self._end([*self._fetches])

    async def fetch(self, step: Step, perform: Performing, progress: Progress) -> Outcome:
        """Perform a step that fetches, or take over the fetch at work of the same. It goes on when this is cancelled."""
        fetch = self._of(step.action)
        if fetch is None:
            fetch = _Fetch(step.action, perform)
            self._fetches.append(fetch)
            fetch.work.add_done_callback(lambda _: self._fetches.remove(fetch))
        fetch.subjects.add(step.subject)
        fetch.hears.append(progress)
        try:
            return await asyncio.shield(fetch.work)
        finally:
            fetch.hears.remove(progress)

    def _acting(self) -> frozenset[str]:
        """The subjects of the open activity for which its DOWNLOAD has not ended. Cycles have no plan for them."""
        activity = self._journal.mailbox(self._domain).activity()
        actions = activity.actions if activity is not None else ()
        return frozenset(action.subject for action in actions if action.status in ("IDENTIFIED", "DOWNLOADING"))

    def _of(self, action: Action) -> _Fetch | None:
        return next((each for each in self._fetches if each.action == action and not each.work.done()), None)

    def _slow_in_s(self, stage: Stage) -> float:
        """Seconds until a fetch of a stage takes long. One that does already leaves the others time to begin."""
        now_s = asyncio.get_running_loop().time()
        begun = [each.since_s for step in stage.steps if (each := self._of(step.action)) is not None]
        return max(min(begun, default=now_s) + SLOW_S - now_s, _BEGIN_S)

    def _is_left(self, beside: _Beside, towards: DesiredState) -> bool:
        """Whether other groups go on without a stage that takes long: those that it is for are held, unless they are."""
        desired = self._journal.readable_revision("desired")
        if desired is None:
            return False
        subjects = dict(beside.left.values())
        is_held = self._groups.hold(desired, self._domain, subjects, "fetching")
        return is_held or self._groups.aim(desired).state.digest != towards.digest

    def _ended(self, beside: _Beside, step: Step, outcome: Outcome, seconds: float) -> None:
        beside.ended(step, outcome, seconds)
        if beside in self._beside:
            self._tell()

    def _over(self, beside: _Beside) -> None:
        work = self._beside.pop(beside)
        error = None if work.cancelled() else work.exception()
        if isinstance(error, Exception):
            self._steps.broke(error)
        self._tell()

    def _tell(self) -> None:
        """Tell the groups what is still fetched for them."""
        self._groups.still_fetched(self._domain, dict(each for beside in self._beside for each in beside.left.values()))

    async def _end(self, fetches: Collection[_Fetch]) -> None:
        for each in fetches:
            each.work.cancel()
        await asyncio.gather(*(each.work for each in fetches), return_exceptions=True)
