"""A fetch that takes long, and does not fail, holds up its own group alone, and is never begun anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.controller.stage import Reading
from tests.virtual import now

from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.cycle.fetching import SLOW_S
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.actions import Pull
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.feedback import Condition
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.plan import Action, Outcome, Retry

from .mixed import Mixed, OnMixed
from .test_groups import broken, grouped, settle

APART = {"quick": ("web",), "slow": ("lamp",)}
SWITCH_S = 8.0
"""Longer than it takes to replace and to prove a container."""


class Slow:
    """The registry of a device: images that take so many seconds, and the moments at which a pull of them began."""

    def __init__(self, mixed: Mixed, **seconds: float) -> None:
        self.begun: list[tuple[float, str]] = []
        self.since_s = now()
        self._mixed, self._perform = mixed, mixed.engine.perform
        for name, takes_s in seconds.items():
            mixed.engine.catalogue[f"docker.io/library/{name}:2"] = Image(
                size=int(takes_s * mixed.engine.script.pull_rate)
            )
        mixed.engine.perform = self.perform  # type: ignore[method-assign]

    async def perform(self, action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
        if isinstance(action, Pull):
            self.begun.append((now() - self.since_s, action.image.removeprefix("docker.io/library/")))
        return await self._perform(action, progress)

    def pulls(self, image: str) -> int:
        """How often an image was pulled."""
        return sum(name == image for _, name in self.begun)

    def started_s(self, image: str) -> float:
        """Seconds until a container of this image was started."""
        kept = next(each for each in self._mixed.engine.world.containers.values() if each.image.endswith(f"/{image}"))
        return kept.started_at - self.since_s


def condition(mixed: Mixed) -> Condition:
    found = mixed.journal.condition("Settled")
    assert found is not None
    return found


def test_it_holds_up_its_own_group_alone_and_goes_on(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **APART))
        slow, told = Slow(mixed, lamp=600), list[Condition]()
        mixed.at(300, lambda: told.append(condition(mixed)))
        mixed.source.readings.put_nowait(grouped("one", "web:2", "lamp:2", **APART))
        await mixed.play(1000)
        assert mixed.running() == ["lamp:2", "web:2"]
        assert slow.started_s("web:2") < SLOW_S + SWITCH_S
        assert slow.started_s("lamp:2") == pytest.approx(600, abs=SWITCH_S)
        assert slow.pulls("lamp:2") == 1
        assert [each.reason for each in told] == ["Waiting"]
        assert told[0].waiting == {"slow": "lamp: pull docker.io/library/lamp:2 takes long"}
        assert mixed.settled() == (True, "Converged")
        assert mixed.journal.digest("last-good") == mixed.journal.digest("desired")

    on_mixed(work)


def test_what_is_at_work_beside_is_shown_and_drift_is_repaired(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **APART))
        Slow(mixed, lamp=600)
        shown, up = list[str](), list[str]()

        def look() -> None:
            work = mixed.controller.worker("containers").work.now()
            shown.extend(f"{each.subject} {each.done * 10 // max(each.total, 1)}" for each in work.steps)

        mixed.at(310, look)
        mixed.at(311, mixed.engine.kill, "web")
        mixed.at(312, mixed.engine.kill, "lamp")
        mixed.at(330, lambda: up.extend(mixed.running()))
        mixed.source.readings.put_nowait(grouped("one", "web:2", "lamp:2", **APART))
        await mixed.play(400)
        assert shown == ["lamp 5"], "half of it has come"
        assert up == ["lamp:1", "web:2"]

    on_mixed(work)


@pytest.mark.parametrize("order", [("web", "lamp"), ("lamp", "web")])
def test_a_later_save_of_another_group_waits_for_it_no_longer(on_mixed: OnMixed, order: tuple[str, str]) -> None:
    first, second = order

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **APART))
        slow = Slow(mixed, **{first: 300})
        images = {"web": "web:1", "lamp": "lamp:1"} | {first: f"{first}:2"}
        mixed.source.readings.put_nowait(grouped("one", *images.values(), **APART))
        images[second] = f"{second}:2"
        mixed.at(6, mixed.source.readings.put_nowait, grouped("one", *images.values(), **APART))
        await mixed.play(600)
        assert mixed.running() == ["lamp:2", "web:2"]
        assert slow.started_s(f"{second}:2") < 6 + SLOW_S + 2
        assert slow.started_s(f"{first}:2") == pytest.approx(300, abs=SWITCH_S)
        assert slow.pulls(f"{first}:2") == 1, "both revisions want it"

    on_mixed(work)


def test_a_later_save_does_not_cut_what_both_revisions_fetch(on_mixed: OnMixed) -> None:
    """Without groups, too; what only the first one wants ends."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", "rest:1"))
        slow = Slow(mixed, lamp=100, web=1000)
        mixed.source.readings.put_nowait(grouped("one", "web:2", "lamp:2", "rest:1"))
        for at in (10, 30, 50):
            mixed.at(at, mixed.source.readings.put_nowait, grouped(f"at {at}", "web:1", "lamp:2", "rest:1"))
        mixed.at(40, lambda: mixed.engine.catalogue.update({"docker.io/library/web:2": Image(size=1)}))
        await mixed.play(400)
        assert mixed.running() == ["lamp:2", "rest:1", "web:1"]
        assert slow.started_s("lamp:2") == pytest.approx(100, abs=SWITCH_S)
        assert slow.pulls("lamp:2") == 1
        assert "docker.io/library/web:2" not in mixed.engine.world.images

    on_mixed(work)


def test_each_goes_on_when_its_own_is_there(on_mixed: OnMixed) -> None:
    groups = {name: (name,) for name in ("a", "b", "c", "d")}

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped(None, *(f"{name}:1" for name in groups), **groups))
        slow = Slow(mixed, b=50, c=200, d=600)
        mixed.source.readings.put_nowait(grouped(None, *(f"{name}:2" for name in groups), **groups))
        await mixed.play(1000)
        assert mixed.running() == ["a:2", "b:2", "c:2", "d:2"]
        assert slow.started_s("a:2") < SLOW_S + SWITCH_S
        assert slow.started_s("b:2") == pytest.approx(50, abs=SWITCH_S)
        assert slow.started_s("c:2") == pytest.approx(200, abs=SWITCH_S)
        assert slow.started_s("d:2") == pytest.approx(650, abs=SWITCH_S), "a registry has two of three places"
        assert {slow.pulls(f"{name}:2") for name in groups} == {1}

    on_mixed(work)


def test_what_was_not_begun_is_fetched_beside_the_others_too(on_mixed: OnMixed) -> None:
    """Twelve groups of one slow registry, which are fetched two at a time, each for 20 s."""
    names = [f"g{number:02}" for number in range(12)]

    async def work(mixed: Mixed) -> None:
        groups = {name: (name,) for name in names}
        await settle(mixed, grouped(None, *(f"{name}:1" for name in names), **groups))
        slow = Slow(mixed, **dict.fromkeys(names, 20.0))
        mixed.source.readings.put_nowait(grouped(None, *(f"{name}:2" for name in names), **groups))
        await mixed.play(400)
        assert mixed.running() == sorted(f"{name}:2" for name in names)
        for number, name in enumerate(names):
            fetched_s = 20.0 * (number // 2 + 1)
            assert slow.started_s(f"{name}:2") < fetched_s + SLOW_S + SWITCH_S
        assert {slow.pulls(f"{name}:2") for name in names} == {1}

    on_mixed(work)


def test_what_is_fetched_waits_for_no_proof_of_another_group(on_mixed: OnMixed) -> None:
    def of(version: int) -> Reading:
        web = normal(Container("web", f"web:{version}", stable_for=timedelta(seconds=100)))
        rules = [Document("Baseline", name, Baseline(members)) for name, members in APART.items()]
        documents = [
            Document("Container", each.name, each) for each in (web, normal(Container("lamp", f"lamp:{version}")))
        ]
        return Reading(desired_state([*documents, *rules]))

    async def work(mixed: Mixed) -> None:
        await settle(mixed, of(1))
        slow = Slow(mixed, lamp=30)
        mixed.source.readings.put_nowait(of(2))
        await mixed.play(600)
        assert slow.started_s("web:2") < SLOW_S + SWITCH_S
        assert slow.started_s("lamp:2") == pytest.approx(30, abs=SWITCH_S)
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_a_command_ends_when_what_it_left_beside_is_there(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **APART))
        slow, waited = Slow(mixed, lamp=300), list[str]()
        mixed.controller.accept(grouped("two", "web:2", "lamp:2", **APART))
        assert isinstance(await mixed.controller.converge(lambda seconds, why: waited.append(why)), Settled)
        assert (mixed.content(), mixed.running()) == ("two", ["lamp:2", "web:2"])
        assert slow.started_s("web:2") < SLOW_S + SWITCH_S
        assert {*waited} == {"group slow: lamp: pull docker.io/library/lamp:2 takes long"}

    on_mixed(work)


def test_a_group_that_was_slow_fails_alone(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **APART))
        Slow(mixed, lamp=60)
        mixed.engine.ill.add("lamp:2")
        mixed.source.readings.put_nowait(grouped("one", "web:2", "lamp:2", **APART))
        await mixed.play(600)
        assert mixed.running() == ["lamp:1", "web:2"]
        assert mixed.settled() == (False, "RolledBack")
        assert [each.message.partition(":")[0] for each in mixed.said("revision-failed")] == ["group slow"]

    on_mixed(work)


def test_others_fail_alone_while_a_group_is_fetched(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", "rest:1", **APART))
        slow = Slow(mixed, lamp=100)
        broken(mixed, "web:2")
        mixed.source.readings.put_nowait(grouped("one", "web:2", "lamp:2", "rest:2", **APART))
        await mixed.play(600)
        assert mixed.running() == ["lamp:2", "rest:2", "web:1"]
        assert slow.pulls("lamp:2") == 1
        assert mixed.settled() == (False, "RolledBack")
        assert [each.message.partition(":")[0] for each in mixed.said("revision-failed")] == ["group quick"]

    on_mixed(work)


def test_a_fetch_that_fails_in_the_end_is_tried_again_and_holds_up_nobody(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **APART))
        slow = Slow(mixed, lamp=60)
        lost = [True]

        async def perform(action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
            outcome = await slow.perform(action, progress)
            if isinstance(action, Pull) and action.image.endswith("lamp:2") and lost:
                lost.pop()
                mixed.engine.world.images.pop(action.image)
                return Retry("the line is down")
            return outcome

        mixed.engine.perform = perform  # type: ignore[method-assign]
        mixed.source.readings.put_nowait(grouped("one", "web:2", "lamp:2", **APART))
        await mixed.play(600)
        assert mixed.running() == ["lamp:2", "web:2"]
        assert slow.pulls("lamp:2") == 2
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_a_group_over_two_domains_waits_as_one(on_mixed: OnMixed) -> None:
    """Its file is not written before its image is there."""
    groups = {"slow": ("conf", "lamp"), "quick": ("web",)}

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **groups))
        slow, held = Slow(mixed, lamp=300), list[tuple[str, list[str]]]()
        mixed.at(200, lambda: held.append((mixed.content(), mixed.running())))
        mixed.source.readings.put_nowait(grouped("two", "web:2", "lamp:2", **groups))
        await mixed.play(600)
        assert held == [("one", ["lamp:1", "web:2"])]
        assert (mixed.content(), mixed.running()) == ("two", ["lamp:2", "web:2"])
        assert slow.pulls("lamp:2") == 1

    on_mixed(work)


def test_an_image_of_two_groups_holds_up_both_and_nobody_else(on_mixed: OnMixed) -> None:
    def of(image: str) -> Reading:
        wanted = [normal(Container(name, image)) for name in ("a", "b")] + [normal(Container("c", "other:1"))]
        rules = [Document("Baseline", f"g{each.name}", Baseline((each.name,))) for each in wanted]
        more = () if image == "shared:1" else (("V", "2"),)
        wanted[2] = normal(Container("c", "other:1", env=more))
        return Reading(desired_state([*(Document("Container", each.name, each) for each in wanted), *rules]))

    async def work(mixed: Mixed) -> None:
        await settle(mixed, of("shared:1"))
        slow, at = Slow(mixed, shared=300), list[tuple[str, ...]]()

        def envs() -> None:
            at.append(
                tuple(
                    sorted(
                        k.image[18:] for k in mixed.engine.world.containers.values() if k.container and k.container.env
                    )
                )
            )

        mixed.at(30, envs)
        mixed.source.readings.put_nowait(of("shared:2"))
        await mixed.play(600)
        assert at == [("other:1",)]
        assert mixed.running() == ["other:1", "shared:2", "shared:2"]
        assert slow.pulls("shared:2") == 1

    on_mixed(work)


def test_a_stop_leaves_nothing_at_work(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **APART))
        Slow(mixed, lamp=600)
        mixed.source.readings.put_nowait(grouped("one", "web:2", "lamp:2", **APART))
        await mixed.play(60)
        await asyncio.sleep(1000)
        assert mixed.running() == ["lamp:1", "web:2"]
        assert "docker.io/library/lamp:2" not in mixed.engine.world.images

    on_mixed(work)


@pytest.mark.parametrize("actions", range(1, 16))
def test_a_process_that_dies_anywhere_meanwhile_converges(on_mixed: OnMixed, actions: int) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **APART))
        Slow(mixed, lamp=60)
        asked = grouped("two", "web:2", "lamp:2", **APART)
        mixed.power.done.clear()
        mixed.source.readings.put_nowait(asked)
        await mixed.die(actions)
        mixed.start()
        mixed.source.readings.put_nowait(asked)
        await mixed.play(600)
        assert (mixed.content(), mixed.running()) == ("two", ["lamp:2", "web:2"])
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)
