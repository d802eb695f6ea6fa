"""Groups of Kanto's checklist about manifests and what becomes of containers (container-management.md §7.3, §7.4), had
again with a real folder, a journal and the memory engine. Which groups are nowhere, and why, says
tests/controller/agents/test_checklist.py.

Kanto deploys once, when its daemon starts, in one of two modes; here the folder is what is desired, always, as in the mode
`update`, and what fails is taken back as a whole.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.controller.cycle.test_cycle import Device
from tests.virtual import run

from evenkeel.controller.cycle.endings import Ending, Retrying, Settled, Stalled
from evenkeel.controller.drivers.containers.memory import WorldContainer
from evenkeel.controller.sources.files import read_specs
from evenkeel.specs.containers.actions import Create, End, Remove, Start
from evenkeel.specs.plan import Failed, Retry
from evenkeel.specs.problem import problem_text


class Deployed(Device):
    """A device with a folder of manifests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "containers"
        self.folder.mkdir()
        super().__init__(folder / "state", {})

    def put(
        self, name: str, image: str = "lamp:1", folder: str = ".", host_config: dict[str, Any] | None = None
    ) -> None:
        """A manifest."""
        (self.folder / folder).mkdir(exist_ok=True)
        manifest = {"container_name": name, "image": {"name": image}, "host_config": host_config or {}}
        (self.folder / folder / f"{name}.json").write_text(json.dumps(manifest))

    async def deploy(self, *folders: str) -> Ending:
        """Read the folder, and follow it to an end."""
        reading = read_specs([self.folder, *(self.folder / folder for folder in folders)])
        assert [problem_text(problem) for problem in reading.problems] == []
        self.journal.put("desired", reading.desired, "files")
        return await self.follow()

    def kept(self, name: str) -> WorldContainer:
        """The one container with this name."""
        (found,) = [each for each in self.engine.world.containers.values() if each.engine_name == name]
        return found

    def states(self) -> list[tuple[str, str, str]]:
        """Name, state and image of every container."""
        self.engine.running()
        kept = self.engine.world.containers.values()
        return sorted((each.engine_name, each.state, each.image.rpartition("/")[2]) for each in kept)


RETRYING = {"restart_policy": {"type": "on-failure", "maximum_retry_count": 3}}


def test_group_55_the_containers_cannot_be_listed(tmp_path: Path) -> None:
    async def story() -> None:
        device = Deployed(tmp_path)
        device.put("lamp")
        device.engine.script.unreachable = True
        assert isinstance(await device.deploy(), Retrying)
        assert device.states() == []
        engine = device.conditions()["EngineReachable"]
        assert (engine.holds, "is scripted to be unreachable" in engine.message) == (False, True)

    run(story())


def test_group_55_folders_without_manifests(tmp_path: Path) -> None:
    """Differs: a file may be named instead of a folder."""
    for reading in (read_specs([tmp_path / "absent"]), read_specs([tmp_path])):
        assert (reading.is_empty, reading.problems, reading.desired.documents) == (True, (), ())
    (tmp_path / "lamp.txt").write_text('{"container_name": "lamp", "image": {"name": "lamp:1"}}')
    assert read_specs([tmp_path]).is_empty
    named = read_specs([tmp_path / "lamp.txt"])
    assert [document.name for document in named.desired.documents] == ["lamp"]


def test_group_56_each_manifest_is_created_and_started(tmp_path: Path) -> None:
    """Differs: a folder below is named too; there is no mode that is for the first start only, so that neither a marker nor
    containers of others keep anything from being deployed, and containers of others are left alone."""

    async def story() -> None:
        device = Deployed(tmp_path)
        device.put("other", "other:1")
        assert isinstance(await device.deploy(), Settled)
        device.put("lamp")
        device.put("horn", "horn:1", folder="more")
        assert isinstance(await device.deploy("more"), Settled)
        assert device.running() == {"lamp": "lamp:1", "horn": "horn:1", "other": "other:1"}

    run(story())


@pytest.mark.parametrize("kind", [Create, Start])
def test_group_57_what_cannot_be_created_or_started_is_said_and_nothing_of_it_left(
    tmp_path: Path, kind: type[Create | Start]
) -> None:
    """Differs: an error that may pass is tried again; one that stays is taken back as a whole."""

    async def story() -> None:
        device = Deployed(tmp_path)
        device.put("lamp")
        assert isinstance(await device.deploy(), Settled)
        device.put("horn", "horn:1")
        device.fail(Failed("the disk is broken"), kind)
        assert isinstance(await device.deploy(), Stalled)
        assert device.states() == [("lamp", "running", "lamp:1")]
        assert [kind for kind, message in device.said("revision-failed") if "the disk is broken" in message]
        device.engine.script.failures.clear()
        device.put("horn", "horn:2")
        device.fail(Retry("busy"), kind, times=1)
        assert isinstance(await device.deploy(), Retrying)
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"lamp": "lamp:1", "horn": "horn:2"}

    run(story())


def disturb(device: Deployed, state: str) -> None:
    """Somebody stops or pauses the lamp, or leaves it running."""
    if state == "stopped":
        device.engine.kill("lamp", 143)
    if state == "paused":
        device.engine.pause("lamp")


@pytest.mark.parametrize("state", ["running", "stopped", "paused"])
def test_group_58_what_is_the_same_runs(tmp_path: Path, state: str) -> None:
    async def story() -> None:
        device = Deployed(tmp_path)
        device.put("lamp")
        assert isinstance(await device.deploy(), Settled)
        before = device.kept("lamp")
        disturb(device, state)
        if state != "running":
            device.fail(Retry("busy"), Start, times=1)
            assert isinstance(await device.deploy(), Retrying)
        assert isinstance(await device.deploy(), Settled)
        after = device.kept("lamp")
        assert (after.id, after.state) == (before.id, "running")
        assert (after == before) is (state == "running")

    run(story())


@pytest.mark.parametrize("state", ["running", "stopped", "paused"])
def test_group_59_another_restart_policy_needs_no_new_container(tmp_path: Path, state: str) -> None:
    async def story() -> None:
        device = Deployed(tmp_path)
        device.put("lamp")
        assert isinstance(await device.deploy(), Settled)
        before = device.kept("lamp")
        disturb(device, state)
        device.put("lamp", host_config=RETRYING)
        assert isinstance(await device.deploy(), Settled)
        after = device.kept("lamp")
        assert (after.id, after.state) == (before.id, "running")
        assert after.container is not None
        assert (after.container.restart.policy, after.container.restart.max_retries) == ("on-failure", 3)

    run(story())


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_group_60_another_image_replaces(tmp_path: Path, state: str) -> None:
    async def story() -> None:
        device = Deployed(tmp_path)
        device.put("lamp")
        assert isinstance(await device.deploy(), Settled)
        if state == "stopped":
            device.engine.kill("lamp", 143)
        device.put("lamp", "lamp:2")
        assert isinstance(await device.deploy(), Settled)
        assert device.states() == [("lamp", "running", "lamp:2")]

    run(story())


@pytest.mark.parametrize("kind", [Create, End, Start])
def test_group_60_the_old_runs_again_when_the_new_cannot(tmp_path: Path, kind: type[Create | End | Start]) -> None:
    """Differs: the old runs again also when it could not be stopped first."""

    async def story() -> None:
        device = Deployed(tmp_path)
        device.put("lamp")
        assert isinstance(await device.deploy(), Settled)
        before = device.kept("lamp")
        device.fail(Failed("no"), kind, times=1)
        device.put("lamp", "lamp:2")
        assert isinstance(await device.deploy(), Stalled)
        assert device.states() == [("lamp", "running", "lamp:1")]
        assert device.kept("lamp").id == before.id

    run(story())


def test_group_60_an_old_one_that_cannot_be_removed_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        device = Deployed(tmp_path)
        device.put("lamp")
        assert isinstance(await device.deploy(), Settled)
        device.fail(Retry("busy"), Remove, times=1)
        device.put("lamp", "lamp:2")
        assert await device.deploy() == Settled("lamp: busy", 1.0)
        assert device.running()["lamp"] == "lamp:2"
        await asyncio.sleep(1.0)
        assert await device.follow() == Settled()
        assert device.states() == [("lamp", "running", "lamp:2")]

    run(story())


@pytest.mark.parametrize(
    ("stop", "reason"),
    [("{timeout: -5s}", "spec.stop.timeout: the text `-5s` does not fit"), ("{signal: NOPE}", "spec.stop.signal: ")],
)
def test_group_67_how_to_stop_is_looked_at_before_anything_is_done(tmp_path: Path, stop: str, reason: str) -> None:
    """Differs in the words, and in that only spec files have any for it."""
    document = "apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: lamp}\nspec:\n  image: lamp:1\n  stop: "
    (tmp_path / "lamp.yaml").write_text(document + stop)
    (problem,) = read_specs([tmp_path]).problems
    assert reason in problem_text(problem)
    (tmp_path / "lamp.yaml").write_text(f"{document}{{timeout: 5s, signal: SIGINT}}")
    assert read_specs([tmp_path]).problems == ()


def test_group_68_what_ran_goes_on_after_a_restart_and_what_is_dead_is_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        device = Deployed(tmp_path)
        device.put("lamp")
        device.put("horn", "horn:1")
        assert isinstance(await device.deploy(), Settled)
        lamp, horn = device.kept("lamp"), device.kept("horn")
        device.engine.world.containers[horn.id] = replace(horn, state="dead")
        device.start()
        assert isinstance(await device.follow(), Settled)
        assert device.kept("lamp") == lamp
        assert device.states() == [("horn", "running", "horn:1"), ("lamp", "running", "lamp:1")]
        assert horn.id not in device.engine.world.containers

    run(story())
