"""Running a stage: side by side but not all at once, bounded in time, ended early without harm, exceptions stop here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta

import pytest
from tests.virtual import run

from evenkeel.controller.cycle.stage import StageLimits, run_stage
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.containers.actions import Create, End, Pull, Remove, Start, Verify
from evenkeel.specs.containers.container import Container, Health, HttpProbe, Stop
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.errors import JournalError, Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Phase, Retry, Stage, Step

WEB = Container("web", "docker.io/library/web:1", stable_for=timedelta(seconds=3))


def time() -> float:
    return asyncio.get_running_loop().time()


class Engine:
    """A driver whose actions do what a test says, and that notes when they ran."""

    def __init__(self, perform: Callable[[Action, Progress], Awaitable[Outcome]]) -> None:
        self._perform = perform
        self.at_work = self.most_at_work = 0
        self.ended: list[tuple[float, Action]] = []
        self.cut: list[Action] = []

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        return ContainersSeen("scripted")

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            outcome = await self._perform(action, progress)
            self.ended.append((time(), action))
            return outcome
        except asyncio.CancelledError:
            self.cut.append(action)
            raise
        finally:
            self.at_work -= 1

    async def output(self, instance: str) -> Output:
        return Output()

    async def nudges(self) -> AsyncIterator[None]:
        yield None

    async def close(self) -> None:
        return


def after(seconds: float, outcome: Outcome | Exception | None = None) -> Engine:
    async def perform(action: Action, progress: Progress) -> Outcome:
        await asyncio.sleep(seconds)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome or Done()

    return Engine(perform)


def stage(*actions: Action) -> Stage:
    return Stage(
        Phase.ACTIVATE, tuple(Step(f"{n}", f"s{n}", Phase.ACTIVATE, action) for n, action in enumerate(actions))
    )


async def applied(
    work: Stage,
    engine: Engine,
    limits: StageLimits | None = None,
    stop_at: float | None = None,
    notes: list[str] | None = None,
    fail_before: str = "",
    fail_after: str = "",
) -> Mapping[str, Outcome]:
    notes = notes if notes is not None else []
    stopping = asyncio.Event()
    if stop_at is not None:
        asyncio.get_running_loop().call_later(stop_at, stopping.set)

    def before(step: Step) -> None:
        if step.id == fail_before:
            raise JournalError("journal:x", "the disk is full")
        notes.append(f"{time():g} before {step.id}")

    def afterwards(step: Step, outcome: Outcome, seconds: float) -> None:
        if step.id == fail_after:
            raise JournalError("journal:x", "the disk is full")
        notes.append(f"{time():g} after {step.id}: {type(outcome).__name__} in {seconds:g}")

    def progress(step: Step, message: str, done: int, total: int) -> None:
        notes.append(f"{time():g} {step.id} {message} {done}/{total}")

    def broke(error: Exception) -> str:
        return f"{type(error).__name__}: {error}"

    return await run_stage(work, engine, limits or StageLimits(), stopping, progress, before, afterwards, broke)


def test_every_step_has_an_outcome_and_is_noted_before_and_after() -> None:
    async def work() -> None:
        notes: list[str] = []
        outcomes = await applied(stage(Start("a"), Start("b")), after(2), notes=notes)
        assert outcomes == {"0": Done(), "1": Done()}
        assert notes == ["0 before 0", "0 before 1", "2 after 0: Done in 2", "2 after 1: Done in 2"]

    run(work())


def test_a_few_at_a_time() -> None:
    async def work() -> None:
        engine = after(1)
        assert len(await applied(stage(*(Start(str(n)) for n in range(7))), engine, StageLimits(parallel=3))) == 7
        assert engine.most_at_work == 3
        assert time() == 3

    run(work())


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (Unavailable("engine:x", "gone"), Retry("gone")),
        (TimedOut("engine:x", "no answer"), Retry("no answer")),
        (Refused("container:x", "no"), Failed("no")),
        (ValueError("oops"), Retry("internal error: ValueError: oops", defect=True)),
        (Retry("later", 5), Retry("later", 5)),
        (Failed("never"), Failed("never")),
    ],
)
def test_exceptions_stop_here(raised: Exception | Outcome, outcome: Outcome) -> None:
    async def work() -> None:
        assert await applied(stage(Start("a")), after(0, raised)) == {"0": outcome}

    run(work())


def test_one_that_breaks_leaves_the_others_alone() -> None:
    async def perform(action: Action, progress: Progress) -> Outcome:
        if action == Start("bad"):
            raise RuntimeError("oops")
        await asyncio.sleep(5)
        return Done("fine")

    async def work() -> None:
        outcomes = await applied(stage(Start("good"), Start("bad"), Start("too")), Engine(perform))
        assert outcomes["0"] == outcomes["2"] == Done("fine")

    run(work())


@pytest.mark.parametrize(
    ("action", "limit_s"),
    [
        (Start("a"), 120),
        (Remove("a"), 120),
        (Create(WEB, "web"), 120),
        (Pull("x", "Always"), 1800),
        (End("a", Stop(timeout=timedelta(minutes=5))), 420),
        (Verify("a", WEB), 120 + 33),
        (
            Verify("a", Container("a", "a", health=Health(HttpProbe(80), start_period=timedelta(hours=1)))),
            3600 + 120 + 78,
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else "",
)
def test_no_step_takes_for_ever(action: Action, limit_s: float) -> None:
    async def work() -> None:
        outcomes = await applied(stage(action), after(1e6))
        assert isinstance(outcomes["0"], Retry)
        assert time() == limit_s

    run(work())


def test_a_stop_lets_the_step_at_work_finish_and_begins_no_other() -> None:
    async def work() -> None:
        engine, notes = after(4), []
        outcomes = await applied(stage(*(Start(str(n)) for n in range(5))), engine, StageLimits(parallel=2), 3, notes)
        assert outcomes == {"0": Done(), "1": Done()}
        assert time() == 4
        assert [note for note in notes if "before" in note] == ["0 before 0", "0 before 1"]
        assert engine.cut == []

    run(work())


@pytest.mark.parametrize(
    ("action", "late_at_s"),
    [(Start("a"), 5), (Create(WEB, "web"), 5), (Remove("a"), 5), (End("a", Stop(timeout=timedelta(minutes=5))), 305)],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else "",
)
def test_a_stop_waits_for_no_step_that_is_late(action: Action, late_at_s: float) -> None:
    """But for as long as a step takes by itself."""

    async def work() -> None:
        for stop_at_s in (3, late_at_s + 10):
            engine, begun = after(1000), time()
            assert await applied(stage(action), engine, stop_at=stop_at_s) == {}
            assert time() - begun == max(stop_at_s, late_at_s)
            assert engine.cut == [action]

    run(work())


@pytest.mark.parametrize("action", [Pull("x", "Always"), Verify("a", WEB)])
def test_a_stop_cuts_short_what_can_be(action: Action) -> None:
    async def work() -> None:
        engine, notes = after(1000), []
        assert await applied(stage(action), engine, stop_at=3, notes=notes) == {}
        assert time() == 3
        assert engine.cut == [action]
        assert notes == ["0 before 0"]

    run(work())


def test_a_stop_before_the_stage_begins_nothing() -> None:
    async def work() -> None:
        engine = after(1)
        stopping = asyncio.Event()
        stopping.set()
        nothing = await run_stage(
            stage(Start("a"), Pull("x", "Always")),
            engine,
            StageLimits(),
            stopping,
            lambda *_: None,
            _never,
            _never,
            str,
        )
        assert nothing == {}

    run(work())


def _never(*_: object) -> None:
    raise AssertionError("a step began")


def test_a_step_that_cannot_be_recorded_is_not_taken() -> None:
    async def work() -> None:
        engine = after(10)
        with pytest.raises(JournalError, match="disk is full"):
            await applied(stage(Start("a"), Start("b")), engine, fail_before="1")
        assert Start("b") not in [action for _, action in engine.ended] + engine.cut

    run(work())


def test_an_outcome_that_cannot_be_recorded_ends_the_stage() -> None:
    async def work() -> None:
        with pytest.raises(JournalError, match="disk is full"):
            await applied(stage(Start("a"), Start("b"), Start("c")), after(10), StageLimits(parallel=1), fail_after="0")
        assert time() == 10

    run(work())


def test_progress_is_told_with_its_step() -> None:
    async def perform(action: Action, progress: Progress) -> Outcome:
        progress("pulling", 1, 2)
        return Done()

    async def work() -> None:
        notes: list[str] = []
        await applied(stage(Pull("x", "Always")), Engine(perform), notes=notes)
        assert "0 0 pulling 1/2" in notes

    run(work())
