"""Before the check of a proven container has told anything, since its start or since evenkeel's own, nothing is said about how
it is, and no revision begins that it could be blamed for."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.controller.cycle.test_verdicts import check_says, checked, make_ill
from tests.controller.device import Device, OnDevice, container

from evenkeel.controller.cycle.endings import Ending, Settled, Waiting
from evenkeel.controller.drivers.containers.memory import Image

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
