"""What the controller is doing: the steps at work, how far they are, why the newest try failed and when the next one is."""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.controller.stage import OnStage, Reading, Stage, asking, time
from tests.sampling import examples

from evenkeel.controller.cli.steps import Lines
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.loop.pace import Pace
from evenkeel.controller.loop.work import WorkAtHand
from evenkeel.specs.codec import decode
from evenkeel.specs.containers.actions import Start
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.feedback import Feedback, Standing, StepAtWork, Work
from evenkeel.specs.plan import Action, Outcome, Phase, Retry, Step
from evenkeel.specs.slots.actions import Reboot

SLOW = "docker.io/library/slow:1"


def told_at(stage: Stage, *seconds: float) -> list[Work]:
    """What is told of the work at these moments, once they have come."""
    told: list[Work] = []
    for each in seconds:
        stage.at(each, lambda: told.append(stage.controller.worker("containers").work.now()))
    return told


def test_a_pull_tells_its_bytes_and_a_proof_its_seconds(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.script.pull_rate = 1e6
        stage.engine.catalogue[SLOW] = Image(size=100_000_000)
        container = normal(Container("slow", "slow:1", stable_for=timedelta(seconds=60)))
        told = told_at(stage, 50.5, 130.5, 200.0)
        stage.say(Reading(desired_state([Document("Container", "slow", container)])))
        await stage.play(210)
        pull, proof, rest = told
        far = 50.5, "pulling", 50_000_000, 100_000_000
        assert pull == Work((StepAtWork("slow", "DOWNLOAD", f"pull {SLOW}", *far, "containers"),))
        assert [(each.subject, each.phase, each.total) for each in proof.steps] == [("slow", "VERIFY", 60)]
        assert 29 <= proof.steps[0].done <= 31
        assert rest == Work()

    on_stage(work)


def test_a_long_pull_is_told_from_time_to_time_in_plain_lines_and_in_the_log(
    on_stage: OnStage, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.script.pull_rate = 1e6
        stage.engine.catalogue[SLOW] = Image(size=45_000_000)
        stage.engine.catalogue["docker.io/library/web:1"] = Image(size=5_000_000)
        lines = list[str]()
        show = Lines(lines.append, clock_s=time)
        stage.conduct = stage.conduct._replace(on_entry=show.entry, progress=show.progress)
        stage.controller = stage.make()
        stage.say(asking("slow:1", "web:1"))
        with caplog.at_level(logging.INFO, "evenkeel"):
            await stage.play(100)
        far = [f"{each} MB of 45 MB, 1.0 MB/s" for each in (10, 20, 30, 40)]
        assert [line for line in lines if "MB" in line] == [f"  … slow: pull {SLOW}: {each}" for each in far]
        fields = [vars(each)["fields"] for each in caplog.records if each.getMessage() == "fetching"]
        assert fields == [{"subject": "slow", "message": each, "domain": "containers"} for each in far]

    on_stage(work)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    """A download that another turn takes over has fetched a lot already; a stall shows."""
    pace = Pace()
    told = [pace.text(done, 90_000_000, at_s) for at_s, done in ((5, 60_000_000), (9, 61_000_000), (15, 62_000_000))]
    assert told == ["", "", "62 MB of 90 MB, 200 kB/s"]
    assert pace.text(62_000_000, 90_000_000, 30) == "", "nothing has come"
    assert pace.text(66_000_000, 90_000_000, 35) == "66 MB of 90 MB, 200 kB/s"
    assert pace.text(1_000_000, 90_000_000, 50) == "", "it was begun anew"


def test_what_fails_tells_why_and_when_it_is_tried_again(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.catalogue[SLOW] = Image(pull="unreachable")
        told = told_at(stage, 100.0, 101.0)
        stage.say(asking("slow:1"))
        await stage.play(102)
        first, second = told
        assert first.steps == second.steps == ()
        assert "slow" in first.error
        assert round(first.again_s - second.again_s, 1) == 1.0

    on_stage(work)


def test_a_step_that_was_cut_short_is_not_told_any_more(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.catalogue[SLOW] = Image(size=10**12)
        told = told_at(stage, 50.0, 80.0)
        stage.say(asking("slow:1"))
        stage.at(60, stage.say, asking("web:1"))
        await stage.play(90)
        assert [[step.subject for step in each.steps] for each in told] == [["slow"], []]

    on_stage(work)


def test_an_engine_that_does_not_answer_is_told_and_nothing_is_claimed(on_stage: OnStage) -> None:
    """T6: of a dockerd that hung all was said to be well, for as long as the call was waited for."""

    async def work(stage: Stage) -> None:
        claims = {"EngineReachable": True, "Healthy": True, "Settled": True}
        found: dict[float, tuple[dict[str, bool], Work]] = {}

        def look(at: float) -> None:
            known = {name: holds for name, holds in stage.conditions().items() if name in claims}
            found[at] = (
                known,
                stage.controller.worker("containers").work.now(stage.controller.worker("containers").cycles.late()),
            )

        for at in (104.0, 115.0, 130.0, 170.0):
            stage.at(at, look, at)
        stage.say(asking("web:1"))
        stage.at(100, setattr, stage.engine.script, "observe_s", 50.0)
        stage.at(100.1, stage.engine._touched)
        stage.at(102, setattr, stage.engine.script, "observe_s", 0.0)
        await stage.play(180)
        assert found[104.0] == (claims, Work())
        assert found[115.0] == (claims, Work(waits_for="the engine has not answered for 15 s"))
        assert found[130.0] == (dict.fromkeys(claims, False), Work(waits_for="the engine has not answered for 30 s"))
        assert found[170.0] == (claims, Work())
        assert {"engine-lost", "health"}.isdisjoint(stage.sink.kinds())

    on_stage(work)


def test_what_a_standing_says_of_an_engine_that_hangs(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        said: list[Standing] = []
        stage.at(115, lambda: said.append(decode(stage.controller._standing(), Standing)))
        stage.say(asking("web:1"))
        stage.at(100, setattr, stage.engine.script, "observe_s", 50.0)
        stage.at(100.1, stage.engine._touched)
        await stage.play(180)
        assert said[0].work == Work(waits_for="the engine has not answered for 15 s")

    on_stage(work)


def proven_for(seconds: float, *names: str) -> Reading:
    containers = [normal(Container(name, f"{name}:1")) for name in names]
    slow = normal(Container("slow", "slow:1", stable_for=timedelta(seconds=seconds)))
    return Reading(desired_state([Document("Container", each.name, each) for each in (*containers, slow)]))


@pytest.mark.parametrize(
    ("size", "proof_s", "phase"), [(100_000_000, 1, "DOWNLOAD"), (0, 100, "VERIFY")], ids=["a pull", "a proof"]
)
@pytest.mark.parametrize(
    ("hand", "told"), [("kill", "web is not running (exit code 137)"), ("remove", "web is not there")]
)
def test_a_long_step_keeps_nobody_from_hearing_how_others_are_and_nothing_from_being_repaired(
    on_stage: OnStage, size: int, proof_s: float, phase: str, hand: str, told: str
) -> None:
    """T7: `Healthy` told of the last look until the step had ended. O2: and nothing was repaired until then."""

    async def work(stage: Stage) -> None:
        stage.engine.script.pull_rate = 1e6
        stage.engine.catalogue[SLOW] = Image(size=size)
        stage.engine.catalogue["docker.io/library/web:1"] = Image(size=0)
        found: list[tuple[list[str], set[str], bool]] = []

        def look() -> None:
            now = stage.controller.worker("containers").work.now()
            found.append(([each.phase for each in now.steps], set(stage.running()), stage.condition("Healthy").holds))

        stage.say(asking("web:1"))
        stage.at(50, stage.say, proven_for(proof_s, "web"))
        stage.at(79, look)
        stage.at(80, getattr(stage.engine, hand), "web")
        stage.at(100, look)
        stage.at(230, look)
        await stage.play(240)
        before = {"web"} if phase == "DOWNLOAD" else {"web", "slow"}
        assert found == [([phase], before, True), ([phase], before, True), ([], {"web", "slow"}, True)]
        assert next(each.message for each in stage.sink.taken if each.kind == "health") == told
        kinds = stage.sink.kinds()
        assert kinds.count("drift") == 1
        assert "revision-failed" not in kinds
        assert stage.conditions()["Settled"]

    on_stage(work)


@pytest.mark.parametrize("phase", ["DOWNLOAD", "VERIFY"])
def test_what_cannot_be_repaired_beside_a_long_step_is_tried_again_after_pauses_that_double(
    on_stage: OnStage, phase: str
) -> None:
    """The step lasts until 1050 at least; the reason is gone at 140. It waited for the end of the step."""

    async def work(stage: Stage) -> None:
        stage.engine.catalogue["docker.io/library/web:1"] = Image(size=0)
        stage.engine.catalogue["docker.io/library/other:1"] = Image(size=0)
        starts: list[float] = []

        def refuse(action: Action) -> Outcome | None:
            if isinstance(action, Start) and stage.engine.world.containers[action.instance].engine_name == "web":
                starts.append(time())
                return Retry("no") if time() < 140 else None
            return None

        if phase == "DOWNLOAD":
            stage.engine.script.pull_rate = 1e6
            stage.engine.catalogue[SLOW] = Image(size=1000 * 10**6)
        stage.say(asking("web:1", "other:1"))
        stage.at(
            50,
            stage.say,
            asking("web:1", "other:1", "slow:1") if phase == "DOWNLOAD" else proven_for(1000, "web", "other"),
        )
        stage.at(79, stage.engine.script.failures.append, refuse)
        stage.at(80, stage.engine.kill, "web")
        stage.at(90, stage.engine.kill, "other")
        during: list[set[str]] = []
        for at_s in (79, 100, 230):
            stage.at(at_s, lambda: during.append(set(stage.running()) - {"slow"}))
        stage.at(1000, lambda: starts.append(time()))
        await stage.play(1200)
        assert during == [{"web", "other"}, {"other"}, {"web", "other"}]
        *tries, _ = [at_s for at_s in starts if 79 < at_s <= 1000]
        pauses = [round(later - former) for former, later in pairwise(tries)]
        assert pauses == sorted(pauses)
        assert 3 <= len(tries) < 7
        assert set(stage.running()) == {"web", "other", "slow"}
        assert stage.conditions()["Settled"]

    on_stage(work)


def test_what_is_repaired_beside_is_given_up_with_the_step_and_ended_by_the_next_turn(on_stage: OnStage) -> None:
    """The proof of what is repaired takes longer than the step beside which it is made."""

    async def work(stage: Stage) -> None:
        web = normal(Container("web", "web:1", stable_for=timedelta(seconds=200)))
        slow = normal(Container("slow", "slow:1", stable_for=timedelta(seconds=30)))
        one, both = (
            Reading(desired_state([Document("Container", each.name, each) for each in state]))
            for state in ([web], [web, slow])
        )
        stage.say(one)
        stage.at(300, stage.say, both)
        stage.at(310, stage.engine.kill, "web")
        settled: list[float] = []
        stage.at(335, lambda: settled.append(stage.conditions()["Settled"]))
        await stage.play(700)
        assert settled == [False]
        assert set(stage.running()) == {"web", "slow"}
        assert stage.conditions()["Settled"]
        assert "revision-failed" not in stage.sink.kinds()

    on_stage(work)


def test_looks_beside_a_long_step_are_few(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        looks: list[int] = []
        stage.say(asking("web:1"))
        stage.at(30, stage.say, proven_for(103, "web"))
        stage.at(34, lambda: looks.append(stage.engine.looks))
        for each in range(320):
            stage.at(35 + each / 8, stage.engine._touched)
        stage.at(75, lambda: looks.append(stage.engine.looks))
        await stage.play(80)
        before, after = looks
        assert 30 < after - before < 45, "one in a second"

    on_stage(work)


def test_a_pull_that_failed_for_now_is_tried_again_beside_a_slow_one(on_stage: OnStage) -> None:
    """By files, too: it waited for the end of its stage."""

    async def work(stage: Stage) -> None:
        stage.engine.script.pull_rate = 1e6
        stage.engine.catalogue[SLOW] = Image(size=1000 * 10**6)
        stage.engine.catalogue["docker.io/library/web:1"] = Image(pull="unreachable")
        stage.say(asking("slow:1", "web:1"))
        stage.at(100, stage.engine.catalogue.update, {"docker.io/library/web:1": Image(size=0)})
        there: list[set[str]] = []
        stage.at(300, lambda: there.append(set(stage.engine.world.images)))
        await stage.play(1100)
        assert there == [{"docker.io/library/web:1"}]
        assert set(stage.running()) == {"slow", "web"}

    on_stage(work)


@pytest.mark.parametrize("seed", range(examples(10)))
def test_what_disturbs_is_tried_again_once_its_stage_has_ended(on_stage: OnStage, seed: int) -> None:
    """docs/adr/0023: no later than the longest path of what others need of that stage, and its back-off. What nothing waits
    for is watched after that."""
    dice = random.Random(seed)
    chain = [(f"c{number}", dice.randint(1, 40)) for number in range(dice.randint(2, 6))]

    async def work(stage: Stage) -> None:
        starts: list[float] = []

        def refuse(action: Action) -> Outcome | None:
            if isinstance(action, Start) and stage.engine.world.containers[action.instance].engine_name == "web":
                starts.append(time())
                return Retry("not now") if len(starts) == 1 else None
            return None

        containers = [normal(Container("web", "web:1"))]
        for number, (name, seconds) in enumerate(chain):
            needs = (chain[number - 1][0],) if number else ()
            watched = timedelta(seconds=seconds)
            containers.append(normal(Container(name, f"{name}:1", stable_for=watched, depends_on=needs)))
        stage.engine.script.failures.append(refuse)
        stage.say(asking("base:1"))
        stage.at(50, stage.say, Reading(desired_state([Document("Container", each.name, each) for each in containers])))
        await stage.play(600)
        path_s = sum(seconds for _, seconds in chain[:-1])
        assert 0 < starts[1] - starts[0] <= path_s + 2.0
        assert set(stage.running()) == {"web", *(name for name, _ in chain)}
        assert stage.conditions()["Settled"]

    on_stage(work)


@pytest.mark.virtual
async def test_a_step_that_waits_tells_each_reason_once() -> None:
    """Found by a check: nobody was told who holds off a reboot."""
    step = Step("reboot", "os", Phase.ACTIVATE, Reboot("rootfs.1", "B", "2"))
    lines, work = list[str](), WorkAtHand()
    show = Lines(lines.append)
    work.entry(Feedback("step-started", "reboot", subject="os", phase="ACTIVATE", step=step.id))
    reasons = ["the reboot waits: backup (process 1): copies"] * 2 + ["the device goes down"]
    told = [work.progressed(step, reason, 0, 0) for reason in reasons]
    for reason in reasons:
        show.progress(step, reason, 0, 0)
    assert told == [reasons[0], "", reasons[2]]
    assert lines == [f"  … os: {reasons[0]}", f"  … os: {reasons[2]}"]
