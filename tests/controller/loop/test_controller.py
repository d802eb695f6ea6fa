"""The whole controller on virtual time: sources and engines nudge, one worker converges, sinks are told, a stop is orderly."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from tests.controller.stage import (
    BROKEN,
    DOUBTFUL,
    EMPTY,
    RESYNC_S,
    Listener,
    OnStage,
    Reading,
    Stage,
    asking,
    time,
)
from tests.memories import memory

from evenkeel.controller.cycle.endings import Progressed, Retrying, Settled, Stalled
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.journal.file import FILE
from evenkeel.specs.containers.actions import Create, Pull, Remove, Start
from evenkeel.specs.containers.container import Container, Health, TcpProbe
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.plan import Action, Outcome, Retry
from evenkeel.specs.problem import Place, Problem

# ── wishes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_from_a_wish_to_a_settled_device(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "db:1"))
        await stage.play(20)
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        kinds = stage.sink.kinds()
        assert kinds[:2] == ["started", "revision-accepted"]
        assert kinds[-1] == "stopped"
        assert kinds.index("revision-good") < kinds.index("settled")
        assert "source-restored" not in kinds, "it was never broken"
        assert [entry.seq for entry in stage.sink.taken] == list(range(1, len(kinds) + 1))
        assert [stage.heart.heard[0], *stage.heart.heard[-2:]] == ["started", "settled", "stopping"]
        assert stage.engine.closed
        assert stage.source.closed

    on_stage(work)


def test_a_new_wish_is_taken_up_at_once(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(100, stage.say, asking("web:2"))
        stage.at(101, lambda: moments.append(stage.engine.world.images.copy()))
        moments: list[dict[str, int]] = []
        await stage.play(110)
        assert "docker.io/library/web:2" in moments[0]
        assert stage.running() == {"web": "web:2"}

    on_stage(work)


@pytest.mark.parametrize("slow", ["a proof", "a pull"])
def test_a_new_wish_waits_for_no_proof_and_no_pull(on_stage: OnStage, slow: str) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.catalogue["docker.io/library/slow:1"] = Image(size=10**12 if slow == "a pull" else 1)
        proven_late = normal(Container("slow", "slow:1", stable_for=timedelta(hours=1)))
        stage.say(Reading(desired_state([Document("Container", "slow", proven_late)])))
        stage.at(60, stage.say, asking("web:1"))
        await stage.play(70)
        assert stage.running() == {"web": "web:1"}

    on_stage(work)


def test_a_new_wish_ends_a_long_back_off(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.catalogue["docker.io/library/far:1"] = Image(pull="unreachable")
        stage.say(asking("far:1"))
        stage.at(1000, stage.say, asking("web:1"))
        await stage.play(1010)
        assert stage.running() == {"web": "web:1"}

    on_stage(work)


def test_a_broken_source_leaves_in_force_what_was(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(100, stage.say, BROKEN)
        stage.at(200, stage.say, BROKEN)
        stage.at(250, stage.engine.kill, "web")
        stage.at(300, stage.say, asking("web:1"))
        await stage.play(400)
        assert stage.running() == {"web": "web:1"}
        told = [entry for entry in stage.sink.taken if entry.kind.startswith("source")]
        assert [entry.kind for entry in told] == ["source-broken", "source-restored"]
        assert told[0].message.startswith("/etc/x.yaml:3:5: spec.image: no image")

    on_stage(work)


def test_a_warning_keeps_nothing_from_happening(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1")._replace(problems=(DOUBTFUL,)))
        await stage.play(20)
        assert stage.running() == {"web": "web:1"}

    on_stage(work)


@pytest.mark.parametrize("empty", [EMPTY, EMPTY._replace(missing=("/etc/evenkeel/specs",))])
def test_an_empty_source_never_means_remove_everything(on_stage: OnStage, empty: Reading) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(100, stage.say, empty)
        stage.at(150, stage.engine.kill, "web")
        await stage.play(300)
        assert stage.running() == {"web": "web:1"}
        assert "source-empty" in stage.sink.kinds()

    on_stage(work)


def test_an_empty_source_removes_everything_if_settings_say_so(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.put_foreign(normal(Container("stranger", "x:1")))
        stage.say(asking("web:1"))
        stage.at(100, stage.say, EMPTY)
        await stage.play(200)
        assert stage.running() == {"stranger": "x:1"}

    on_stage(work, empty_removes_all=True)


def test_a_source_that_vanished_removes_nothing_whatever_settings_say(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(100, stage.say, EMPTY._replace(missing=("/etc/evenkeel/specs",)))
        await stage.play(200)
        assert stage.running() == {"web": "web:1"}

    on_stage(work, empty_removes_all=True)


def placed(path: str, **images: str) -> list[Document]:
    return [
        Document("Container", name, normal(Container(name, image)), Place(f"{path}/{name}.yaml"))
        for name, image in images.items()
    ]


def reading(*documents: Document, paths: Sequence[str] = ("/etc/a", "/mnt/b")) -> Reading:
    return Reading(desired_state(documents), paths=tuple(paths))


def test_one_path_of_two_that_turned_empty_removes_nothing_and_is_named(on_stage: OnStage) -> None:
    a, b = placed("/etc/a", web="web:1"), placed("/mnt/b", store="store:1", log="log:1")

    async def work(stage: Stage) -> None:
        stage.say(reading(*a, *b))
        stage.at(100, stage.say, reading(*placed("/etc/a", web="web:2")))
        await stage.play(200)
        assert stage.running() == {"web": "web:1", "store": "store:1", "log": "log:1"}
        (told,) = [entry for entry in stage.sink.taken if entry.kind == "source-empty"]
        assert told.message == "nothing is asked for any more in /mnt/b; what was in force stays in force"

    on_stage(work)


def test_one_path_of_two_may_turn_empty_if_settings_say_so(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(reading(*placed("/etc/a", web="web:1"), *placed("/mnt/b", store="store:1")))
        stage.at(100, stage.say, reading(*placed("/etc/a", web="web:1")))
        await stage.play(200)
        assert stage.running() == {"web": "web:1"}

    on_stage(work, empty_removes_all=True)


@pytest.mark.parametrize("bad", [EMPTY, BROKEN])
def test_files_that_come_back_one_by_one_remove_nothing(on_stage: OnStage, bad: Reading) -> None:
    every = placed("/etc/a", **{f"c{number}": f"c{number}:1" for number in range(8)})

    async def work(stage: Stage) -> None:
        stage.say(reading(*every))
        stage.at(50, lambda: made.extend(tuple(memory(stage.journal).made)))
        stage.at(100, stage.say, bad)
        for number in range(1, 9):
            stage.at(100 + 0.4 * number, stage.say, reading(*every[:number]))
        await stage.play(200)
        assert len(stage.running()) == 8
        assert list(memory(stage.journal).made) == made
        assert stage.sink.kinds().count("source-restored") == 1

    made: list[str] = []
    on_stage(work)


def test_what_stays_away_for_long_after_an_accident_goes(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "store:1"))
        stage.at(100, stage.say, EMPTY)
        stage.at(101, stage.say, asking("web:1"))
        stage.at(102.5, lambda: seen.append(set(stage.running())))
        await stage.play(200)
        assert seen == [{"web", "store"}]
        assert stage.running() == {"web": "web:1"}

    seen: list[set[str]] = []
    on_stage(work)


def test_only_what_removes_something_is_waited_for(on_stage: OnStage) -> None:
    """What corrects an error is in force at once, and so is a removal when nothing was wrong."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "store:1"))
        stage.at(100, stage.say, BROKEN, asking("web:2", "store:1"))
        stage.at(101, lambda: seen.append(stage.journal.digest("files")))
        stage.at(200, stage.say, asking("web:2"))
        stage.at(201, lambda: seen.append(stage.journal.digest("files")))
        await stage.play(300)

    seen: list[str] = []
    on_stage(work)
    assert seen == [asking("web:2", "store:1").desired.digest, asking("web:2").desired.digest]


def test_without_a_source_what_is_in_the_journal_is_kept_up(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.journal.put("desired", asking("web:1").desired, "files")
        await stage.play(20)
        assert stage.running() == {"web": "web:1"}

    on_stage(work)


# ── looking ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_settled_device_is_looked_at_now_and_then_and_nothing_is_written(on_stage: OnStage, tmp_path: Path) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        found: list[tuple[int, dict[str, bytes]]] = []

        def note() -> None:
            files = {file.name: file.read_bytes() for file in tmp_path.iterdir() if not file.name.endswith("-shm")}
            found.append((stage.engine.looks, files))

        stage.at(100, note)
        stage.at(100 + 10 * RESYNC_S, note)
        await stage.play(1000)
        (looks, files), (later_looks, later_files) = found
        assert later_looks - looks == 10
        assert later_files == files
        assert FILE in files

    on_stage(work)


def test_drift_is_seen_when_the_engine_nudges(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(61.5, stage.engine.kill, "web")
        stage.at(62, lambda: states.append(stage.running()))
        states: list[dict[str, str]] = []
        await stage.play(70)
        assert states == [{"web": "web:1"}], "before the next look that was due anyway"

    on_stage(work)


def test_a_burst_of_nudges_is_one_look(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        found: list[int] = []

        def burst() -> None:
            found.append(stage.engine.looks)
            for number in range(50):
                stage.at(number / 1000, stage.engine.put_foreign, normal(Container(f"s{number}", "x:1")))

        stage.at(62, burst)
        stage.at(63, lambda: found.append(stage.engine.looks))
        await stage.play(70)
        assert found[1] - found[0] == 1

    on_stage(work)


def test_a_nudge_that_is_our_own_doing_undermines_no_back_off(on_stage: OnStage) -> None:
    """Something in the stage works, and changes the engine, each time that something else fails."""

    async def work(stage: Stage) -> None:
        attempts: list[float] = []

        def busy(action: Action) -> Outcome | None:
            if isinstance(action, Start):
                attempts.append(time())
                stage.engine.put_foreign(normal(Container("noise", "x:1")))
                return Retry("busy")
            return None

        stage.say(asking("web:1"))
        stage.at(100, stage.engine.script.failures.append, busy)
        stage.at(100, stage.engine.kill, "web")
        await stage.play(100 + 3600)
        gaps = [later - earlier for earlier, later in pairwise(attempts)]
        assert len(attempts) < 80, "in an hour"
        assert gaps[-1] >= 300 / 4
        assert gaps[1:8] == sorted(gaps[1:8])

    on_stage(work)


def test_a_hangup_is_look_again_now(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        found: list[int] = []
        stage.at(70, lambda: found.append(stage.engine.looks))
        stage.at(71, os.kill, os.getpid(), signal.SIGHUP)
        stage.at(72, lambda: found.append(stage.engine.looks))
        await stage.play(200)
        assert found[1] - found[0] == 1
        assert stage.source.looks == 1
        assert stage.engine.fresh_looks == 1, "registries are asked again, once (O13)"

    on_stage(work)


def test_a_hangup_during_a_look_asks_registries_once_more(on_stage: OnStage) -> None:
    """The look at work may have asked them before."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(70, setattr, stage.engine.script, "observe_s", 5.0)
        for seconds in (71, 73):
            stage.at(seconds, os.kill, os.getpid(), signal.SIGHUP)
        await stage.play(100)
        assert stage.engine.fresh_looks == 2

    on_stage(work)


def test_an_engine_that_is_away_for_a_while(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(100, setattr, stage.engine.script, "unreachable", True)
        stage.at(1000, setattr, stage.engine.script, "unreachable", False)
        stage.at(1000, stage.engine.kill, "web")
        await stage.play(2000)
        assert stage.running() == {"web": "web:1"}
        assert [kind for kind in stage.sink.kinds() if "engine" in kind] == [
            "engine-found",
            "engine-lost",
            "engine-found",
        ]
        waits = [text for text in stage.heart.heard if text.startswith("retrying")]
        assert waits[:2] == [
            f"retrying in {seconds} s: engine:memory: is scripted to be unreachable" for seconds in (1, 2)
        ]

    on_stage(work)


# ── stopping ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stop_finishes_the_step_at_work_and_says_so(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.script.perform_s = 4
        stage.say(asking("web:1"))
        await stage.play(10)  # pulled until a bit over 4, created 4 s later; starting is at work
        assert time() == pytest.approx(12.5, abs=0.5)
        assert stage.running() == {"web": "web:1"}
        assert stage.sink.kinds()[-2:] == ["step-done", "stopped"]
        assert stage.journal.delivered("listener") == stage.journal.last_seq()
        assert stage.engine.closed

    on_stage(work)


def test_a_stop_cuts_a_pull_short(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.script.pull_rate = 1
        stage.say(asking("web:1"))
        await stage.play(25)
        assert time() == pytest.approx(25, abs=0.1)
        assert stage.engine.world.images == {}
        assert stage.sink.kinds()[-1] == "stopped"

        stage.engine.script.pull_rate = 1e9
        stage.controller = stage.make()
        await stage.play(10)
        assert stage.running() == {"web": "web:1"}, "a new controller goes on from what is there"

    on_stage(work)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_stop(on_stage: OnStage, number: signal.Signals) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(30, os.kill, os.getpid(), number)
        await stage.controller.run()
        assert time() == pytest.approx(30, abs=0.1)
        assert stage.sink.kinds()[-1] == "stopped"

    on_stage(work)


# ── sinks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sink_that_fails_gets_everything_later_and_in_order(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.sink.failure = OSError("no broker")
        other = Listener("other")
        stage.controller = stage.make()
        stage.sinks.append(other)
        stage.controller = stage.make()
        stage.say(asking("web:1"))
        stage.at(100, setattr, stage.sink, "failure", None)
        stage.at(99, lambda: counts.append((len(stage.sink.taken), len(other.taken))))
        counts: list[tuple[int, int]] = []
        await stage.play(120)
        assert counts[0][0] == 0
        assert counts[0][1] > 10, "one sink does not wait for another"
        assert [entry.seq for entry in stage.sink.taken] == list(range(1, stage.journal.last_seq() + 1))

    on_stage(work)


def test_a_sink_goes_on_where_it_was_after_a_restart(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        await stage.play(20)
        before = len(stage.sink.taken)
        stage.sink.failure = OSError("no broker")
        stage.controller = stage.make()
        await stage.play(20)
        stage.sink.failure = None
        stage.controller = stage.make()
        await stage.play(20)
        assert [entry.seq for entry in stage.sink.taken] == list(range(1, stage.journal.last_seq() + 1))
        assert before > 0

    on_stage(work)


def broken(number: int) -> Reading:
    return Reading(DesiredState(), (Problem(Place("/etc/x.yaml", number, 5), "spec.image", "no image"),))


def test_a_source_that_breaks_again_and_again_is_told_a_few_times_and_how_it_is_in_the_end(on_stage: OnStage) -> None:
    """R8: two entries each time."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        for turn in range(100):
            stage.at(100 + 20 * turn, stage.say, broken(3))
            stage.at(110 + 20 * turn, stage.say, asking("web:1"))
        stage.at(2150, stage.say, broken(3))
        await stage.play(3000)
        told = [(entry.kind, entry.at) for entry in stage.sink.taken if entry.kind.startswith("source")]
        assert [kind for kind, _ in told[:4]] == ["source-broken", "source-restored"] * 2
        assert len(told) <= 16
        assert told[-1][0] == "source-broken", "what lasts is told"
        assert not stage.condition("SourceValid").holds

    on_stage(work)


def test_each_fault_of_a_source_that_was_not_told_before_is_told(on_stage: OnStage) -> None:
    """Whoever writes a spec looks at what is said of it."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        for turn in range(30):
            stage.at(100 + 20 * turn, stage.say, broken(turn + 1))
            stage.at(110 + 20 * turn, stage.say, asking("web:1"))
        await stage.play(1000)
        told = [entry for entry in stage.sink.taken if entry.kind.startswith("source")]
        assert [entry.kind for entry in told] == ["source-broken", "source-restored"] * 30
        assert all(f"/etc/x.yaml:{turn + 1}:5" in told[2 * turn].message for turn in range(30))

    on_stage(work)


def test_what_everybody_has_is_dropped_at_some_time(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        for number in range(2345):
            stage.journal.say(Feedback("plan", str(number)))
        kept = list[int]()

        def say_little() -> None:
            kept.append(len(stage.journal.entries(limit=10**6)))
            for number in range(7):
                stage.controller.say(Feedback("plan", str(number)))

        for second in range(5, 35):
            stage.at(second, say_little)
        stage.say(asking("web:1"))
        await stage.play(40)
        assert len(stage.sink.taken) == stage.journal.last_seq()
        assert len(kept) == 30
        assert max(kept) <= 120, "also when it is little each time"

    on_stage(work, keep=100)


def test_what_a_sink_never_took_is_kept_for_it(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        for number in range(2345):
            stage.journal.say(Feedback("plan", str(number)))
        stage.journal.confirm("removed", 7)
        stage.sink.failure = OSError("no disk")
        stage.say(asking("web:1"))
        stage.at(15, setattr, stage.sink, "failure", None)
        await stage.play(30)
        assert [entry.seq for entry in stage.sink.taken] == list(range(1, stage.journal.last_seq() + 1))

    on_stage(work, keep=1500)


def test_a_sink_of_other_days_keeps_nothing(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        for number in range(2345):
            stage.journal.say(Feedback("plan", str(number)))
        stage.journal.confirm("removed", 7)
        await stage.play(5)
        assert len(stage.journal.entries(limit=10**6)) <= 120

    on_stage(work, keep=100)


def test_who_says_more_than_a_sink_can_take_at_once_does_not_fill_the_journal(on_stage: OnStage) -> None:
    """What was said while a sink wrote was told in the same turn, which came to no end and to no clean-up."""

    async def work(stage: Stage) -> None:
        take, most = stage.sink.take, 0

        async def slowly(entries: Sequence[Feedback]) -> None:
            nonlocal most
            await take(entries)
            if stage.journal.last_seq() < 3000:
                for number in range(50):
                    stage.controller.say(Feedback("plan", str(number)))
            most = max(most, len(stage.journal.entries(limit=10**6)))

        stage.sink.take = slowly  # type: ignore[method-assign]
        stage.say(asking("web:1"))
        await stage.play(20)
        assert len(stage.sink.taken) == stage.journal.last_seq() >= 3000
        assert most <= 220

    on_stage(work, keep=100)


# ── when it cannot go on ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_journal_that_cannot_be_written_ends_nothing(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))

        def fill(action: Action) -> None:
            if isinstance(action, Pull) and stage.journal.is_durable:
                stage.journal._database.connection.execute("PRAGMA query_only = ON")

        stage.engine.script.failures.append(fill)
        await stage.play(100)
        assert stage.running() == {"web": "web:1"}
        assert [entry.seq for entry in stage.sink.taken] == list(range(1, len(stage.sink.taken) + 1))

    on_stage(work)


# ── one command's whole work ───────────────────────────────────────────────────────────────────────────────────────


def test_converging_once(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        assert stage.controller.accept(asking("web:1"))
        assert isinstance(await stage.controller.converge(), Settled)
        assert stage.running() == {"web": "web:1"}
        assert stage.sink.kinds()[-1] == "settled"

    on_stage(work)


def test_converging_waits_out_its_back_off_but_not_a_stop(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.catalogue["docker.io/library/far:1"] = Image(pull="unreachable")
        stage.controller.accept(asking("far:1"))
        stage.at(1000, stage.controller.stop)
        waited: list[float] = []
        ending = await stage.controller.converge(lambda seconds, why: waited.append(seconds))
        assert isinstance(ending, Retrying)
        assert waited[:4] == [1, 2, 4, 8]
        assert time() == pytest.approx(1000, abs=0.1)

    on_stage(work)


@pytest.mark.parametrize("recovers", [True, False])
def test_converging_gives_a_neighbour_its_minute(on_stage: OnStage, recovers: bool) -> None:
    """Tries of a disturbing phase are limited, and waiting for a neighbour is none."""
    checked = normal(Container("app", "app:1", health=Health(TcpProbe(80), interval=timedelta(seconds=1), retries=2)))

    def asked(image: str) -> Reading:
        broker = normal(Container("broker", image))
        return Reading(desired_state([Document("Container", each.name, each) for each in (broker, checked)]))

    async def work(stage: Stage) -> None:
        def fall_ill(action: Action) -> None:
            if isinstance(action, Create):
                stage.engine.catalogue["docker.io/library/app:1"] = Image(healthy=False)
                stage.at(50, stage.engine.catalogue.pop, "docker.io/library/app:1", None) if recovers else None

        stage.controller.accept(asked("broker:1"))
        assert isinstance(await stage.controller.converge(), Settled)
        stage.engine.script.failures.append(fall_ill)
        stage.controller.accept(asked("broker:2"))
        begun, waited = time(), list[float]()
        ending = await stage.controller.converge(lambda seconds, why: waited.append(seconds), tries=3)
        assert isinstance(ending, Settled if recovers else Stalled), ending
        assert len(waited) > 3
        assert stage.running() == {"broker": "broker:2" if recovers else "broker:1", "app": "app:1"}
        assert (stage.journal.digest("last-good") == asked("broker:2").desired.digest) is recovers
        assert 50 < time() - begun < 150

    on_stage(work)


@pytest.mark.parametrize("kind", [Pull, Create, Start, Remove])
def test_a_stop_ends_converging_alike_in_every_phase(on_stage: OnStage, kind: type[Action]) -> None:
    """Also while the old instances are removed: `apply` tells a stop by Ctrl-C from a failure by how it ends."""

    async def work(stage: Stage) -> None:
        stage.limits.parallel = 1
        stage.controller.accept(asking("web:1", "db:1"))
        assert isinstance(await stage.controller.converge(), Settled)

        def stop(action: Action) -> None:
            if isinstance(action, kind):
                stage.controller.stop()

        stage.engine.script.failures.append(stop)
        stage.controller.accept(asking("web:2", "db:2"))
        assert await stage.controller.converge() == Progressed()
        stage.engine.script.failures.clear()
        stage.controller = stage.make()
        assert isinstance(await stage.controller.converge(), Settled)
        assert stage.running() == {"web": "web:2", "db": "db:2"}
        assert len(stage.engine.world.containers) == 2

    on_stage(work)


def test_accepting_the_same_again_is_no_news(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        assert stage.controller.accept(asking("web:1"))
        assert not stage.controller.accept(asking("web:1"))
        assert not stage.controller.accept(BROKEN)
        assert not stage.controller.accept(EMPTY)
        assert stage.journal.revision("desired") == asking("web:1").desired

    on_stage(work)


def test_nothing_is_removed_twice_when_two_are_asked_for_by_turns(on_stage: OnStage) -> None:
    """Wishes that supersede each other faster than they can be met."""

    async def work(stage: Stage) -> None:
        removed: list[str] = []

        def note(action: Action) -> None:
            if isinstance(action, Remove):
                removed.append(action.instance)

        stage.engine.script.failures.append(note)
        for number in range(40):
            stage.at(number * 1.7, stage.say, asking(f"web:{1 + number % 2}", "db:1"))
        await stage.play(200)
        assert stage.running() == {"web": "web:2", "db": "db:1"}
        assert len(removed) == len(set(removed))
        assert len(stage.engine.world.containers) == 2

    on_stage(work)
