"""What a plan of an operating system would fail at now, and what an operator should know before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.virtual import run

from evenkeel.controller.drivers.slots.foresight import look_ahead
from evenkeel.reconcilers.slots import Slots
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.errors import EvenkeelError, Refused, Unavailable
from evenkeel.specs.plan import Plan
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import Abilities, BundleSeen, SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

SYSTEM = OperatingSystem("os", "2.0", "https://updates.example.com/2.0.raucb?token=hunter2")
SEEN = SlotsSeen(
    "rauc",
    slots=(
        SlotSeen("rootfs.0", "rootfs", "A", state="booted", boot_status="good", version="1.0", content="ok"),
        SlotSeen("rootfs.1", "rootfs", "B", boot_status="good", version="1.0", content="ok"),
    ),
    booted="rootfs.0",
    primary="rootfs.0",
    boot="b1",
    can=Abilities(keeps_primary=True),
    free=500_000_000,
)


def plan(seen: SlotsSeen = SEEN, system: OperatingSystem = SYSTEM) -> Plan:
    want = Slots().select(desired_state([Document("OperatingSystem", system.name, system)]))
    return Slots().plan(Slots().diff(want, seen, SlotsMemory()), seen, SlotsMemory())


def ahead(answer: int | EvenkeelError, seen: SlotsSeen = SEEN) -> tuple[SlotsSeen, tuple[str, ...], tuple[str, ...]]:
    async def size(system: OperatingSystem) -> int:
        if isinstance(answer, EvenkeelError):
            raise answer
        return answer

    return run(look_ahead(size, plan(seen), seen))


def test_a_size_is_known_before_anybody_consents() -> None:
    seen, fails_at, notes = ahead(400_000_000)
    assert (seen.sizes, fails_at, notes) == ({SYSTEM.key: 400_000_000}, (), ())


def test_a_size_that_the_server_does_not_tell() -> None:
    assert ahead(0) == (SEEN, (), ())


def test_no_room() -> None:
    _, fails_at, _ = ahead(600_000_000)
    assert fails_at == ("the bundle of 2.0 needs 600 MB, and 500 MB are free in the folder of bundles",)
    begun = changed(SEEN, bundles=(BundleSeen(SYSTEM.key, 100_000_000),))
    assert ahead(600_000_000, begun)[1] == ()


def test_a_bundle_that_is_not_there_and_a_server_that_does_not_answer() -> None:
    _, fails_at, notes = ahead(Refused("bundle", "the server has no such bundle (404 Not Found)"))
    assert (fails_at, notes) == (
        ("the bundle of 2.0 cannot be had: the server has no such bundle (404 Not Found)",),
        (),
    )
    _, fails_at, notes = ahead(Unavailable("bundle", "the server does not answer"))
    assert (fails_at, notes) == ((), ("the size of the bundle of 2.0 is not known: the server does not answer",))


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (lambda: changed(SEEN, can=Abilities()), "`activate-installed=false` in system.conf closes the gap"),
        (lambda: changed(SEEN, operation="installing"), "the updater is installing: evenkeel waits for its end"),
    ],
)
def test_what_an_operator_should_know(seen: Callable[[], SlotsSeen], told: str) -> None:
    _, _, notes = ahead(1, seen())
    assert [told in each for each in notes] == [True]


def test_nothing_is_asked_where_nothing_is_fetched() -> None:
    runs = changed(SYSTEM, version="1.0")
    assert run(look_ahead(_never, plan(system=runs), SEEN)) == (SEEN, (), ())


async def _never(system: OperatingSystem) -> int:
    raise AssertionError(system)
