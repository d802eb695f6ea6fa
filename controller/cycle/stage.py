"""Run the steps of one stage. Exceptions stop here and become outcomes.

Steps of a stage run side by side, a few at a time, each after those that it needs (`reconcilers.schedule`). Each has a
timeout. When the controller is told to stop, no further step begins; steps that can be cut short without harm
(fetching, watching) are cancelled, and all others are finished, unless they are late (`lateness`).

A fetch that failed for now is tried again after a back-off, as long as others are at work: it disturbs nothing, needs no
look, and is none of the tries of a revision. A step of any other kind has one try in a stage. Its next one needs a look,
a plan, and the revision's leave.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

from evenkeel.controller.cycle.lateness import Course, Late, unheard
from evenkeel.controller.process.stopping import unless
from evenkeel.reconcilers.capabilities import Logged
from evenkeel.reconcilers.ports import Driver, Progress
from evenkeel.reconcilers.schedule import Schedule
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Done, Failed, Outcome, Proof, Retry, Stage, Step
from evenkeel.specs.visible import shortened

StepProgress = Callable[[Step, str, int, int], None]
Before = Callable[[Step], None]
After = Callable[[Step, Outcome, float], None]
Broke = Callable[[Exception], str]
"""Called with an unexpected exception; returns it in words."""
AtWork = Callable[[float], AbstractContextManager[object]]
Performing = Callable[[Progress], Coroutine[Any, Any, Outcome]]
Fetch = Callable[[Step, Performing, Progress], Awaitable[Outcome]]
"""Performs a step that fetches, or takes over the fetch at work of the same (`fetching`)."""

OUTPUT_S = 5.0
"""The timeout for reading the output of a container."""
_FIRST_S, _LONGEST_S = 1.0, 300.0
"""The first and the longest back-off between two tries of a fetch."""
_MOST_TRIES = 3
"""A fetch that failed so often no longer keeps a stage open for others that failed, or a stage of these might never end."""


class StageLimits:
    """The limits of a stage: parallel steps and durations."""

    def __init__(
        self,
        parallel: int = 3,
        pull: timedelta = timedelta(minutes=30),
        step: timedelta = timedelta(minutes=2),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`jitter` gives numbers in [0, 1), so that devices which lost a registry together do not come back together."""
        self.parallel, self.pull, self.step, self._jitter = parallel, pull, step, jitter

    def back_off_s(self, tries: int, after_s: float) -> float:
        """Seconds until a fetch is tried again after so many tries, not before `after_s`."""
        back_off_s = min(_LONGEST_S, _FIRST_S * 2.0 ** min(tries - 1, 30))
        return max(after_s, back_off_s * (0.75 + self._jitter() / 2))

    def timeout_s(self, step: Step) -> float:
        """Seconds after which a step counts as retryable failure."""
        if step.action.traits.fetches:
            return self.pull.total_seconds()
        return step.action.traits.own_s + self.step.total_seconds()


async def alone(step: Step, perform: Performing, progress: Progress) -> Outcome:
    """A fetch that ends with the step that began it."""
    return await perform(progress)


async def run_stage(
    stage: Stage,
    driver: Driver[Any],
    limits: StageLimits,
    stopping: asyncio.Event,
    progress: StepProgress,
    before: Before,
    after: After,
    broke: Broke,
    at_work: AtWork = nullcontext,
    late: Late = unheard,
    fetch: Fetch = alone,
) -> Mapping[str, Outcome]:
    """The last outcomes by step id. Steps that did not begin, because one that they need failed or because of `stopping`,
    and steps that were cut short by it, are absent.

    `before` and `after` are called for every try of a step, in the order in which it happens; an exception of theirs
    ends the stage, because a step that cannot be recorded must not be taken. `broke` is called with exceptions that no
    driver should raise, `at_work` with the seconds that a step may take, until it leaves that context. `late` is called
    with steps that are late.
    """
    schedule = Schedule(stage, limits.parallel)
    outcomes: dict[str, Outcome] = {}
    tries = dict.fromkeys((step.id for step in stage.steps), 0)
    hopeful, over = set[str](), asyncio.Event()
    """The steps at work that have not failed often; `over` is set when there is none, and no fetch is tried again."""

    async def run(step: Step) -> None:
        before(step)
        begun = asyncio.get_running_loop().time()
        limit_s = limits.timeout_s(step)
        with at_work(limit_s):
            outcome = await _perform(step, driver, limit_s, stopping, progress, broke, late, fetch)
        if outcome is not None:
            outcomes[step.id] = outcome
            after(step, outcome, asyncio.get_running_loop().time() - begun)
        tries[step.id] += 1
        hopeful.discard(step.id)
        schedule.ended(step, well=isinstance(outcome, Done))
        go_on()
        if isinstance(outcome, Retry) and step.action.traits.fetches:
            pause_s = limits.back_off_s(tries[step.id], outcome.after_s)
            if await unless(over, asyncio.sleep(pause_s, True)):
                schedule.again(step, tries[step.id])
                go_on()

    def go_on() -> None:
        for step in () if stopping.is_set() else schedule.begin():
            if tries[step.id] < _MOST_TRIES:
                hopeful.add(step.id)
            group.create_task(run(step))
        if not hopeful and (stopping.is_set() or not schedule.has_ready(below=_MOST_TRIES)):
            over.set()

    try:
        async with asyncio.TaskGroup() as group:
            go_on()
    except BaseExceptionGroup as raised:
        raise first(raised) from raised
    return outcomes


def first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group of groups. The group itself would match no `except` for one kind of error."""
    error = group.exceptions[0]
    return first(error) if isinstance(error, BaseExceptionGroup) else error


async def _perform(
    step: Step,
    driver: Driver[Any],
    timeout_s: float,
    stopping: asyncio.Event,
    progress: StepProgress,
    broke: Broke,
    late: Late,
    fetch: Fetch,
) -> Outcome | None:
    course = Course(step, late)

    def report(message: str, done: int, total: int) -> None:
        course.moved()
        progress(step, message, done, total)

    async def perform(progress: Progress) -> Outcome:
        return await _heard(step, driver, timeout_s, progress, broke)

    how = fetch if step.action.traits.fetches else alone
    work = course.outcome(how(step, perform, report), stopping)
    if not step.action.traits.may_be_cut:
        return await work
    return await unless(stopping, work)


async def _heard(step: Step, driver: Driver[Any], timeout_s: float, progress: Progress, broke: Broke) -> Outcome:
    """The outcome. A failed proof carries the last output of its instance, which no step has removed yet."""
    outcome = await _outcome(step, driver, timeout_s, progress, broke)
    if isinstance(outcome, Failed) and isinstance(step.action, Proof):
        said = await output(driver, step.action.instance, broke)
        return changed(outcome, output=step.action.discreet(said))
    return outcome


async def output(driver: Driver[Any], instance: str, broke: Broke) -> Output:
    """The last output of an instance, or the reason why it could not be read. It never fails anything."""
    if not isinstance(driver, Logged):
        return Output(unread="it writes nothing")
    try:
        async with asyncio.timeout(OUTPUT_S):
            return await driver.output(instance)
    except TimeoutError:
        return Output(unread=f"the engine did not give it within {OUTPUT_S:g} s")
    except (Unavailable, TimedOut, Refused) as error:
        return Output(unread=error.message)
    except Exception as error:
        return Output(unread=f"internal error: {broke(error)}")


async def _outcome(step: Step, driver: Driver[Any], timeout_s: float, progress: Progress, broke: Broke) -> Outcome:
    try:
        async with asyncio.timeout(timeout_s):
            outcome = await driver.perform(step.action, progress)
            return changed(outcome, message=shortened(outcome.message))
    except TimeoutError:
        return Retry(f"no end after {timeout_s:g} s")
    except (Unavailable, TimedOut) as error:
        return Retry(shortened(error.message))
    except Refused as error:
        return Failed(shortened(error.message))
    except Exception as error:
        return Retry(f"internal error: {broke(error)}", defect=True)
