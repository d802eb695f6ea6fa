"""What happens again and again is told a few times, and how it is in the end is told in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controller.stage import OnStage, Stage, asking
from tests.sampling import THOROUGH, examples
from tests.virtual import now, run

from evenkeel.controller.cycle.record import Record
from evenkeel.controller.cycle.recurrences import Recurrences
from evenkeel.controller.journal.journal import empty_journal
from evenkeel.controller.transaction.verdict import Verdict
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.ports import Ailment
from evenkeel.specs.feedback import Feedback

MANY = 10_000 if THOROUGH else 500


def crash_loop(restarts: int) -> Iterator[dict[str, str]]:
    """What two looks at each restart of one container find."""
    for count in range(1, restarts + 1):
        yield {"web": "keeps ending with exit code 3"}
        yield {"web": f"was restarted {count} times"} if count >= 3 else {}


def test_ten_thousand_restarts_are_a_few_dozen_entries() -> None:
    recurrences = Recurrences()
    told = [index for index, states in enumerate(crash_loop(10_000)) if recurrences.is_news(states, index * 6.0)]
    assert len(told) <= 36
    assert told[0] == 0
    assert told[-1] > 10_000, "that it goes on is told, too"
    assert recurrences.is_news({}, 120_001.0) or recurrences.is_news({}, 120_700.0), "so is that it has ended"
    assert not recurrences.is_news({}, 130_000.0)


@settings(max_examples=examples(40))
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1.0, 7.0, 60.0, 1000.0]),
            st.dictionaries(st.sampled_from("ab"), st.sampled_from(["is dead", "ended 7", "ended 8", "is 1 of 2"])),
        ),
        max_size=60,
    )
)
def test_what_lasts_has_been_told(looks: list[tuple[float, dict[str, str]]]) -> None:
    """Whatever came before: of a state that lasts, the newest news is about it, and it is told once."""
    recurrences, at = Recurrences(), 0.0
    told: dict[str, str] = {}
    for wait_s, states in looks:
        at += wait_s
        if recurrences.is_news(states, at):
            told = states
    lasting = looks[-1][1] if looks else {}
    for _ in range(20):
        at += 60.0
        if recurrences.is_news(lasting, at):
            told = lasting
    kinds = {name: text.rstrip("78") for name, text in lasting.items()}
    assert {name: text.rstrip("78") for name, text in told.items()} == kinds
    assert not recurrences.is_news(lasting, at + 60.0)


def test_a_crash_loop_leaves_the_history_in_the_journal() -> None:
    """The condition is current, and the entries are few: a day of a loop must not take the place of what updates did."""
    journal = empty_journal()

    async def work() -> None:
        verdict = Verdict(journal)
        verdict.join("containers")
        record = Record("containers", Containers.words, journal, lambda entry: _ignored(journal.say(entry)), verdict)
        record.say("revision-failed", "the update of yesterday")
        for states in crash_loop(MANY):
            record.health({name: Ailment(why) for name, why in states.items()})
            record.settled(f"everything asked for is there; not well: {', '.join(states)}" if states else "all is well")
            await asyncio.sleep(6.0)
        (healthy,) = (each for each in journal.conditions() if each.name == "Healthy")
        assert healthy.message == f"web was restarted {MANY} times"
        for _ in range(200):
            record.health({})
            await asyncio.sleep(6.0)

    run(work())
    entries = journal.entries(limit=MANY * 4)
    assert len(entries) <= 60
    assert entries[0].message == "the update of yesterday"
    assert entries[-1].message == "all containers are well again"
    journal.close()


def _ignored(entry: Feedback) -> None:
    assert entry.seq


def test_a_container_that_crashes_again_and_again_is_told_a_few_times(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        first_s, restarts = 20.0, 40

        def turn(count: int, state: str) -> None:
            (id_,) = stage.engine.world.containers
            kept = stage.engine.world.containers[id_]
            stage.engine.world.containers[id_] = replace(
                kept,
                state=state,  # type: ignore[arg-type]
                exit_code=3,
                restart_count=count,
                up_at=now(),
            )
            stage.controller.look()

        for count in range(1, restarts + 1):
            stage.at(first_s + 12.0 * count, turn, count, "restarting")
            stage.at(first_s + 12.0 * count + 4.0, turn, count, "running")
        await stage.play(first_s + 12.0 * (restarts + 1) + 120.0)
        told = [entry for entry in stage.sink.taken if entry.kind in ("health", "settled")]
        assert 2 <= len(told) <= 30, "there were 120"
        assert len(stage.sink.taken) <= 60

    on_stage(work)


def test_an_engine_that_comes_and_goes_is_told_a_few_times(on_stage: OnStage) -> None:
    """The end of what was not told is not told, either: there was a `settled` each time."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        times, every_s = 60, 40.0

        def turn(*, away: bool) -> None:
            stage.engine.script.unreachable = away
            stage.controller.look()

        for count in range(1, times + 1):
            stage.at(count * every_s, lambda: turn(away=True))
            stage.at((count + 0.5) * every_s, lambda: turn(away=False))
        await stage.play((times + 1) * every_s + 900.0)
        kinds = [entry.kind for entry in stage.sink.taken]
        assert kinds.count("engine-lost") == kinds.count("settled") - 1 == 6, "1, 2, 4, 8, 16, 32; and the first start"
        assert kinds.count("engine-found") <= 8
        assert stage.conditions()["Settled"]

    on_stage(work)


def test_what_other_hands_stop_again_and_again_is_told_each_time_and_bounded(on_stage: OnStage) -> None:
    """R8: each start is an act on the device, and its time may tell who stops the container. `events.keep` bounds them."""
    stops, keep = 60, 100
    kept: list[int] = []

    async def work(stage: Stage) -> None:
        def stop() -> None:
            kept.append(len(stage.journal.entries(limit=10_000)))
            stage.engine.kill("web")
            stage.controller.look()

        stage.say(asking("web:1"))
        for count in range(1, stops + 1):
            stage.at(count * 20.0, stop)
        await stage.play(stops * 20.0 + 60.0)
        kinds = [entry.kind for entry in stage.sink.taken]
        assert kinds.count("drift") == stops
        assert kinds.count("health") <= 14, "how it is, is told as for all that comes again and again"
        assert len(kinds) <= 6 * stops + 40
        assert max(kept) <= keep + keep // 10 + 10

    on_stage(work, keep=keep)
