"""What cycles say of a revision is what the world is: good only when all of it is well, and a leftover only a leftover."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest
from tests.controller.device import Device, OnDevice, container
from tests.until import soon

from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.actions import Create, Pull, Remove, Start, Update, Verify
from evenkeel.specs.containers.container import (
    Container,
    ExecProbe,
    Health,
    HttpProbe,
    Mount,
    Port,
    Resources,
    TcpProbe,
)
from evenkeel.specs.plan import Action, Failed, Outcome, Retry

SECOND = timedelta(seconds=1)


def checked(name: str, image: str = "", port: int = 80, **fields: object) -> Container:
    health = Health(TcpProbe(port), interval=SECOND, timeout=SECOND, retries=2)
    return container(name, image, health=health, **fields)


# ── F-01: a clean-up that fails ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("outcome", [Failed("input/output error"), Retry("device or resource busy")])
def test_a_failed_clean_up_takes_nothing_back(on_device: OnDevice, outcome: Outcome) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web", "web:1"))
        failed = device.fail(outcome, Remove, times=4)
        device.ask(container("web", "web:2"))
        assert await device.follow() == Settled(f"web: {outcome.message}", 1.0)
        assert device.running() == {"web": "web:2"}
        assert device.settled() == (True, "Converged")
        assert device.journal.digest("last-good") == device.journal.digest("desired")
        assert device.said("revision-failed", "rolling-back") == []
        assert device.conditions()["CleanedUp"].reason == "LeftOver"
        waited: list[float] = []
        while device.conditions().get("CleanedUp"):
            ending = await device.follow()
            assert isinstance(ending, Settled)
            waited.append(ending.again_s)
            await asyncio.sleep(ending.again_s)
        assert waited == [1.0, 2.0, 4.0, 8.0, 0.0], "each pause is twice as long"
        assert len(failed) == 4
        assert len(device.engine.world.containers) == 1

    on_device(work)


def test_what_is_left_over_holds_up_neither_repair_nor_the_next_revision(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web", "web:1"), container("db"))
        device.fail(Failed("input/output error"), Remove)
        device.ask(container("web", "web:2"), container("db"))
        assert isinstance(await device.follow(), Settled)
        device.engine.kill("db")
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:2", "db": "db:1"}
        device.ask(container("web", "web:3"), container("db", "db:2"))
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:3", "db": "db:2"}
        assert device.journal.digest("last-good") == device.journal.digest("desired")

    on_device(work)


def test_a_leftover_of_what_nobody_asks_for_any_more_is_no_ill_container(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web", "web:1"), container("db"))
        device.fail(Failed("input/output error"), Remove)
        device.ask(container("web", "web:2"), container("db"))
        assert isinstance(await device.follow(), Settled)
        for id_, kept in device.engine.world.containers.items():
            if kept.state == "exited":
                device.engine.world.containers[id_] = replace(kept, state="dead")
        device.lose_journal()
        device.ask(container("db"))
        assert isinstance(await device.follow(), Settled)
        conditions = device.conditions()
        assert (conditions["CleanedUp"].holds, conditions["CleanedUp"].reason) == (False, "LeftOver")
        assert conditions["Healthy"].holds, conditions["Healthy"].message
        device.engine.kill("db")
        device.fail(Retry("no such device"), Start)
        await device.follow()
        assert not device.conditions()["Healthy"].holds, "what is asked for is told when it is down"

    on_device(work)


@pytest.mark.parametrize("is_asked_again", [True, False])
def test_what_was_proven_and_cannot_be_brought_back_is_not_well(on_device: OnDevice, is_asked_again: bool) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"))
        device.fail(Retry("no space left on device"), Create)
        for id_, kept in list(device.engine.world.containers.items()):
            if kept.engine_name == "web":
                del device.engine.world.containers[id_]
        if is_asked_again:
            device.ask(container("web"), container("db"), container("new"))
        await device.follow()
        await device.cycle()
        healthy = device.conditions()["Healthy"]
        assert (healthy.holds, healthy.message) == (False, "web is not there"), "nobody expects `new` to be there yet"

    on_device(work)


# ── §5.2: a revision that makes its neighbour ill ──────────────────────────────────────────────────────────────────


def make_ill(device: Device, image: str, *, healthy: bool = False) -> None:
    reference = f"docker.io/library/{image}"
    device.engine.catalogue[reference] = replace(device.engine.catalogue.get(reference, Image()), healthy=healthy)


def after_the_switch(device: Device, act: Callable[[], None]) -> None:
    """Do this as soon as the new broker runs."""
    switching = asyncio.ensure_future(soon(lambda: device.running().get("broker") == "broker:2"))
    switching.add_done_callback(lambda _: act())


def test_a_revision_that_makes_its_neighbour_ill_is_not_good_and_is_taken_back(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        good = await device.reach(container("broker"), checked("app"))
        device.ask(container("broker", "broker:2"), checked("app"))

        async def fall_ill() -> None:
            await soon(lambda: device.running().get("broker") == "broker:2")
            make_ill(device, "app:1")

        falling = asyncio.ensure_future(fall_ill())
        begun = asyncio.get_running_loop().time()
        while not device.said("rolling-back"):
            assert asyncio.get_running_loop().time() - begun < 600, "it is not waited for for ever"
            ending = await device.follow()
            assert isinstance(ending, Waiting | Stalled), ending
            assert device.said("revision-good")[1:] == []
            await asyncio.sleep(5)
        assert asyncio.get_running_loop().time() - begun >= 60, "it may recover for a while"
        await falling
        make_ill(device, "app:1", healthy=True)
        assert isinstance(await device.follow(), Stalled)
        assert device.journal.digest("last-good") == good.digest
        assert device.running() == {"broker": "broker:1", "app": "app:1"}
        assert "app fails its health check" in device.said("revision-failed")[0][1]

    on_device(work)


def test_a_neighbour_that_recovers_in_time_spoils_nothing(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("broker"), checked("app"))
        make_ill(device, "app:1")
        device.ask(container("broker", "broker:2"), checked("app"))
        device.journal.attempts.record_sick(device.journal.digest("desired"), "containers", [])
        assert isinstance(await device.follow(), Waiting)
        make_ill(device, "app:1", healthy=True)
        assert isinstance(await device.follow(), Settled)
        assert device.journal.digest("last-good") == device.journal.digest("desired")

    on_device(work)


def test_one_that_was_ill_before_fails_no_revision(on_device: OnDevice) -> None:
    """Also not after a restart in the middle."""

    async def work(device: Device) -> None:
        await device.reach(container("broker"), checked("app"))
        make_ill(device, "app:1")
        await device.follow()
        assert not device.conditions()["Healthy"].holds
        device.ask(container("broker", "broker:2"), checked("app"))
        assert isinstance(await device.cycle(), Progressed)
        device.start()
        assert isinstance(await device.follow(), Settled)
        assert device.journal.digest("last-good") == device.journal.digest("desired")
        assert not device.conditions()["Healthy"].holds

    on_device(work)


def test_one_that_recovered_before_anything_was_disturbed_is_no_excuse(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        good = await device.reach(container("broker"), checked("app"))
        make_ill(device, "app:1")
        device.fail(Retry("the registry is away"), Pull, times=2)
        device.ask(container("broker", "broker:2"), checked("app"))
        assert isinstance(await device.follow(), Retrying)
        make_ill(device, "app:1", healthy=True)
        assert isinstance(await device.follow(), Retrying)
        await soon(lambda: device.conditions()["Healthy"].holds)
        after_the_switch(device, lambda: make_ill(device, "app:1"))
        while not device.said("rolling-back"):
            assert not isinstance(await device.follow(), Settled)
            await asyncio.sleep(5)
        assert device.journal.digest("last-good") == good.digest

    on_device(work)


Newest = Literal["passed", "failed", "none yet"]


def check_says(device: Device, newest: Newest) -> None:
    """The check of the app, which is not unhealthy for it."""
    device.engine.catalogue["docker.io/library/app:1"] = Image(newest_check=newest)


async def switched(device: Device, newest: Newest = "failed") -> Ending:
    """Another broker beside an app with a check, which says this from then on; how it ends at first."""
    await device.reach(container("broker"), checked("app"))
    device.ask(container("broker", "broker:2"), checked("app"))
    after_the_switch(device, lambda: check_says(device, newest))
    return await device.follow()


def test_a_revision_is_good_when_the_checks_of_its_neighbours_have_passed_since(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        ending = await switched(device)
        assert isinstance(ending, Waiting)
        assert device.settled() == (False, "Waiting")
        assert "app" in ending.why
        for _ in range(5):
            await asyncio.sleep(60)
            assert isinstance(await device.follow(), Waiting), "what fails is waited for until it has decided"
        assert len(device.said("revision-good")) == 1
        check_says(device, "passed")
        assert await device.follow() == Settled()
        assert len(device.said("revision-good")) == 2

    on_device(work)


def test_a_check_that_fails_for_good_after_the_switch_takes_the_revision_back(on_device: OnDevice) -> None:
    """Also when the process ends in the middle of the doubt."""

    async def work(device: Device) -> None:
        assert isinstance(await switched(device), Waiting)
        good = device.journal.digest("last-good")
        device.start()
        assert isinstance(await device.follow(), Waiting)
        make_ill(device, "app:1")
        while not device.said("rolling-back"):
            assert not isinstance(await device.follow(), Settled)
            await asyncio.sleep(5)
        assert device.journal.digest("last-good") == good

    on_device(work)


def test_a_check_that_says_nothing_for_a_minute_holds_up_nothing(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        rarely = Health(TcpProbe(80), interval=timedelta(hours=1), timeout=SECOND, retries=2)
        await device.reach(container("broker"), container("app", health=rarely))
        device.ask(container("broker", "broker:2"), container("app", health=rarely))
        begun = asyncio.get_running_loop().time()
        ending = await device.follow()
        while isinstance(ending, Waiting):
            await asyncio.sleep(ending.again_s)
            ending = await device.follow()
        assert ending == Settled()
        assert 60 <= asyncio.get_running_loop().time() - begun < 70

    on_device(work)


def test_a_neighbour_that_starts_again_has_passed_nothing(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        assert isinstance(await switched(device, "none yet"), Waiting)
        check_says(device, "passed")
        assert await device.follow() == Settled()

    on_device(work)


def test_an_excuse_does_not_outlive_the_revision_it_was_made_for(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        good, bad = container("broker"), container("broker", "broker:2")
        await device.reach(good, checked("app"), checked("other"))
        make_ill(device, "app:1")
        device.ask(bad, checked("app"), checked("other"))
        doubt = Image(newest_check="failed")
        after_the_switch(device, lambda: device.engine.catalogue.update({"docker.io/library/other:1": doubt}))
        assert isinstance(await device.follow(), Waiting)
        device.ask(good, checked("app"), checked("other"))
        await device.follow()
        make_ill(device, "app:1", healthy=True)
        device.engine.catalogue["docker.io/library/other:1"] = Image()
        await asyncio.sleep(3600)
        assert isinstance(await device.follow(), Settled)
        device.ask(bad, checked("app"), checked("other"))
        after_the_switch(device, lambda: make_ill(device, "app:1"))
        while not device.said("rolling-back"):
            assert not isinstance(await device.follow(), Settled)
            await asyncio.sleep(5)

    on_device(work)


def test_a_minute_in_which_nobody_could_look_is_none(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("broker"), checked("app"))
        make_ill(device, "app:1")
        device.ask(container("broker", "broker:2"), checked("app"))
        device.journal.attempts.record_sick(device.journal.digest("desired"), "containers", [])
        assert isinstance(await device.follow(), Waiting)
        device.engine.script.unreachable = True
        await device.cycle()
        await asyncio.sleep(120)
        device.engine.script.unreachable = False
        assert isinstance(await device.follow(), Waiting)
        assert not device.said("revision-failed")

    on_device(work)


def test_what_was_waited_before_a_disturbance_does_not_count(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        rarely = Health(TcpProbe(80), interval=timedelta(hours=1), timeout=SECOND, retries=2)
        others = (container("db"), container("app", health=rarely))
        await device.reach(container("broker"), *others)
        device.ask(container("broker", "broker:2"), *others)
        assert isinstance(await device.follow(), Waiting)
        await asyncio.sleep(59)
        device.engine.kill("db")
        assert isinstance(await device.follow(), Waiting)
        await asyncio.sleep(30)
        assert isinstance(await device.follow(), Waiting)

    on_device(work)


def test_what_was_waited_for_a_revision_does_not_count_when_it_is_asked_for_again(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        assert isinstance(await switched(device, "none yet"), Waiting)
        check_says(device, "passed")
        device.ask(container("broker", "broker:1"), checked("app"))
        await device.follow()
        await asyncio.sleep(3600)
        assert isinstance(await switched(device, "none yet"), Waiting)

    on_device(work)


def test_what_its_own_look_finds_ill_is_not_called_well(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(checked("app"))
        make_ill(device, "app:1")
        for _ in range(3):
            assert await device.follow() == Settled(unwell={"app": "fails its health check"})
            await asyncio.sleep(30)
        assert device.conditions()["Settled"].message == "everything asked for is there; not well: app"
        make_ill(device, "app:1", healthy=True)
        assert await device.follow() == Settled()
        assert device.conditions()["Settled"].message == "everything asked for is there and proven"

    on_device(work)


def test_limits_that_a_process_does_not_bear_are_taken_back(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web", resources=Resources(memory=64 << 20)))
        good = device.journal.digest("last-good")

        def kill(action: Action) -> None:
            if isinstance(action, Update) and action.resources.memory == 8 << 20:
                device.engine.catalogue["docker.io/library/web:1"] = Image(exits_with=137, exits_after_s=0.5)
                device.engine.kill("web", 137)

        device.engine.script.failures.append(kill)
        device.ask(container("web", resources=Resources(memory=8 << 20)))
        ending = await device.follow()
        assert isinstance(ending, Stalled | Retrying)
        assert device.journal.digest("last-good") == good
        assert device.said("revision-failed")

    on_device(work)


# ── O1: the check that is asked for now ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("before", [None, Health(HttpProbe(80, "/health"))])
def test_a_changed_check_reaches_the_container_that_is_there(on_device: OnDevice, before: Health | None) -> None:
    async def work(device: Device) -> None:
        good = await device.reach(container("web", health=before))
        make_ill(device, "web:1")
        device.ask(checked("web", port=99))
        assert isinstance(await device.cycle(), Progressed), "it is watched with the new check, and fails it"
        assert "failed its health check" in device.said("revision-failed")[0][1]
        make_ill(device, "web:1", healthy=before is not None)
        assert isinstance(await device.follow(), Stalled)
        assert device.journal.digest("last-good") == good.digest
        assert device.said("step-started")[-1][1].startswith("watch"), "the old check is proven again"

    on_device(work)


def test_a_check_that_is_taken_away_is_not_made_any_more(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(checked("web"))
        made = device.engine.world.created
        make_ill(device, "web:1")
        await device.follow()
        assert not device.conditions()["Healthy"].holds
        await device.reach(container("web"))
        assert device.conditions()["Healthy"].holds
        assert device.engine.world.created == made, "no new container"

    on_device(work)


# ── O3, A14: cut off from the network ──────────────────────────────────────────────────────────────────────────────


def test_a_container_that_is_cut_off_is_drift_and_put_back(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        made = device.engine.world.created
        device.engine.disconnect("web")
        assert isinstance(await device.follow(), Settled)
        assert device.said("drift")[0][1] == "connect: it is cut off from its network: it is on no network"
        assert ("health", "web is cut off from its network: it is on no network") in device.said("health")
        assert device.engine.world.created == made
        assert device.conditions()["Healthy"].holds

    on_device(work)


CHECKS = {
    "no check": None,
    "over the network": Health(TcpProbe(80), interval=SECOND, timeout=SECOND, retries=2),
    "a command": Health(ExecProbe(("true",)), interval=SECOND, timeout=SECOND, retries=2),
}


async def cut_off_while_it_is_watched(device: Device, *, often: int) -> None:
    """Somebody takes web:2 off its network, and again after it was connected."""
    for number in range(often):
        await cut_off_once_more(device, number)


async def cut_off_once_more(device: Device, before: int) -> None:
    await soon(lambda: device.running().get("web") == "web:2" and device.said()[-1][1].startswith("watch "))
    await asyncio.sleep(2)
    device.engine.disconnect("web")
    await soon(lambda: len(device.said("step-retrying")) > before)


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_being_cut_off_while_it_is_watched_is_no_evidence_against_a_container(
    on_device: OnDevice, check: Health | None
) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        made = device.engine.world.created
        device.ask(container("web", "web:2", health=check, stable_for=5 * SECOND))
        cutting = asyncio.ensure_future(cut_off_while_it_is_watched(device, often=1))
        ending = await device.follow()
        assert isinstance(ending, Retrying)
        assert ending.why == "web: it was cut off from its network while it was watched: it is on no network"
        await cutting
        connected = asyncio.get_running_loop().time()
        assert isinstance(await device.follow(), Settled)
        assert asyncio.get_running_loop().time() - connected >= 5, "it is proven anew"
        assert device.running() == {"web": "web:2"}
        assert device.said("revision-failed") == []
        assert device.engine.world.created == made + 1
        assert device.journal.digest("last-good") == device.journal.digest("desired")

    on_device(work)


def test_who_is_cut_off_again_and_again_is_said_to_be(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.ask(container("web", "web:2", stable_for=5 * SECOND))
        cutting = asyncio.ensure_future(cut_off_while_it_is_watched(device, often=3))
        for _ in range(2):
            assert isinstance(await device.follow(), Retrying)
        assert isinstance(await device.follow(), Stalled)
        await cutting
        why = "web: it was cut off from its network while it was watched: it is on no network (tried 3 times)"
        assert device.said("revision-failed") == [("revision-failed", why)]
        assert device.running() == {"web": "web:1"}

    on_device(work)


def test_with_nothing_to_go_back_to_who_is_cut_off_is_connected_as_often_as_it_takes(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.ask(container("web", "web:2", stable_for=5 * SECOND))
        cutting = asyncio.ensure_future(cut_off_while_it_is_watched(device, often=6))
        for _ in range(6):
            assert isinstance(await device.follow(), Retrying)
        await cutting
        assert isinstance(await device.follow(), Settled)

    on_device(work)


def test_a_network_that_was_pruned_is_made_again(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"))
        for name in ("web", "db"):
            device.engine.kill(name)
        device.engine.remove_network()
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:1", "db": "db:1"}
        seen = await device.engine.observe()
        assert {each.cut_off for each in seen.containers} == {""}

    on_device(work)


# ── A7: content that was set aside ─────────────────────────────────────────────────────────────────────────────────


def test_content_that_was_set_aside_is_told_until_the_tag_changes(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("app", pull_policy="Always"))
        device.engine.catalogue["docker.io/library/app:1"] = Image(version=2, exits_with=1)
        while not device.said("rolling-back"):
            await device.cycle()
        assert isinstance(await device.follow(), Settled)
        for _ in range(2):
            told = device.conditions()["ContentCurrent"]
            assert (told.holds, told.reason) == (False, "SetAside")
            assert "app: docker.io/library/app:1 was pushed again" in told.message
            assert "it ended with exit code 1" in told.message
            device.start()
            await device.follow()
        device.engine.catalogue["docker.io/library/app:1"] = Image(version=2, pull="unreachable")
        await device.follow()
        assert "ContentCurrent" in device.conditions(), "who does not answer says nothing"
        device.engine.catalogue["docker.io/library/app:1"] = Image(version=3)
        assert isinstance(await device.follow(), Settled)
        assert "ContentCurrent" not in device.conditions()

    on_device(work)


def test_two_contents_of_a_tag_that_both_fail_are_not_exchanged_without_a_pause(on_device: OnDevice) -> None:
    """What both need is away, and neither is to blame: each was set aside for the other, again and again at once."""

    async def work(device: Device) -> None:
        await device.reach(checked("app", pull_policy="Always"))
        engine = device.engine
        sick = replace(engine.simulation.offered("docker.io/library/app:1"), healthy=False)
        engine.world.pulled |= dict.fromkeys(engine.world.pulled, sick)
        engine.catalogue["docker.io/library/app:1"] = replace(sick, version=2)
        began = asyncio.get_running_loop().time()
        ending = await device.follow()
        assert isinstance(ending, Retrying), "whoever cycles waits before the next try"
        assert asyncio.get_running_loop().time() - began < 1000, "a cycle comes to its end"
        for content in engine.world.pulled:
            engine.world.pulled[content] = replace(engine.world.pulled[content], healthy=True)
        engine.catalogue["docker.io/library/app:1"] = Image(version=2)
        for _ in range(3):
            await asyncio.sleep(60)
            ending = await device.follow()
        assert isinstance(ending, Settled)

    on_device(work)


@pytest.mark.parametrize(
    "wanted",
    [
        (container("app", pull_policy="Always"),),  # the same again; its tag names good content by now
        (),
        (container("app", "app:9", pull_policy="Always"),),
        (container("app"),),
    ],
    ids=["good content", "not asked for", "another image", "as it is there"],
)
def test_a_registry_that_is_silent_about_another_image_keeps_nothing_said(
    on_device: OnDevice, wanted: tuple[Container, ...]
) -> None:
    async def work(device: Device) -> None:
        other = container("other", pull_policy="Always")
        await device.reach(container("app", pull_policy="Always"), other)
        device.engine.catalogue["docker.io/library/other:1"] = Image(pull="unreachable")
        device.engine.catalogue["docker.io/library/app:1"] = Image(version=2, exits_with=1)
        while not device.said("rolling-back"):
            await device.cycle()
        assert isinstance(await device.follow(), Settled)
        assert device.conditions()["ContentCurrent"].message.startswith("app: ")
        device.engine.catalogue["docker.io/library/app:1"] = Image(version=3)
        device.ask(*wanted, other)
        device.start()
        assert isinstance(await device.follow(), Settled)
        assert "ContentCurrent" not in device.conditions()

    on_device(work)


def test_a_registry_that_falls_silent_keeps_what_was_said_of_its_own_image(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        wanted = [container(name, pull_policy="Always") for name in ("app", "web")]
        await device.reach(*wanted)
        for name in ("app", "web"):
            device.engine.catalogue[f"docker.io/library/{name}:1"] = Image(version=2, exits_with=1)
        while len(device.said("rolling-back")) < 2:
            await device.cycle()
        assert isinstance(await device.follow(), Settled)
        assert "; web: " in device.conditions()["ContentCurrent"].message
        device.engine.catalogue["docker.io/library/app:1"] = Image(version=3)
        device.engine.catalogue["docker.io/library/web:1"] = Image(version=2, pull="unreachable")
        device.start()
        assert isinstance(await device.follow(), Settled)
        assert device.conditions()["ContentCurrent"].message.startswith("web: "), "and nothing of app"

    on_device(work)


# ── A2: a cause outside, and nothing to go back to ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cause", ["port", "mount", "registry"])
def test_at_the_first_start_what_can_run_does_and_the_rest_is_tried_until_it_can(
    on_device: OnDevice, cause: str
) -> None:
    async def work(device: Device) -> None:
        wanted = container("gps")
        if cause == "port":
            wanted = container("gps", ports=(Port(8080, 80),))
            device.engine.put_foreign(container("squatter", ports=(Port(8080, 80),)))
        elif cause == "mount":
            wanted = container("gps", mounts=(Mount("/data", "/missing"),))
            device.engine.script.absent.add("/missing")
        else:
            device.engine.catalogue["docker.io/library/gps:1"] = Image(pull="unreachable")
        device.ask(wanted, container("web"), container("map", depends_on=("gps",)))
        for _ in range(20):
            ending = await device.follow()
            assert isinstance(ending, Retrying), ending
            await asyncio.sleep(60)
        assert device.running().keys() - {"squatter"} == {"web"}, "and nothing that depends on what is missing"
        attempt = device.journal.attempts.of(device.journal.digest("desired"))
        assert attempt is None or not attempt.failed
        if cause == "port":
            device.engine.remove("squatter")
        device.engine.script.absent.discard("/missing")
        device.engine.catalogue.pop("docker.io/library/gps:1", None)
        assert isinstance(await device.follow(), Settled)
        assert device.running().keys() == {"gps", "web", "map"}
        assert device.journal.digest("last-good") == device.journal.digest("desired")

    on_device(work)


def test_with_something_to_go_back_to_a_cause_outside_counts(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.engine.put_foreign(container("squatter", ports=(Port(8080, 80),)))
        device.ask(container("web", "web:2", ports=(Port(8080, 80),)))
        for _ in range(10):
            if isinstance(await device.follow(), Stalled):
                break
            await asyncio.sleep(60)
        assert device.running()["web"] == "web:1"
        assert "port 8080 is already allocated" in device.said("revision-failed")[0][1]

    on_device(work)


@pytest.mark.parametrize("kind", [Start, Verify, Pull])
def test_nothing_to_go_back_to_makes_a_failure_of_its_own_no_less_final(
    on_device: OnDevice, kind: type[Start | Verify | Pull]
) -> None:
    async def work(device: Device) -> None:
        device.fail(Failed("it is no good"), kind)
        device.ask(container("web"))
        ending = await device.follow()
        assert isinstance(ending, Stalled)
        assert "it is no good" in ending.why

    on_device(work)


# ── a journal that was lost ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("image", [Image(exits_with=1, exits_after_s=5), Image(healthy=False)])
def test_what_is_found_unwell_is_nothing_to_go_back_to(on_device: OnDevice, image: Image) -> None:
    """With something to go back to, a cause outside would count, and bring the unwell one back."""

    async def work(device: Device) -> None:
        await device.reach(checked("web"))
        device.engine.catalogue["docker.io/library/web:1"] = image
        await asyncio.sleep(60)
        device.lose_journal()
        device.engine.script.absent.add("/dev/gps")
        device.ask(checked("web", "web:2", mounts=(Mount("/dev/gps", "/dev/gps"),)))
        for _ in range(5):
            assert isinstance(await device.follow(), Retrying)
        assert device.journal.digest("last-good") == ""
        device.engine.script.absent.clear()
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:2"}

    on_device(work)


def test_what_is_found_unwell_beside_what_is_well_is_not_removed_by_going_back(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"))
        device.engine.catalogue["docker.io/library/web:1"] = Image(exits_with=1, exits_after_s=5)
        await asyncio.sleep(60)
        device.lose_journal()
        device.ask(container("web", "bad:1"), container("db", "db:2"))
        assert isinstance(await device.follow(), Retrying | Stalled)
        assert device.running() == {"web": "web:1", "db": "db:1"}

    on_device(work, bad=Image(start_error="no such device"))
