"""Groups that wait for the preconditions of their `Baseline`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.controller.stage import Reading
from tests.virtual import now

from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.loop.controller import Controller
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.worker import Conduct
from evenkeel.controller.operations.values import Values
from evenkeel.controller.process.clock import Uptime
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.preconditions.source import TopicSource

from .mixed import Mixed, OnMixed, asking
from .test_groups import broken

PARKED, TOPIC = "vehicle.parked", "vehicle/parked"
WAITS = "its preconditions do not hold: "


class Vehicle:
    """A device in a vehicle that says whether it is parked."""

    def __init__(self, mixed: Mixed) -> None:
        self.mixed = mixed
        self.start()

    def start(self) -> None:
        """A new process: it knows no value."""
        mixed = self.mixed
        mixed.start()
        self.values = Values({PARKED: TopicSource(TOPIC)}, lambda: Uptime("boot", asyncio.get_running_loop().time()))
        self.values.connect()
        conduct = Conduct(tries=2, now=now, on_entry=mixed._hear)
        mixed.controller = Controller(
            mixed.journal,
            mixed.domains,
            mixed.source,
            (),
            timedelta(seconds=60),
            WakeUps(jitter=lambda: 0.5),
            values=self.values,
            conduct=conduct,
        )

    def parks(self, parked: bool = True) -> None:
        self.values.receive(TOPIC, b"true" if parked else b"false", asyncio.get_running_loop().time())

    async def settles(self, reading: Reading) -> None:
        self.mixed.source.readings.put_nowait(reading)
        self.mixed.at(0, self.parks)
        await self.mixed.play(200)
        assert self.mixed.settled() == (True, "Converged")
        self.start()

    def waiting(self) -> dict[str, str]:
        known = self.mixed.journal.condition("Settled")
        assert known is not None
        return dict(known.waiting)


def guarded(content: str | None, *images: str, written: str = PARKED, loose: bool = False) -> Reading:
    """What files ask for: `web` and the file are one group with preconditions."""
    reading = asking(content, *images)
    rule = Baseline(("conf", "web"), (), not loose, preconditions=written)
    return Reading(desired_state([*reading.desired.documents, Document("Baseline", "drive", rule)]))


def test_a_group_waits_until_its_preconditions_hold_and_the_others_go_on(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        await vehicle.settles(guarded("one", "web:1", "lamp:1"))
        seen = list[object]()
        mixed.at(100, lambda: seen.extend([mixed.content(), mixed.running(), mixed.settled(), vehicle.waiting()]))
        mixed.at(101, vehicle.parks, False)
        mixed.at(200, lambda: seen.extend([mixed.running(), vehicle.waiting()]))
        mixed.at(201, vehicle.parks)
        mixed.at(203, lambda: seen.append(mixed.content()))
        mixed.source.readings.put_nowait(guarded("two", "web:2", "lamp:2"))
        await mixed.play(300)
        unknown = f"{PARKED} is unknown: nothing was received on {TOPIC}"
        assert seen == [
            "one",
            ["lamp:2", "web:1"],
            (False, "Waiting"),
            {"drive": f"{WAITS}{unknown}"},
            ["lamp:2", "web:1"],
            {"drive": f"{WAITS}{PARKED} is false"},
            "two",
        ]
        assert (mixed.content(), mixed.running()) == ("two", ["lamp:2", "web:2"])
        assert mixed.settled() == (True, "Converged")
        assert mixed.journal.digest("last-good") == mixed.journal.digest("desired")

    on_mixed(work)


def test_nothing_is_fetched_for_a_group_that_waits(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        await vehicle.settles(guarded("one", "web:1"))
        images = set(mixed.engine.world.images)
        mixed.source.readings.put_nowait(guarded("two", "web:2"))
        await mixed.play(200)
        assert set(mixed.engine.world.images) == images
        assert (mixed.content(), mixed.running()) == ("one", ["web:1"])

    on_mixed(work)


def test_a_group_as_it_was_good_is_repaired_whatever_the_values_are(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        await vehicle.settles(guarded("one", "web:1"))
        mixed.at(10, mixed.engine.kill, "web")
        mixed.at(10, mixed.write, "other")
        mixed.source.readings.put_nowait(guarded("one", "web:1", written=f"{PARKED} && !{PARKED}"))
        await mixed.play(200)
        assert (mixed.content(), mixed.running()) == ("one", ["web:1"])
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


@pytest.mark.parametrize("actions", range(1, 13))
def test_a_switch_that_has_begun_is_ended_also_by_another_process(on_mixed: OnMixed, actions: int) -> None:
    """The next process knows no value at first, as after each restart."""

    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        await vehicle.settles(guarded("one", "web:1", "lamp:1"))
        mixed.at(0, vehicle.parks)
        mixed.source.readings.put_nowait(guarded("two", "web:2", "lamp:2"))
        mixed.power.done.clear()
        await mixed.die(actions)
        has_begun = any(action != "pull" for _, action in mixed.power.done)
        vehicle.start()
        await mixed.play(300)
        went = (mixed.content(), mixed.running())
        assert went == (("two", ["lamp:2", "web:2"]) if has_begun else ("one", ["lamp:2", "web:1"]))
        assert mixed.settled() == ((True, "Converged") if has_begun else (False, "Waiting"))

    on_mixed(work)


@pytest.mark.parametrize("tenths", range(0, 60, 3))
def test_a_switch_is_never_turned_round_by_a_value(on_mixed: OnMixed, tenths: int) -> None:
    """The vehicle leaves at any moment: what was not begun is as it was, all else is as asked for; `lamp` goes on in any case,
    and `rest`, which is fetched for longer, joins on the way."""

    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        await vehicle.settles(guarded("one", "web:1", "lamp:1"))
        mixed.at(1, vehicle.parks)
        mixed.at(1 + tenths / 10, vehicle.parks, False)
        mixed.source.readings.put_nowait(guarded("two", "web:2", "lamp:2"))
        await mixed.play(300)
        assert (mixed.content(), mixed.running()) in (("one", ["lamp:2", "web:1"]), ("two", ["lamp:2", "web:2"]))
        writes = [each for each in mixed.power.done if each == ("files", "write")]
        assert len(writes) == 1 + (mixed.content() == "two"), "it was not written to and fro"

    on_mixed(work)


def test_a_group_that_failed_is_judged_again_when_it_is_tried_again(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        await vehicle.settles(guarded("one", "web:1", "lamp:1"))
        broken(mixed, "web:2")
        mixed.at(0, vehicle.parks)
        mixed.at(150, vehicle.parks, False)
        mixed.source.readings.put_nowait(guarded("two", "web:2", "lamp:1"))
        mixed.at(200, mixed.journal.attempts.forgive_all, "")
        await mixed.play(400)
        assert (mixed.content(), mixed.running()) == ("one", ["lamp:1", "web:1"])
        assert vehicle.waiting() == {"drive": f"{WAITS}{PARKED} is false"}

    on_mixed(work)


def test_members_that_are_groups_of_their_own_wait_each(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        await vehicle.settles(guarded("one", "web:1", loose=True))
        mixed.source.readings.put_nowait(guarded("two", "web:2", loose=True))
        await mixed.play(200)
        assert (mixed.content(), mixed.running()) == ("one", ["web:1"])
        assert vehicle.waiting().keys() == {"drive/containers/web", "drive/files/conf"}

    on_mixed(work)


def test_what_a_first_revision_asks_for_waits_too(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        mixed.at(100, vehicle.parks)
        seen = list[object]()
        mixed.at(99, lambda: seen.extend([mixed.content(), mixed.running()]))
        mixed.source.readings.put_nowait(guarded("one", "web:1", "lamp:1"))
        await mixed.play(200)
        assert seen == ["", ["lamp:1"]]
        assert (mixed.content(), mixed.running()) == ("one", ["lamp:1", "web:1"])
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


@pytest.mark.parametrize("lost", ["journal", "nothing"])
def test_a_group_that_runs_is_left_alone_while_it_waits(on_mixed: OnMixed, lost: str, tmp_path: Path) -> None:
    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        await vehicle.settles(guarded("one", "web:1", "lamp:1"))
        if lost == "journal":
            mixed.journal.close()
            mixed.journal = open_journal(tmp_path / "other", now)
            vehicle.start()
        mixed.source.readings.put_nowait(guarded("one", "web:2", "lamp:2"))
        await mixed.play(200)
        assert (mixed.content(), mixed.running()) == ("one", ["lamp:2", "web:1"])

    on_mixed(work)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("vehicle.parkd", "column 1: no value has the name `vehicle.parkd`; did you mean `vehicle.parked`?"),
        ("vehicle.parked &&", "column"),
    ],
)
def test_preconditions_that_cannot_be_read_do_not_hold(on_mixed: OnMixed, written: str, why: str) -> None:
    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        await vehicle.settles(guarded("one", "web:1"))
        mixed.at(0, vehicle.parks)
        mixed.source.readings.put_nowait(guarded("two", "web:2", written=written))
        await mixed.play(200)
        assert (mixed.content(), mixed.running()) == ("one", ["web:1"])
        assert vehicle.waiting()["drive"].startswith(f"{WAITS}the preconditions cannot be read: {why}")

    on_mixed(work)


def test_without_any_values_literal_preconditions_are_judged(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        mixed.source.readings.put_nowait(guarded("one", "web:1", written="1 < 2"))
        await mixed.play(200)
        assert mixed.settled() == (True, "Converged")
        mixed.start()
        mixed.source.readings.put_nowait(guarded("two", "web:2", written=PARKED))
        await mixed.play(200)
        assert (mixed.content(), mixed.running()) == ("one", ["web:1"])

    on_mixed(work)


def test_values_are_followed_only_while_a_group_waits(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        vehicle = Vehicle(mixed)
        followed = list[str]()
        changes = vehicle.values.changes

        async def noted() -> AsyncGenerator[None, None]:
            followed.append("begin")
            try:
                async for each in changes():
                    yield each
            finally:
                followed.append("end")

        vehicle.values.changes = noted  # type: ignore[method-assign]
        mixed.source.readings.put_nowait(guarded("one", "web:1"))
        mixed.at(100, vehicle.parks)
        mixed.at(150, vehicle.parks, False)
        mixed.at(180, lambda: followed.append("parked for long"))
        await mixed.play(200)
        assert followed == ["begin", "end", "parked for long"]

    on_mixed(work)
