"""Containers that run once: they are over when they have ended with exit code 0, and stay so."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.controller.device import Device, OnDevice, container

from evenkeel.controller.cycle.endings import Settled, Stalled
from evenkeel.controller.drivers.containers.memory import Image, WorldContainer
from evenkeel.reconcilers.containers.naming import engine_name
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, Resources, Restart
from evenkeel.specs.containers.memory import ContainersMemory

LIMIT = timedelta(minutes=5)
MIGRATES = Image(exits_with=0, exits_after_s=20.0, output="migrated\n")


def job(image: str = "job:1", **fields: Any) -> Container:
    return container("job", image, **{"run_once": LIMIT, "restart": Restart("no")} | fields)


WEB = container("web", depends_on=("job",), conditions=(("job", "completed"),))


def kept(device: Device, name: str = "job") -> WorldContainer:
    (found,) = [each for each in device.engine.simulation.present() if each.engine_name == engine_name(name)]
    return found


def runs(device: Device, name: str = "job") -> float:
    """A name of the newest run."""
    return kept(device, name).started_at


async def left_at_work(device: Device) -> float:
    """The job is begun, and its controller ends while it is at work; a name of its run."""
    device.ask(job(), WEB)
    following = asyncio.ensure_future(device.follow())
    await asyncio.sleep(10.0)
    device.stopping.set()
    await following
    device.stopping.clear()
    return runs(device)


def test_what_depends_on_the_end_of_a_job_starts_after_it(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(job(), WEB)
        assert kept(device, "web").started_at - runs(device) >= 20.0
        assert (kept(device).state, kept(device).exit_code) == ("exited", 0)
        assert device.running() == {"web": "web:1"}
        assert device.conditions()["Healthy"].holds
        said = await device.engine.output(kept(device).id)
        assert said.lines == ("migrated",), "it is kept with its log"

    on_device(work, job=MIGRATES)


def test_a_job_that_is_over_is_at_rest(on_device: OnDevice) -> None:
    """Neither a cycle, nor another controller, nor the end of its engine or its device runs it again."""

    async def work(device: Device) -> None:
        await device.reach(job(), WEB)
        first, before = runs(device), kept(device).id
        for _ in range(3):
            await asyncio.sleep(100.0)
            device.start()
            device.engine.restart(in_order=True)
            assert isinstance(await device.follow(), Settled)
            assert (runs(device), kept(device).id) == (first, before)
            assert device.running() == {"web": "web:1"}, "what is to stay up is started again"
        ending = await device.follow()
        assert isinstance(ending, Settled)
        assert ending.ended == ("job",)
        assert "job" not in {entry.subject for entry in device.journal.entries() if entry.kind == "drift"}

    on_device(work, job=MIGRATES)


def test_a_job_without_its_journal_is_not_run_again(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(job(), WEB)
        first = runs(device)
        device.lose_journal()
        await device.reach(job(), WEB)
        assert runs(device) == first

    on_device(work, job=MIGRATES)


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"image": "docker.io/library/more:1"}, True),
        ({"env": (("TABLE", "seats"),)}, True),
        ({"restart": Restart("on-failure", 2)}, False),
        ({"resources": Resources(64 << 20)}, True),
        ({"run_once": timedelta(hours=1)}, False),
        ({"depends_on": ("db",)}, False),
    ],
    ids=["image", "variables", "restart policy", "limits that no engine sets in place", "time", "dependencies"],
)
def test_a_job_runs_again_when_its_content_changes(on_device: OnDevice, change: dict[str, Any], again: bool) -> None:
    async def work(device: Device) -> None:
        await device.reach(job(), WEB, container("db"))
        first, web = runs(device), runs(device, "web")
        await asyncio.sleep(100.0)
        await device.reach(changed(job(), **change), WEB, container("db"))
        assert (runs(device) > first) is again
        assert (kept(device).state, kept(device).exit_code) == ("exited", 0)
        assert runs(device, "web") == web, "what depends on it is not changed"

    on_device(work, job=MIGRATES, more=MIGRATES)


def test_a_job_runs_again_when_another_domain_says_so(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(job(), WEB)
        first = runs(device)
        await asyncio.sleep(100.0)
        before = device.journal.memories.of(ContainersMemory)
        device.journal.memories.keep(before, changed(before, notified=("job",)))
        assert isinstance(await device.follow(), Settled)
        assert runs(device) > first
        assert (kept(device).state, kept(device).exit_code) == ("exited", 0)

    on_device(work, job=MIGRATES)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (Image(exits_with=3, exits_after_s=2.0, output="no such table\n"), "job: it ended with exit code 3"),
        (Image(output="no such table\n"), "job: it did not end within 300 s"),
    ],
    ids=["fails", "does not end"],
)
def test_a_job_that_fails_takes_its_revision_back(on_device: OnDevice, bad: Image, why: str) -> None:
    async def work(device: Device) -> None:
        await device.reach(job(), WEB)
        first = runs(device)
        device.ask(job("bad:1"), changed(WEB, env=(("A", "1"),)))
        assert isinstance(await device.follow(), Stalled)
        assert device.settled() == (False, "RolledBack")
        assert any(message.endswith(why) for _, message in device.said("revision-failed", "rolling-back")), (
            device.said()
        )
        assert runs(device) == first, "the former one is there again, and over"
        last = device.journal.failures.last("job")
        assert last is not None
        assert last.output.lines == ("no such table",)
        assert device.running() == {"web": "web:1"}

    on_device(work, job=MIGRATES, bad=bad)


def test_a_job_whose_controller_ends_meanwhile_goes_on(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        first = await left_at_work(device)
        device.start()
        assert isinstance(await device.follow(), Settled)
        assert runs(device) == first
        assert kept(device, "web").started_at - first >= 20.0

    on_device(work, job=MIGRATES)


def test_a_job_that_ends_by_itself_while_its_controller_is_away_is_over(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        first = await left_at_work(device)
        await asyncio.sleep(60.0)
        device.start()
        assert isinstance(await device.follow(), Settled)
        assert runs(device) == first
        assert kept(device, "web").started_at - first >= 60.0
        assert ("step-done", "it ended with exit code 0") in device.said()

    on_device(work, job=MIGRATES)


def test_a_job_that_somebody_ends_while_its_controller_is_away_runs_again(on_device: OnDevice) -> None:
    """Told to stop, it says that all is well."""

    async def work(device: Device) -> None:
        first = await left_at_work(device)
        device.engine.kill("job", exit_code=0)
        await asyncio.sleep(60.0)
        device.start()
        assert isinstance(await device.follow(), Settled)
        assert runs(device) > first
        assert kept(device, "web").started_at - runs(device) >= 20.0

    on_device(work, job=MIGRATES)


@pytest.mark.parametrize("in_order", [True, False])
def test_a_job_that_was_interrupted_runs_again(on_device: OnDevice, in_order: bool) -> None:
    """The device was switched off in the middle; also where the process said that all is well when it was told to end."""

    async def work(device: Device) -> None:
        device.ask(job(), WEB)
        following = asyncio.ensure_future(device.follow())
        await asyncio.sleep(10.0)
        first = runs(device)
        device.stopping.set()
        device.engine.restart(in_order=in_order)
        await following
        device.stopping.clear()
        device.start()
        await asyncio.sleep(60.0)
        assert isinstance(await device.follow(), Settled)
        assert runs(device) > first
        assert kept(device, "web").started_at - runs(device) >= 20.0

    on_device(work, job=changed_stop(MIGRATES))


def changed_stop(image: Image) -> Image:
    return Image(exits_with=image.exits_with, exits_after_s=image.exits_after_s, stops_with=0)
