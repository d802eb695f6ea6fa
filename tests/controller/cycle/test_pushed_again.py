"""Content that was pushed again under a tag in force is tried as a revision is: it has so many tries, it is good only when
everything is well with it, and what it replaced is there until then. Nobody asked for it, so no revision is to blame."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.controller.device import Device, OnDevice, container
from tests.memories import memory

from evenkeel.controller.cycle.endings import Ending, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.actions import Connect, Create, End, Rename, Start, Verify
from evenkeel.specs.containers.container import Container, Health, TcpProbe
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Failed, Outcome, Retry

SECOND = timedelta(seconds=1)
TAG = "docker.io/library/app:1"


def following(name: str = "app") -> Container:
    return container(name, pull_policy="Always")


def checked(name: str) -> Container:
    return container(name, health=Health(TcpProbe(80), interval=SECOND, timeout=SECOND, retries=2))


def push(device: Device, version: int = 2, **behaviour: object) -> None:
    device.engine.catalogue[TAG] = replace(Image(version=version), **behaviour)  # type: ignore[arg-type]


def content(device: Device, name: str = "app") -> int:
    """The version that runs under a name, 0 when none does."""
    world = device.engine.world
    running = [each for each in world.containers.values() if each.engine_name == name and each.state == "running"]
    return world.pulled[running[0].image_id].version if running else 0


def refuse(device: Device, outcome: Outcome, action: type[Action], times: int = 10**9) -> list[Action]:
    """Whatever is done with the newer content fails."""
    world, failed = device.engine.world, list[Action]()

    def script(performed: Action) -> Outcome | None:
        instance = world.containers.get(getattr(performed, "instance", ""))
        version = world.images.get(TAG, 1) if instance is None else world.pulled[instance.image_id].version
        if isinstance(performed, action) and version == 2 and len(failed) < times:
            failed.append(performed)
            return outcome
        return None

    device.engine.script.failures.append(script)
    return failed


def harm(device: Device, versions: Collection[int] = (2,)) -> None:
    """The neighbour is ill while one of these versions runs."""
    observe, neighbour = device.engine.observe, "docker.io/library/db:1"

    async def observed(look: Look = Look()) -> ContainersSeen:
        device.engine.catalogue[neighbour] = Image(healthy=content(device) not in versions)
        return await observe(look)

    device.engine.observe = observed  # type: ignore[method-assign]


async def patiently(device: Device) -> Ending:
    """As a controller does it: until nothing is waited for and nothing is tried again."""
    for _ in range(200):
        ending = await device.follow()
        if not isinstance(ending, Waiting | Retrying):
            return ending
        await asyncio.sleep(5)
    raise AssertionError("it comes to no end")


@pytest.mark.parametrize("outcome", [Failed("no command specified"), Retry("unable to find group nosuchgroup")])
@pytest.mark.parametrize("action", [Create, Rename, Start, Verify])
def test_content_that_is_refused_is_gone_back_from(on_device: OnDevice, outcome: Outcome, action: type[Action]) -> None:
    """It was tried for ever where the engine refused its creation or its start, and the old content stayed stopped."""

    async def work(device: Device) -> None:
        state = await device.reach(following())
        push(device)
        failed = refuse(device, outcome, action)
        assert await patiently(device) == Settled()
        assert len(failed) == (1 if isinstance(outcome, Failed) else 3), "as often as a revision is tried"
        assert content(device) == 1
        assert device.journal.digest("last-good") == state.digest
        told = device.conditions()["ContentCurrent"]
        assert (told.reason, outcome.message in told.message) == ("SetAside", True)
        before = device.written()
        assert await device.cycle() == Settled()
        assert device.written() == before, "what failed is not tried again"
        push(device, 3)
        assert await patiently(device) == Settled()
        assert content(device) == 3
        assert "ContentCurrent" not in device.conditions()

    on_device(work)


@pytest.mark.parametrize("action", [Create, Start, Connect, End])
def test_content_that_fails_less_often_is_taken(on_device: OnDevice, action: type[Action]) -> None:
    """Also when the process ends between its tries; and what failed once is forgotten when it is good."""

    async def work(device: Device) -> None:
        await device.reach(following())
        push(device)
        refuse(device, Retry("busy"), action, times=2)
        for _ in range(3):
            await device.follow()
            device.start()
        assert await patiently(device) == Settled()
        assert content(device) == 2
        assert len(device.engine.world.containers) == 1
        assert [device.journal.attempts.of(each, "containers") for each in device.engine.world.pulled] == [None, None]

    on_device(work)


@pytest.mark.parametrize("again", [False, True], ids=["one process", "another process in the middle"])
def test_content_that_makes_its_neighbour_ill_is_gone_back_from(on_device: OnDevice, again: bool) -> None:
    """It was called done, and what it had replaced was removed."""

    async def work(device: Device) -> None:
        await device.reach(following(), checked("db"))
        push(device)
        harm(device)
        assert isinstance(await device.follow(), Waiting), "it may recover"
        assert content(device) == 2
        assert [each.state for each in device.engine.world.containers.values()].count("exited") == 1
        if again:
            device.start()
        assert await patiently(device) == Settled()
        assert content(device) == 1
        assert device.conditions()["Healthy"].holds
        assert "db fails its health check" in device.conditions()["ContentCurrent"].message

    on_device(work)


def test_content_is_good_when_the_checks_of_its_neighbours_have_passed_since(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(following(), checked("db"))
        push(device)
        while content(device) != 2:
            await device.cycle()
        device.engine.catalogue["docker.io/library/db:1"] = Image(newest_check="failed")
        for _ in range(5):
            await asyncio.sleep(60)
            assert isinstance(await device.follow(), Waiting), "what fails is waited for until it has decided"
        assert len(device.engine.world.containers) == 3
        device.engine.catalogue["docker.io/library/db:1"] = Image(newest_check="passed")
        assert await patiently(device) == Settled()
        assert content(device) == 2
        assert len(device.engine.world.containers) == 2
        assert device.journal.attempts.sick_before(device.journal.digest("desired"), "containers") is None

    on_device(work)


def test_a_neighbour_that_was_ill_before_speaks_against_no_content(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(following(), checked("db"))
        harm(device, (1, 2, 3))
        await device.follow()
        push(device)
        ending = await patiently(device)
        assert isinstance(ending, Settled)
        assert list(ending.unwell) == ["db"]
        assert content(device) == 2
        assert len(device.engine.world.containers) == 2
        device.engine.catalogue["docker.io/library/db:1"] = Image()
        push(device, 3)
        assert isinstance(await patiently(device), Settled)
        assert content(device) == 3, "who was excused once is so for that content only"

    on_device(work)


def test_harm_that_comes_on_the_way_back_is_gone_back_from_too(on_device: OnDevice) -> None:
    """A revision has failed, and the tag of what is gone back to names other content meanwhile."""

    async def work(device: Device) -> None:
        good = await device.reach(following(), checked("db"), container("web"))
        device.ask(following(), checked("db"), container("web", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        push(device)
        harm(device)
        assert isinstance(await patiently(device), Stalled)
        assert device.settled() == (False, "RolledBack")
        assert content(device) == 1
        assert device.conditions()["Healthy"].holds
        assert device.journal.digest("last-good") == good.digest

    on_device(work, bad=Image(exits_with=1))


def test_harm_in_a_revision_is_of_its_new_content_too(on_device: OnDevice) -> None:
    """Nobody knows which of the two does it, and going back must end it."""

    async def work(device: Device) -> None:
        await device.reach(following(), checked("db"), container("web"))
        push(device)
        harm(device)
        device.ask(following(), checked("db"), container("web", "web:2"))
        assert isinstance(await patiently(device), Stalled)
        assert (content(device), device.running()["web"]) == (1, "web:1")
        assert device.conditions()["Healthy"].holds

    on_device(work)


def test_what_was_replaced_stays_while_another_subject_fails(on_device: OnDevice) -> None:
    """Everything else is kept up then, and nobody has judged the new content yet."""

    async def work(device: Device) -> None:
        await device.reach(following(), checked("db"), container("web"))
        push(device)
        harm(device)
        device.engine.remove("web")
        device.fail(Retry("no space left on device"), Create, times=1)
        while content(device) != 2:
            await device.cycle()
        device.engine.remove("web")
        device.fail(Retry("no space left on device"), Create)
        for _ in range(100):
            assert not isinstance(await device.follow(), Settled)
            await asyncio.sleep(5)
        assert content(device) == 1
        assert "ContentCurrent" in device.conditions()

    on_device(work)


def test_content_is_told_as_set_aside_when_its_image_is_gone(on_device: OnDevice) -> None:
    """A plan announced it again, and nothing told that it was set aside, once somebody had pruned the images."""

    async def work(device: Device) -> None:
        await device.reach(following())
        push(device, exits_with=1)
        assert await patiently(device) == Settled()
        world = device.engine.world
        for each in [id_ for id_, image in world.pulled.items() if image.version == 2]:
            del world.pulled[each]
        world.images[TAG] = 1
        device.start()
        done = len(device.said("step-started"))
        assert await device.follow() == Settled()
        assert device.said("step-started")[done:] == []
        assert "ContentCurrent" in device.conditions()

    on_device(work)


@pytest.mark.parametrize("how", ["removed by hand", "not asked for for a while"])
@pytest.mark.parametrize("keys", ["image", "image and digest"])
def test_content_that_proves_itself_after_all_is_not_told_as_set_aside(
    on_device: OnDevice, how: str, keys: str
) -> None:
    """The law of truth found it: the content before is gone with its container, so the next one is made from the tag in the
    engine, which names the content that was set aside. It ran, and it was said that it does not."""

    async def work(device: Device) -> None:
        state = await device.reach(following(), container("db"))
        push(device)
        refuse(device, Retry("the engine is away"), Start, times=3)
        assert await patiently(device) == Settled()
        assert (content(device), device.conditions()["ContentCurrent"].reason) == (1, "SetAside")
        rejected = memory(device.journal).rejected
        assert len(rejected) == 2
        if keys == "image":
            for name in [name for name in rejected if "@" in name]:
                device.journal.attempts.forgive(name, "containers")
        if how == "removed by hand":
            device.engine.remove("app")
        else:
            await device.reach(container("db"))
            device.ask(following(), container("db"))
        assert await patiently(device) == Settled()
        assert content(device) == 2
        assert "ContentCurrent" not in device.conditions()
        assert memory(device.journal).rejected == {}
        assert device.journal.digest("last-good") == state.digest
        before = device.written()
        assert await device.cycle() == Settled()
        assert device.written() == before
        push(device, 3, exits_with=1)
        assert await patiently(device) == Settled()
        assert content(device) == 2, "it is something to go back to"
        assert "ContentCurrent" in device.conditions()

    on_device(work)


def test_content_is_not_accepted_while_the_one_before_is_there(on_device: OnDevice) -> None:
    """It was proven before its neighbour fell ill, and runs until it is replaced."""

    async def work(device: Device) -> None:
        await device.reach(following(), checked("db"))
        push(device)
        harm(device)
        assert await patiently(device) == Settled()
        assert content(device) == 1
        assert device.conditions()["ContentCurrent"].reason == "SetAside"
        assert len(memory(device.journal).rejected) == 2

    on_device(work)
