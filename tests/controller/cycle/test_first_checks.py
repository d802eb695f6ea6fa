"""Before the check of a proven container has told anything, since its start or since evenkeel's own, nothing is said about how
it is, and no revision begins that it could be blamed for."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.controller.cycle.test_verdicts import check_says, checked, make_ill
from tests.controller.device import Device, OnDevice, container

from evenkeel.controller.cycle.endings import Ending, Retrying, Settled, Waiting
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.actions import Verify
from evenkeel.specs.containers.container import Device as HostDevice
from evenkeel.specs.plan import Retry

APP = "docker.io/library/app:1"


def hang(device: Device, *, healthy: bool = False) -> None:
    """Its server does not answer any more, and the first probe of a controller that has just been started has not ended."""
    device.engine.catalogue[APP] = Image(healthy=healthy, newest_check="none yet")
    device.start()


def decide_against(device: Device) -> None:
    """Its check has failed."""
    device.engine.catalogue[APP] = Image(healthy=False)


async def to_the_end(device: Device) -> Ending:
    """As long as it waits, but not for hours."""
    ending = await device.follow()
    for _ in range(600):
        if not isinstance(ending, Waiting):
            break
        await asyncio.sleep(ending.again_s)
        ending = await device.follow()
    return ending


def test_a_check_that_has_told_nothing_yet_is_not_called_well(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(checked("app"))
        hang(device)
        assert isinstance(await device.follow(), Waiting)
        assert device.settled() == (False, "Waiting")
        healthy = device.conditions()["Healthy"]
        assert (healthy.holds, healthy.reason) == (False, "Unknown")
        assert healthy.message == "app has a check that has told nothing yet"
        decide_against(device)
        assert await device.follow() == Settled(unwell={"app": "fails its health check"})
        assert device.conditions()["Healthy"].reason == "ContainersAiling"

    on_device(work)


def test_one_that_answers_at_last_is_well(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(checked("app"))
        hang(device, healthy=True)
        assert isinstance(await device.follow(), Waiting)
        check_says(device, "passed")
        assert await device.follow() == Settled()
        assert device.conditions()["Healthy"].holds
        assert device.settled() == (True, "Converged")

    on_device(work)


def test_one_that_tells_nothing_for_a_minute_holds_up_nothing(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(checked("app"))
        hang(device, healthy=True)
        begun = asyncio.get_running_loop().time()
        assert await to_the_end(device) == Settled()
        assert 60 <= asyncio.get_running_loop().time() - begun < 70

    on_device(work)


def test_no_revision_is_blamed_for_one_that_hung_before_it(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("broker"), checked("app"))
        hang(device)
        state = device.ask(container("broker", "broker:2"), checked("app"))
        assert isinstance(await device.follow(), Waiting)
        assert device.running()["broker"] == "broker:1", "nothing is begun before it is known"
        decide_against(device)
        assert await to_the_end(device) == Settled(unwell={"app": "fails its health check"})
        assert device.running()["broker"] == "broker:2"
        assert device.journal.digest("last-good") == state.digest

    on_device(work)


def test_no_revision_is_blamed_for_one_that_had_failed_a_check_before_it(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("broker"), checked("app"))
        check_says(device, "failed")
        state = device.ask(container("broker", "broker:2"), checked("app"))
        following = asyncio.ensure_future(to_the_end(device))
        await asyncio.sleep(1)
        make_ill(device, "app:1")
        assert isinstance(await following, Settled)
        assert device.journal.digest("last-good") == state.digest

    on_device(work)


def test_a_repair_does_not_wait_for_the_checks_of_others(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("broker"), checked("app"))
        device.engine.remove("broker")
        hang(device)
        await device.follow()
        assert set(device.running()) == {"app", "broker"}

    on_device(work)


@pytest.mark.parametrize("is_changed", [False, True])
@pytest.mark.parametrize("hand", ["stops it", "removes it"])
def test_a_revision_that_waits_for_a_first_check_holds_up_no_repair(
    on_device: OnDevice, hand: str, is_changed: bool
) -> None:
    """It kept what somebody had stopped down for a minute. One that the revision changes is put up as it was."""

    async def work(device: Device) -> None:
        await device.reach(container("broker"), container("map"), checked("app"))
        hang(device)
        device.ask(container("broker", "broker:2"), container("map"), checked("app"))
        name = "broker" if is_changed else "map"
        assert isinstance(await device.follow(), Waiting)
        device.engine.kill(name) if hand == "stops it" else device.engine.remove(name)
        ending = await device.follow()
        assert isinstance(ending, Waiting)
        assert ending.again_s == 1.0
        assert device.running() == {"broker": "broker:1", "map": "map:1", "app": "app:1"}
        assert device.said("drift")[-1][1].split(":")[0] == ("start" if hand == "stops it" else "create")
        assert device.settled() == (False, "Waiting")

    on_device(work)


def test_a_revision_that_waits_for_the_check_that_it_brings_holds_up_no_repair(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("app"), container("map"))
        device.engine.catalogue[APP] = Image(newest_check="none yet")
        device.ask(checked("app"), container("map"))
        assert isinstance(await device.follow(), Waiting)
        device.engine.kill("map")
        assert isinstance(await device.follow(), Waiting)
        assert set(device.running()) == {"app", "map"}

    on_device(work)


def test_a_repair_that_fails_while_a_revision_waits_keeps_no_other_one_down(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        gps = container("gps", devices=(HostDevice("/dev/gps", "/dev/gps"),))
        await device.reach(container("broker"), container("map"), gps, checked("app"))
        hang(device)
        device.ask(container("broker", "broker:2"), container("map"), gps, checked("app"))
        device.engine.script.absent.add("/dev/gps")
        device.engine.kill("gps")
        device.engine.kill("map")
        ending = await device.follow()
        assert isinstance(ending, Retrying), "not at once again"
        assert device.running() == {"broker": "broker:1", "map": "map:1", "app": "app:1"}
        assert device.conditions()["Healthy"].message.startswith("gps is not running")
        device.engine.script.absent.clear()
        assert isinstance(await device.follow(), Waiting)
        assert set(device.running()) == {"broker", "map", "gps", "app"}

    on_device(work)


def test_what_a_half_done_revision_has_made_is_not_torn_down_while_the_next_one_waits(on_device: OnDevice) -> None:
    """Else it would be made twice; and nothing of it is down."""

    async def work(device: Device) -> None:
        await device.reach(container("broker"), checked("app"))
        stuck = device.fail(Retry("busy"), Verify, times=1)
        device.ask(container("broker", "broker:2"), container("new"), checked("app"))
        await device.follow()
        assert stuck
        assert device.running()["broker"] == "broker:2"
        hang(device)
        device.ask(container("broker", "broker:2"), container("new", "new:2"), checked("app"))
        assert isinstance(await device.follow(), Waiting)
        assert device.running() == {"broker": "broker:2", "new": "new:1", "app": "app:1"}

    on_device(work)


def test_a_first_revision_of_which_one_stays_ill_comes_to_an_end(on_device: OnDevice) -> None:
    """There is nothing to go back to, so that it was waited for for ever."""

    async def work(device: Device) -> None:
        slow = container("slow", stable_for=timedelta(minutes=2), depends_on=("app",))
        state = device.ask(checked("app"), slow)
        asyncio.get_running_loop().call_later(30, make_ill, device, "app:1")
        assert await to_the_end(device) == Settled(unwell={"app": "fails its health check"})
        assert device.journal.digest("last-good") == ""
        assert not device.conditions()["Healthy"].holds
        make_ill(device, "app:1", healthy=True)
        assert await device.follow() == Settled()
        assert device.journal.digest("last-good") == state.digest

    on_device(work)
