"""An unexpected exception in any part: it is told with its place, and the device is kept up all the same."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.controller.device import Device, OnDevice, container
from tests.controller.faulty import Faulty, FaultySource, FaultyStage, PowerLoss
from tests.controller.stage import BROKEN, Heart, Listener, OnStage, Stage, asking
from tests.virtual import run

from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.loop.defects import Defects
from evenkeel.controller.process.defect import defect_text
from evenkeel.specs.containers.actions import End, Start, Verify
from evenkeel.specs.errors import Busy, Unavailable
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.plan import Action, Failed, Outcome, Retry


@pytest.fixture
def faulty(tmp_path: Path) -> Callable[..., None]:
    def play(work: Any, **settings: Any) -> None:
        async def scenario() -> None:
            stage = FaultyStage(tmp_path, **settings)
            try:
                await work(stage)
            finally:
                stage.journal.close()
                stage.lock.release()

        run(scenario())

    return play


def test_a_planner_that_breaks_for_a_revision_keeps_last_good_up(faulty: OnStage) -> None:
    seen: dict[str, Any] = {}

    async def work(stage: FaultyStage) -> None:
        stage.say(asking("web:1", "db:1"))
        stage.at(90, stage.plans.breaks.update, {"diff": KeyError("web")})
        stage.at(100, stage.say, asking("web:2", "db:1"))
        stage.at(200, stage.engine.kill, "web")
        stage.at(210, stage.engine.kill, "db")

        def look() -> None:
            seen.update(running=stage.running(), conditions=stage.conditions(), defect=stage.condition("Defect"))

        stage.at(400, look)
        stage.at(500, stage.plans.breaks.clear)
        await stage.play(700)
        assert seen["running"] == {"web": "web:1", "db": "db:1"}, "last-good is kept up"
        assert seen["conditions"]["Settled"] is False
        assert not seen["defect"].holds
        assert seen["defect"].reason == "KeyError"
        assert "controller/cycle/turns.py:" in seen["defect"].message
        assert "KeyError: 'web'" in seen["defect"].message
        assert stage.running() == {"web": "web:2", "db": "db:1"}
        assert "Defect" not in stage.conditions()
        assert stage.conditions()["Settled"]
        kinds = [kind for kind in stage.sink.kinds() if kind.startswith("defect")]
        assert kinds == ["defect", "defect-over"], "told once, not at every try"

    faulty(work)


def test_a_planner_that_breaks_on_the_way_costs_tries_and_last_good_comes_back(faulty: OnStage) -> None:
    """The planner breaks after the switch to web:2 has begun: web is left as it is for the tries, not torn down and built up
    at each; db is kept up. Then the revision has failed."""

    async def work(stage: FaultyStage) -> None:
        stage.say(asking("web:1", "db:1"))
        ended, refused = list[Action](), list[Action]()

        def notice(action: Action) -> Outcome | None:
            if isinstance(action, End):
                ended.append(action)
                stage.plans.breaks["diff"] = KeyError("web")
            elif isinstance(action, Start) and ended and not refused:
                refused.append(action)
                return Retry("not now")
            return None

        during: list[tuple[dict[str, str], dict[str, bool], str]] = []

        def look() -> None:
            during.append((stage.running(), stage.conditions(), stage.condition("Healthy").message))

        stage.at(99, stage.engine.script.failures.append, notice)
        stage.at(100, stage.say, asking("web:2", "db:1"))
        stage.at(105, stage.engine.kill, "db")
        stage.at(108, look)
        await stage.play(3600)
        running, conditions, message = during[0]
        assert running == {"db": "db:1"}, "what the revision does not change is kept up"
        assert not conditions["Healthy"], "a container that should run does not"
        assert message == "web was stopped to be changed, and is not started again"
        assert not conditions["Settled"]
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        assert len(ended) == 1, "web:2 was not started at each try"
        failed = [entry.message for entry in stage.sink.taken if entry.kind == "revision-failed"]
        assert len(failed) == 1
        assert "KeyError: 'web' (tried 5 times)" in failed[0]
        assert stage.condition("Settled").reason == "RolledBack"
        assert stage.conditions()["Healthy"]
        assert "Defect" not in stage.conditions(), "deciding about last-good does not break"

    faulty(work)


def test_a_planner_that_breaks_over_restarts_costs_tries_too(on_device: OnDevice) -> None:
    """What was begun is known to the next process: it does not begin anew."""

    async def work(device: Device) -> None:
        await device.reach(container("web", "web:1"))
        plans = Faulty()
        device.containers = plans
        device.start()
        stopped = device.fail(Retry("not now"), Start, times=1)
        device.ask(container("web", "web:2"))
        await device.follow()
        assert stopped, "the switch has begun"
        plans.breaks["diff"] = KeyError("web")
        for _ in range(3):
            device.start()
            assert device.running() == {}
            await device.cycle()
        ending = await device.follow()
        assert isinstance(ending, Stalled)
        assert device.running() == {"web": "web:1"}

    on_device(work)


def test_a_planner_that_breaks_for_last_good_too_fails_no_revision(faulty: OnStage) -> None:
    """Going back would not help."""

    async def work(stage: FaultyStage) -> None:
        stage.say(asking("web:1"))

        def notice(action: Action) -> Outcome | None:
            if isinstance(action, End):
                stage.plans.everywhere = True
                stage.plans.breaks["diff"] = KeyError("web")
            return (
                Retry("not now")
                if isinstance(action, Start) and stage.plans.everywhere and stage.plans.breaks
                else None
            )

        stage.at(99, stage.engine.script.failures.append, notice)
        stage.at(100, stage.say, asking("web:2"))
        conditions: list[dict[str, bool]] = []
        stage.at(3000, lambda: conditions.append(stage.conditions()))
        stage.at(3001, stage.plans.breaks.clear)
        await stage.play(3600)
        assert not conditions[0]["Healthy"], "a container that should run does not"
        assert not conditions[0]["Settled"]
        assert "revision-failed" not in stage.sink.kinds()
        assert stage.running() == {"web": "web:2"}
        assert stage.conditions() == {"EngineReachable": True, "Healthy": True, "Settled": True, "SourceValid": True}

    faulty(work)


def test_a_command_goes_back_where_a_planner_breaks_on_the_way(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        stage.controller.accept(asking("web:1"))
        await stage.controller.converge()

        def notice(action: Action) -> None:
            if isinstance(action, End):
                stage.plans.breaks["diff"] = KeyError("web")

        stage.engine.script.failures.append(notice)
        stage.controller.accept(asking("web:2"))
        ending = await stage.controller.converge()
        assert isinstance(ending, Stalled)
        assert stage.running() == {"web": "web:1"}

    faulty(work)


def test_a_driver_that_breaks_when_it_looks(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        stage.say(asking("web:1"))
        stage.at(100, setattr, stage.driver, "look_raises", AttributeError("'NoneType' object has no attribute 'get'"))
        stage.at(110, stage.engine.kill, "web")
        stage.at(400, setattr, stage.driver, "look_raises", None)
        conditions: list[dict[str, bool]] = []
        stage.at(399, lambda: conditions.append(stage.conditions()))
        await stage.play(600)
        assert conditions[0]["Defect"] is False
        assert not conditions[0]["Healthy"], "nobody can look"
        assert not conditions[0]["Settled"]
        assert stage.running() == {"web": "web:1"}
        assert stage.conditions() == {"EngineReachable": True, "Healthy": True, "Settled": True, "SourceValid": True}
        assert stage.sink.kinds().count("defect") == 1
        waits = stage.engine.looks
        assert waits < 60, "it is tried again after a back-off, not in a loop"

    faulty(work)


def test_a_driver_that_breaks_when_it_does_something(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        stage.driver.step_raises = RecursionError("maximum recursion depth exceeded")
        stage.say(asking("web:1", "db:1"))
        conditions: list[dict[str, bool]] = []
        stage.at(5, lambda: conditions.append(stage.conditions()))
        stage.at(5, setattr, stage.driver, "step_raises", None)
        await stage.play(100)
        assert conditions[0]["Defect"] is False
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        assert "Defect" not in stage.conditions()

    faulty(work)


@pytest.mark.parametrize("goes_back", [False, True])
def test_half_a_character_in_what_an_engine_says_is_no_defect(faulty: OnStage, goes_back: bool) -> None:
    """JSON can hold what neither the journal nor a socket takes."""

    async def work(stage: FaultyStage) -> None:
        stage.say(asking("web:1"))

        def fails(action: Action) -> Outcome | None:
            started = stage.engine.world.containers.get(getattr(action, "instance", ""))
            is_new = isinstance(action, Start) and started is not None and started.image.endswith("web:2")
            return Failed("exec: \ud800: not found") if is_new else None

        if goes_back:
            stage.engine.script.failures.append(fails)
            stage.at(60, stage.say, asking("web:2"))
        else:
            lost = Unavailable("engine:\udc80", "GET /containers/json: no \ud800 way")
            stage.at(60, setattr, stage.driver, "look_raises", lost)
        await stage.play(600)
        assert "Defect" not in stage.conditions()
        assert stage.running() == {"web": "web:1"}
        if goes_back:
            assert stage.condition("Settled").reason == "RolledBack"
            assert "exec: \ufffd: not found" in stage.condition("Settled").message
        else:
            assert stage.condition("EngineReachable").message == "GET /containers/json: no \ufffd way"
            assert stage.sink.kinds().count("engine-lost") == 1

    faulty(work)


def breaks(device: Device, kind: type[Action], subject: str) -> Callable[[], None]:
    """The driver raises what no driver should, for this subject; what is returned ends that."""

    def script(action: Action) -> None:
        instance = device.engine.world.containers.get(getattr(action, "instance", ""))
        wanted = instance.container if instance is not None else None
        if isinstance(action, kind) and wanted is not None and wanted.name == subject:
            raise KeyError(subject)

    device.engine.script.failures.append(script)
    return lambda: device.engine.script.failures.remove(script)


async def tries(device: Device, count: int = 8) -> Ending:
    ending: Ending = Progressed()
    for _ in range(count):
        ending = await device.follow()
        await asyncio.sleep(30)
    return ending


def test_a_driver_that_breaks_is_no_reason_to_give_up_the_first_revision(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        heal = breaks(device, Start, "web")
        device.ask(container("web"), container("db"))
        assert isinstance(await tries(device), Retrying)
        assert device.running() == {"db": "db:1"}
        assert device.said("revision-failed") == []
        heal()
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:1", "db": "db:1"}

    on_device(work)


def test_a_driver_that_breaks_for_what_a_revision_changes_fails_it(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        good = await device.reach(container("web", "web:1"), container("db"))
        heal = breaks(device, Verify, "web")
        device.ask(container("web", "web:2"), container("db"))
        await tries(device)
        assert len(device.said("revision-failed")) == 1
        assert device.running() == {"web": "web:1", "db": "db:1"}
        heal()
        assert isinstance(await device.follow(), Stalled)
        assert device.journal.digest("last-good") == good.digest

    on_device(work)


def test_a_driver_that_breaks_for_another_container_fails_no_revision(on_device: OnDevice) -> None:
    """It was down before: the revision goes on, and is good, without it."""

    async def work(device: Device) -> None:
        await device.reach(container("web", "web:1"), container("db"))
        heal = breaks(device, Start, "db")
        device.engine.kill("db")
        device.ask(container("web", "web:2"), container("db"))
        ending = await tries(device)
        assert isinstance(ending, Retrying)
        assert "db: internal error" in ending.why
        assert device.running() == {"web": "web:2"}
        assert device.said("revision-failed", "stalled") == []
        assert device.settled() == (False, "Retrying")
        assert device.journal.digest("last-good") == device.journal.digest("desired")
        heal()
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:2", "db": "db:1"}
        assert device.journal.digest("last-good") == device.journal.digest("desired")

    on_device(work)


def test_a_driver_that_breaks_for_another_container_keeps_no_bad_revision(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web", "web:1"), container("db"))
        heal = breaks(device, Start, "db")
        device.engine.kill("db")
        device.ask(container("web", "bad:1"), container("db"))
        await tries(device)
        assert len(device.said("revision-failed")) == 1
        assert device.running() == {"web": "web:1"}
        heal()
        await device.follow()
        assert device.running() == {"web": "web:1", "db": "db:1"}

    on_device(work, bad=Image(exits_with=1, exits_after_s=0.1))


def test_events_of_the_engine_that_break_are_listened_to_again(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        stage.say(asking("web:1"))
        stage.at(100, setattr, stage.driver, "nudge_raises", TypeError("'int' object is not iterable"))
        stage.at(101, stage.engine.kill, "web")  # the first nudge breaks it
        stage.at(150, setattr, stage.driver, "nudge_raises", None)
        stage.at(300, stage.engine.kill, "web")
        looks: list[int] = []
        stage.at(299, lambda: looks.append(stage.engine.looks))
        stage.at(305, lambda: looks.append(stage.engine.looks))
        await stage.play(350)
        assert looks[1] > looks[0], "it hears the engine again"
        assert stage.running() == {"web": "web:1"}
        assert "Defect" not in stage.conditions()

    faulty(work)


def test_a_source_that_breaks_is_read_again_and_what_was_in_force_stays(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        source = stage.source = FaultySource()
        stage.controller = stage.make()
        stage.say(asking("web:1"))
        stage.at(100, setattr, source, "fault", UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"))
        stage.at(101, stage.say, BROKEN)
        stage.at(150, stage.engine.kill, "web")
        stage.at(300, setattr, source, "fault", None)
        stage.at(310, stage.say, asking("web:2"))
        running: list[dict[str, str]] = []
        stage.at(299, lambda: running.append(stage.running()))
        await stage.play(500)
        assert running == [{"web": "web:1"}]
        assert stage.running() == {"web": "web:2"}
        assert "Defect" not in stage.conditions()

    faulty(work)


def test_a_sink_that_breaks_keeps_the_others_from_nothing(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        second = Listener("second")
        stage.sinks.append(second)
        stage.controller = stage.make()
        stage.sink.failure = ValueError("not JSON")
        stage.say(asking("web:1"))
        stage.at(50, setattr, stage.sink, "failure", None)
        conditions: list[dict[str, bool]] = []
        stage.at(49, lambda: conditions.append(stage.conditions()))
        await stage.play(100)
        assert conditions[0]["Defect"] is False
        assert [entry.seq for entry in stage.sink.taken] == [entry.seq for entry in second.taken]
        assert [entry.seq for entry in second.taken] == list(range(1, len(second.taken) + 1))
        assert "Defect" not in stage.conditions()

    faulty(work)


class FaultyHeart(Heart):
    """A supervisor that cannot be told anything."""

    every_s = 20.0

    def alive(self) -> None:
        raise RuntimeError("no socket")

    def state(self, text: str) -> None:
        raise RuntimeError("no socket")


def test_a_supervisor_that_cannot_be_told_is_no_reason_to_end(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        stage.heart = FaultyHeart()
        stage.controller = stage.make()
        stage.say(asking("web:1"))
        stage.at(100, stage.engine.kill, "web")
        await stage.play(400)
        assert stage.running() == {"web": "web:1"}
        assert stage.conditions()["Defect"] is False

    faulty(work)


def test_a_callback_that_breaks_is_told(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        def broken() -> None:
            raise ZeroDivisionError

        stage.say(asking("web:1"))
        stage.at(50, broken)
        conditions: list[dict[str, bool]] = []
        stage.at(51, lambda: conditions.append(stage.conditions()))
        await stage.play(200)
        assert conditions[0]["Defect"] is False
        assert "Defect" not in stage.conditions()

    faulty(work)


def test_a_command_does_not_try_for_ever(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        stage.plans.everywhere = True
        stage.plans.breaks["diff"] = KeyError("web")
        stage.controller.accept(asking("web:1"))
        ending = await stage.controller.converge()
        assert isinstance(ending, Stalled)
        assert "KeyError: 'web'" in ending.why

    faulty(work)


@pytest.mark.parametrize("raised", [Busy("state:x", "another controller"), PowerLoss()])
def test_what_is_meant_to_end_it_does(faulty: OnStage, raised: BaseException) -> None:
    async def work(stage: FaultyStage) -> None:
        stage.say(asking("web:1"))
        if isinstance(raised, Exception):
            stage.at(50, setattr, stage.driver, "look_raises", raised)
        else:
            stage.driver.step_raises = raised
        with pytest.raises(type(raised)):
            await stage.controller.run()
        assert stage.engine.closed

    faulty(work)


def test_a_defect_of_an_earlier_process_is_forgotten(faulty: OnStage) -> None:
    async def work(stage: FaultyStage) -> None:
        stage.plans.everywhere = True
        stage.plans.breaks["diff"] = KeyError("web")
        stage.say(asking("web:1"))
        await stage.play(10)
        assert stage.conditions()["Defect"] is False
        stage.plans.breaks.clear()
        stage.controller = Stage.make(stage)
        await stage.play(10)
        assert "Defect" not in stage.conditions()

    faulty(work)


def test_the_traceback_is_in_the_log_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = open_journal(tmp_path)
    defects = Defects(journal, lambda entry: None)
    with caplog.at_level(logging.ERROR, "evenkeel"):
        for _ in range(5):  # told are the first, second, and fourth time
            with defects.turn("worker"):
                raise ValueError("oops")
    journal.close()
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False]


def test_the_text_names_the_place_and_stays_short() -> None:
    def raised(error: Exception) -> Exception:
        try:
            raise error
        except Exception as caught:  # noqa: BLE001 - any of them
            return caught

    assert defect_text(raised(KeyError("web"))).startswith("test_defects.py:")
    assert defect_text(raised(KeyError("web"))).endswith(": KeyError: 'web'")
    assert len(defect_text(raised(ValueError("x" * 10_000)))) < 400
    assert "\x1b" not in defect_text(raised(ValueError("\x1b[2J")))
    assert defect_text(ExceptionGroup("several", [raised(OSError())])).endswith(": OSError")


def test_supervision_backs_off_and_no_further_than_a_minute(tmp_path: Path) -> None:
    async def work() -> list[float]:
        begun: list[float] = []
        told: list[Feedback] = []

        async def breaks() -> None:
            begun.append(asyncio.get_running_loop().time())
            raise ValueError("oops")

        journal = open_journal(tmp_path)
        task = asyncio.create_task(Defects(journal, told.append).supervise("part", breaks))
        await asyncio.sleep(400)
        task.cancel()
        journal.close()
        assert [entry.kind for entry in told] == ["defect"]
        return begun

    begun = run(work())
    waits = [round(after - before) for before, after in pairwise(begun)]
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(waits[7:]) == {60}
