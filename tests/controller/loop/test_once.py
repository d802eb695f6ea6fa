"""One command's whole work is that of a controller that runs on: beside what takes long everything else goes on, too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.controller.stage import OnStage, Reading, Stage, asking, time
from tests.controller.transaction.two import Two
from tests.virtual import run

from evenkeel.controller.control.ask import ask_status
from evenkeel.controller.control.serve import Control
from evenkeel.controller.cycle.endings import Retrying, Settled
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine
from evenkeel.specs.containers.container import Container, Device
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.feedback import Standing


def takes(engine: MemoryEngine, image: str, seconds: float) -> None:
    """A pull of this image takes so long."""
    engine.catalogue[f"docker.io/library/{image}"] = Image(size=int(seconds * engine.script.pull_rate))


def test_what_is_down_is_repaired_beside_a_pull(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.controller.accept(asking("web:1", "lamp:1"))
        assert isinstance(await stage.controller.converge(), Settled)
        takes(stage.engine, "lamp:2", 300)
        up: list[dict[str, str]] = []
        stage.at(100, stage.engine.kill, "web")
        stage.at(110, lambda: up.append(stage.running()))
        stage.controller.accept(asking("web:1", "lamp:2"))
        assert isinstance(await stage.controller.converge(), Settled)
        assert up == [{"web": "web:1", "lamp": "lamp:1"}]
        assert stage.running() == {"web": "web:1", "lamp": "lamp:2"}
        assert time() > 300

    on_stage(work)


def test_another_command_sees_the_work_with_its_bytes(on_stage: OnStage, tmp_path: Path) -> None:
    async def work(stage: Stage) -> None:
        takes(stage.engine, "web:1", 300)
        seen: list[Standing | None] = []

        async def look() -> None:
            seen.append(await asyncio.to_thread(ask_status, tmp_path))

        looking: list[asyncio.Task[None]] = []
        stage.at(150.5, lambda: looking.append(asyncio.ensure_future(look())))
        stage.controller.accept(asking("web:1"))
        assert isinstance(await stage.controller.converge(), Settled)
        assert seen[0] is not None
        (step,) = seen[0].work.steps
        assert (step.subject, step.text, step.done * 2) == ("web", "pull docker.io/library/web:1", step.total)
        assert not (tmp_path / "control.sock").exists()

    on_stage(work, control=Control(tmp_path))


def test_a_domain_goes_on_while_another_one_fetches(tmp_path: Path) -> None:
    async def scenario() -> None:
        two = Two(tmp_path)
        await two.settle("a:1", "b:1")
        takes(two.second, "b:2", 300)
        up: list[list[str]] = []
        two.at(100, two.first.kill, "a")
        two.at(110, lambda: up.append(two.running()))
        two.controller.accept(asking("a:1", "b:2"))
        assert isinstance(await two.controller.converge(), Settled)
        assert up == [["a:1", "b:1"]]
        assert two.running() == ["a:1", "b:2"]
        two.journal.close()

    run(scenario())


@pytest.mark.parametrize("tries", [1, 3])
def test_it_ends_after_so_many_tries(tmp_path: Path, tries: int) -> None:
    """There is nothing to go back to, and the cause lies outside: a controller that runs on would try for ever."""
    device = normal(Container("a", "a:1", devices=(Device("/dev/x", "/dev/x"),)))
    wanted = [Document("Container", each.name, each) for each in (device, normal(Container("b", "b:1")))]

    async def scenario() -> None:
        two, waited = Two(tmp_path), list[float]()
        two.first.script.absent.add("/dev/x")
        two.controller.accept(Reading(desired_state(wanted)))
        ending = await two.controller.converge(lambda seconds, why: waited.append(seconds), tries)
        assert isinstance(ending, Retrying)
        assert "/dev/x" in ending.why
        assert len(waited) == tries - 1
        two.journal.close()

    run(scenario())
