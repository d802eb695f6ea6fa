"""A container that ends again and again: how it is told between two ends, and whose lines are kept."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from tests.controller.device import Device, OnDevice, container
from tests.virtual import now

from evenkeel.controller.cli.newest import hear_failures
from evenkeel.controller.control.serve import Control
from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.containers.memory.world import uptime
from evenkeel.controller.journal.journal import read_journal
from evenkeel.specs.codec import encode
from evenkeel.specs.containers.container import Restart
from evenkeel.specs.output import LastFailure


def turn(device: Device, name: str = "web", **facts: Any) -> None:
    """The engine's doing."""
    (kept,) = (each for each in device.engine.world.containers.values() if each.engine_name == name)
    device.engine.world.containers[kept.id] = replace(kept, **facts)


async def end(device: Device, count: int, code: int = 3) -> None:
    """It ends for the `count`-th time, and somebody looks."""
    device.engine.catalogue["docker.io/library/web:1"] = Image(output=f"end {count}")
    turn(device, state="restarting", restart_count=count, exit_code=code, finished_at=now())
    await device.follow()


async def start(device: Device) -> None:
    """Its engine puts it up again, and forgets the exit code, as Docker does."""
    turn(device, state="running", exit_code=0, up_at=uptime())
    await device.follow()


def stored(device: Device) -> LastFailure | None:
    """What whoever asks after a power loss is told."""
    with closing(read_journal(device.state)) as journal:
        return journal.failures.last("web")


def newest(device: Device) -> LastFailure:
    found = device.journal.failures.last("web")
    assert found is not None
    return found


def test_the_newest_end_of_a_loop_is_known_and_few_are_written(on_device: OnDevice) -> None:
    """S11: the lines of the first end were shown for ten minutes, also when the reason had changed."""

    async def work(device: Device) -> None:
        await device.reach(container("web", restart=Restart("always")))
        writes, before, count, until = 0, stored(device), 0, now() + 1200
        while now() < until:
            count += 1
            await end(device, count, code=3 if count < 100 else 4)
            assert newest(device).output.lines == (f"end {count}",)
            assert newest(device).output.exit_code == (3 if count < 100 else 4)
            await start(device)
            assert newest(device).output.lines == (f"end {count}",)
            after = stored(device)
            writes, before = writes + (after != before), after
            assert after is not None
            assert now() - after.at <= 600
            await asyncio.sleep(5)
        assert count > 200
        assert writes <= 9, "at once, then 10, 20, 40, … s apart"
        device.journal.failures.flush()
        assert stored(device) == newest(device), "it is stopped"

    on_device(work)


def test_whoever_asks_hears_the_newest_end_from_the_controller(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web", restart=Restart("always")))
        await end(device, 1)
        await end(device, 2)
        assert stored(device) != newest(device)
        control = Control(device.state)
        control.answer("failures", lambda: encode(device.journal.failures.unwritten()))
        serving = asyncio.create_task(control.serve())

        def ask() -> LastFailure | None:
            with closing(read_journal(device.state)) as journal:
                hear_failures(device.state, journal)
                assert [each.subject for each in journal.failures.all()] == ["web"]
                return journal.failures.last("web")

        await asyncio.sleep(0)
        assert await asyncio.to_thread(ask) == newest(device)
        serving.cancel()

    on_device(work)


def test_a_loop_is_not_well_between_two_ends(on_device: OnDevice) -> None:
    """S7, S8: in the middle of a loop all was well and proven; "keeps ending" after one end; the exit code was gone."""

    async def work(device: Device) -> None:
        await device.reach(container("web", restart=Restart("always")))

        def healthy() -> tuple[bool, str]:
            condition = device.conditions()["Healthy"]
            return condition.holds, condition.message

        said = []
        for count in range(1, 5):
            await end(device, count)
            said.append(healthy())
            await start(device)
            said.append(healthy())
            ending = await device.cycle()
            assert isinstance(ending, Settled)
            assert ending.unwell
            assert "not well: web" in device.conditions()["Settled"].message
            await asyncio.sleep(5)
        assert said == [
            (False, f"web {why}")
            for why in (
                "ended with exit code 3",
                "was started again after it ended with exit code 3",
                "keeps ending with exit code 3",
                "was started again after it ended with exit code 3",
                "keeps ending with exit code 3",
                "was restarted 3 times, the last time after exit code 3",
                "keeps ending with exit code 3",
                "was restarted 4 times, the last time after exit code 3",
            )
        ]
        assert ("health", "all containers are well again") not in device.said("health")
        await asyncio.sleep(60)
        await device.follow()
        assert healthy() == (True, "")
        assert device.said("health")[-1] == ("health", "all containers are well again")
        assert device.conditions()["Settled"].message == "everything asked for is there and proven"

    on_device(work)


def test_nothing_is_well_again_while_it_is_down_for_the_way_back(on_device: OnDevice) -> None:
    """S10: between the end of the new one and the start of the old, that all were well was said twice."""

    async def work(device: Device) -> None:
        await device.reach(container("web", restart=Restart("always")), container("wiki"))
        device.ask(container("web", "bad:1", restart=Restart("always")), container("wiki"))
        await device.follow()
        assert device.said("health") == [
            ("health", "web ended with exit code 3"),
            ("health", "all containers are well again"),
        ]
        said = device.said()
        last_start = len(said) - said[::-1].index(("step-done", "started"))
        assert said.index(("health", "all containers are well again")) >= last_start
        assert device.settled() == (False, "RolledBack")

    on_device(work, bad=Image(exits_with=3, exits_after_s=0.5))


@pytest.mark.parametrize("tells_ends", [True, False], ids=["the code is heard", "it is not"])
def test_nothing_is_well_again_because_the_failed_one_is_just_up(on_device: OnDevice, *, tells_ends: bool) -> None:
    """T2: on the way back from an image that crashes, all were well again while it was up between two ends."""

    async def work(device: Device) -> None:
        device.engine.script.perform_s, device.engine.script.tells_ends = 0.25, tells_ends
        await device.reach(container("web", restart=Restart("always")))
        device.ask(container("web", "bad:1", restart=Restart("always")))
        while not device.said("revision-failed"):
            await device.cycle()
        while device.running() != {"web": "bad:1"}:  # noqa: ASYNC110  the engine starts it again
            await asyncio.sleep(0.01)
        await device.follow()
        assert device.settled() == (False, "RolledBack")
        said = device.said()
        last_start = len(said) - said[::-1].index(("step-done", "started"))
        assert said.index(("health", "all containers are well again")) >= last_start

    on_device(work, bad=Image(exits_with=3, exits_after_s=0.2, flaps=True))
