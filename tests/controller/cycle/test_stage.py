"""Running a stage: side by side but not all at once, bounded in time, ended early without harm, exceptions stop here."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta

import pytest
from tests.sampling import examples
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


def pulls(count: int) -> Stage:
    """Pulls from as many registries."""
    names = [f"r{number}.example/a:1" for number in range(count)]
    return Stage(Phase.DOWNLOAD, tuple(Step(each, each, Phase.DOWNLOAD, Pull(each, "IfNotPresent")) for each in names))


EVEN = StageLimits(parallel=60, jitter=lambda: 0.5)
"""Each has a place, and its back-off is 1 s, 2 s, 4 s, …"""


@pytest.mark.parametrize("seed", range(examples(30)))
def test_a_fetch_that_is_tried_again_waits_for_no_other(seed: int) -> None:
    """Random pulls that fail a few times before they end well, beside one that takes ten minutes: each has ended when its own
    tries and pauses are over."""
    dice = random.Random(seed)
    work = pulls(dice.randint(2, 20))
    seconds = {step.id: [dice.randint(1, 20) for _ in range(dice.randint(1, 5))] for step in work.steps}
    seconds[work.steps[0].id] = [600]
    left = {each: list(tries) for each, tries in seconds.items()}

    async def perform(action: Action, progress: Progress) -> Outcome:
        assert isinstance(action, Pull)
        tries = left[action.image]
        await asyncio.sleep(tries.pop(0))
        return Retry("no") if tries else Done()

    async def scenario() -> None:
        engine = Engine(perform)
        outcomes = await applied(work, engine, EVEN)
        assert set(outcomes.values()) == {Done()}
        ended = {action.image: at for at, action in engine.ended if isinstance(action, Pull)}
        assert ended == {each: sum(tries) + 2 ** (len(tries) - 1) - 1 for each, tries in seconds.items()}

    run(scenario())


def test_a_stage_ends_when_all_that_is_left_fails_again_and_again() -> None:
    """So that the revision is told of it, and what is in force kept up."""

    async def perform(action: Action, progress: Progress) -> Outcome:
        assert isinstance(action, Pull)
        await asyncio.sleep(30 if action.image.startswith("r0") else 47)
        return Retry("no route")

    async def scenario() -> None:
        outcomes = await applied(pulls(2), Engine(perform), EVEN)
        assert set(outcomes.values()) == {Retry("no route")}
        assert time() < 4 * 47 + 7

    run(scenario())


def test_a_fetch_alone_is_tried_once() -> None:
    async def scenario() -> None:
        engine = after(2, Retry("no"))
        assert await applied(pulls(1), engine, EVEN) == {"r0.example/a:1": Retry("no")}
        assert time() == 2

    run(scenario())


@pytest.mark.parametrize("action", [Start("a"), Verify("a", WEB), Create(WEB, "a"), Remove("a")])
def test_what_disturbs_has_one_try_in_a_stage(action: Action) -> None:
    """The next one needs a look, and is one of the tries of the revision."""

    async def perform(performed: Action, progress: Progress) -> Outcome:
        await asyncio.sleep(1 if performed == action else 100)
        return Retry("no") if performed == action else Done()

    async def scenario() -> None:
        engine = Engine(perform)
        assert await applied(stage(action, Start("slow")), engine, EVEN) == {"0": Retry("no"), "1": Done()}
        assert len(engine.ended) == 2

    run(scenario())


def test_told_to_stop_nothing_is_tried_again() -> None:
    async def perform(action: Action, progress: Progress) -> Outcome:
        await asyncio.sleep(1 if isinstance(action, Pull) and action.image.startswith("r0") else 100)
        return Retry("no")

    async def scenario() -> None:
        engine = Engine(perform)
        assert await applied(pulls(2), engine, EVEN, stop_at=1.5) == {"r0.example/a:1": Retry("no")}
        assert time() < 3

    run(scenario())
