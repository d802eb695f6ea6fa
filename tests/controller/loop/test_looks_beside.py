"""Looks beside steps that take long: an engine tells of each step, and a look asks about every container."""

from __future__ import annotations

from datetime import timedelta

from tests.controller.stage import OnStage, Reading, Stage

from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state

_PROOF = timedelta(seconds=60)


def _asking(*containers: Container) -> Reading:
    return Reading(desired_state([Document("Container", each.name, normal(each)) for each in containers]))


def _tell_of_something(stage: Stage, seconds: int) -> None:
    for number in range(seconds):
        stage.at(number, stage.engine.put_foreign, normal(Container(f"s{number}", "x:1")))


def test_nobody_looks_when_the_steps_are_about_all_there_is(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(_asking(Container("web", "web:1", stable_for=_PROOF), Container("db", "db:1", stable_for=_PROOF)))
        found: list[int] = []
        stage.at(10, _tell_of_something, stage, 40)
        stage.at(10, lambda: found.append(stage.engine.looks))
        stage.at(50, lambda: found.append(stage.engine.looks))
        await stage.play(70)
        assert found[0] == found[1]
        assert stage.running().items() >= {"web": "web:1", "db": "db:1"}.items()

    on_stage(work)


def test_one_that_no_step_is_about_is_looked_at_and_repaired(on_stage: OnStage) -> None:
    """The pause after a look grows with its length: one of a second is followed by nine without any."""

    async def work(stage: Stage) -> None:
        fog = Container("fog", "fog:1", stable_for=timedelta(seconds=1))
        found: list[int] = []
        repaired: list[dict[str, str]] = []
        stage.say(_asking(fog))
        stage.at(30, stage.say, _asking(fog, Container("web", "web:1", stable_for=_PROOF)))
        stage.at(30, setattr, stage.engine.script, "observe_s", 1.0)
        stage.at(40, _tell_of_something, stage, 40)
        stage.at(40, lambda: found.append(stage.engine.looks))
        stage.at(50, stage.engine.kill, "fog")
        stage.at(64, lambda: repaired.append(stage.running()))
        stage.at(80, lambda: found.append(stage.engine.looks))
        await stage.play(100)
        assert 3 <= found[1] - found[0] <= 7, "one each ten seconds, and those of a repair"
        assert repaired[0].items() >= {"fog": "fog:1", "web": "web:1"}.items()

    on_stage(work)
