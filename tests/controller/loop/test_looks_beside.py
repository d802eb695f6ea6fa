"""Looks beside steps that take long: an engine tells of each step, and a look asks about every container."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

import pytest
from tests.controller.stage import OnStage, Reading, Stage

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.groups.baseline import Baseline

_PROOF = timedelta(seconds=60)


def _asking(*containers: Container, groups: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> Reading:
    documents = [Document("Container", each.name, normal(each)) for each in containers]
    more = [Document("Baseline", name, Baseline(members)) for name, members in groups.items()]
    return Reading(desired_state([*documents, *more]))


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


@pytest.mark.parametrize("groups", [{}, {"g": ("web", "slow")}, {"g": ("web",), "h": ("slow",)}])
@pytest.mark.parametrize("is_new", [True, False])
def test_one_that_is_proven_is_repaired_beside_the_proof_of_another(
    on_stage: OnStage, groups: Mapping[str, tuple[str, ...]], is_new: bool
) -> None:
    """Both are changed by the same revision, and the stage of their proofs lasts as long as the slower one."""

    async def work(stage: Stage) -> None:
        slow = Container("slow", "slow:2", stable_for=timedelta(minutes=10))
        found: list[dict[str, str]] = []
        if not is_new:
            stage.say(_asking(_quick("web", "web:1"), _quick("slow", "slow:1"), groups=groups))
        stage.at(50, stage.say, _asking(_quick("web", "web:2"), slow, groups=groups))
        stage.at(150, stage.engine.kill, "web")
        stage.at(165, lambda: found.append(stage.running()))
        await stage.play(800)
        assert found == [{"web": "web:2", "slow": "slow:2"}]
        told = [each.message for each in stage.sink.taken if each.kind == "health"]
        assert any("web" in message for message in told), told
        assert stage.running() == {"web": "web:2", "slow": "slow:2"}
        assert "revision-failed" not in stage.sink.kinds()

    on_stage(work)


@pytest.mark.parametrize("groups", [{}, {"g": ("web", "slow")}])
def test_one_that_waits_for_a_pull_is_repaired_as_it_was(
    on_stage: OnStage, groups: Mapping[str, tuple[str, ...]]
) -> None:
    """Nothing is changed before all images are there, so that what runs until then has to run."""

    async def work(stage: Stage) -> None:
        stage.engine.script.pull_rate = 1e6
        stage.engine.catalogue["docker.io/library/slow:2"] = Image(size=1000 * 10**6)
        for image in ("web:1", "web:2", "slow:1"):
            stage.engine.catalogue[f"docker.io/library/{image}"] = Image(size=0)
        found: list[dict[str, str]] = []
        stage.say(_asking(_quick("web", "web:1"), _quick("slow", "slow:1"), groups=groups))
        stage.at(50, stage.say, _asking(_quick("web", "web:2"), _quick("slow", "slow:2"), groups=groups))
        for second, name in ((300, "web"), (600, "slow")):
            stage.at(second, stage.engine.kill, name)
            stage.at(second + 15, lambda: found.append(stage.running()))
        await stage.play(1200)
        assert found == [{"web": "web:1", "slow": "slow:1"}] * 2
        assert stage.running() == {"web": "web:2", "slow": "slow:2"}

    on_stage(work)


def _quick(name: str, image: str) -> Container:
    return Container(name, image, stable_for=timedelta(seconds=1))
