"""The reboot: in its window, into the slot that boots next, and when nobody holds it off; all of that at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from evenkeel.controller.drivers.slots.memory import MemorySlots, factory
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.plan import Done, Outcome, Retry
from evenkeel.specs.slots.actions import Reboot
from evenkeel.specs.slots.system import OperatingSystem
from evenkeel.specs.window import Window

A, B = "rootfs.0", "rootfs.1"
NIGHT = Window(120, 270)
_TWO_S, _HOUR_S, _DAY_S = 7200.0, 3600.0, 86400.0


def silent(message: str, done: int, total: int) -> None:
    """Nobody looks at the progress."""


def at_two() -> MemorySlots:
    """A device at two o'clock, on which slot B boots next."""
    clock = asyncio.get_running_loop().time
    begun, world = clock(), factory()
    world.mark("active", B)
    return MemorySlots(world, lambda: _TWO_S + clock() - begun)


async def rebooted(it: MemorySlots, *later: tuple[float, Callable[[], None]]) -> tuple[Outcome, float]:
    """What becomes of it, and the hour of the day; `later`: what happens after so many hours."""
    for hours, do in later:
        asyncio.get_running_loop().call_later(hours * _HOUR_S, do)
    outcome = await it.perform(Reboot(B, "B", "1.0.0", "self", NIGHT), silent)
    return outcome, it.machine.second_of_day() / _HOUR_S


def lets_go(it: MemorySlots) -> Callable[[], None]:
    return lambda: setattr(it.machine, "holding", ())


@pytest.mark.virtual
async def test_whoever_holds_it_off_past_its_window_moves_it_to_the_next_day() -> None:
    it = at_two()
    it.machine.holding = ("backup: runs",)
    _, hour = await rebooted(it, (6, lets_go(it)))
    assert it.world.booted == B
    assert hour == pytest.approx(2.0, abs=0.01)
    assert it.machine.now() > _DAY_S


@pytest.mark.virtual
async def test_who_lets_go_in_time_does_not() -> None:
    it = at_two()
    it.machine.holding = ("backup: runs",)
    _, hour = await rebooted(it, (1, lets_go(it)))
    assert (it.world.booted, it.machine.now() < _DAY_S) == (B, True)
    assert hour == pytest.approx(3.0, abs=0.01)


@pytest.mark.virtual
async def test_a_mark_that_somebody_sets_meanwhile_counts() -> None:
    it = at_two()
    it.machine.holding = ("backup: runs",)
    outcome, _ = await rebooted(it, (1, lambda: it.world.mark("active", A)), (1.5, lets_go(it)))
    assert outcome == Retry("slot B does not boot next any more")
    assert it.world.boots == 1


@pytest.mark.virtual
async def test_what_the_updater_writes_is_not_torn() -> None:
    """Somebody installs: RAUC tells the marks from before."""
    it = at_two()
    it.updater.piece_s = 5.0
    system = OperatingSystem("os", "2.0.0", "file:///media/2.raucb")
    writing = asyncio.ensure_future(it.updater.install(system.bundle, system, B, silent))
    await asyncio.sleep(0.1)
    it.world.mark("active", B)
    outcome, _ = await rebooted(it)
    await writing
    assert (it.world.booted, it.world.slots[B].content) == (B, "ok"), outcome


@pytest.mark.virtual
async def test_a_reboot_by_others_is_waited_for_and_never_begun() -> None:
    it = at_two()
    waiting = asyncio.ensure_future(it.perform(Reboot(B, "B", "1.0.0", "others"), silent))
    await asyncio.sleep(2 * _HOUR_S)
    assert (waiting.done(), it.world.boots) == (False, 1)
    it.world.reboot()
    assert await waiting == Done("somebody has rebooted the device")
    assert it.world.boots == 2


@pytest.mark.virtual
@pytest.mark.parametrize("passes_s", [60.0, None])
async def test_a_shutdown_that_is_under_way_is_no_failure(passes_s: float | None) -> None:
    """logind refuses then: the shutdown will end this process, or it is called off."""
    it = at_two()
    clock, reboot = asyncio.get_running_loop().time, it.machine.reboot
    begun = clock()

    async def refuse() -> None:
        if passes_s is None or clock() < begun + passes_s:
            raise Unavailable("machine", "logind refuses to reboot: there is a shutdown already")
        await reboot()

    it.machine.reboot = refuse  # type: ignore[method-assign]
    outcome, _ = await rebooted(it)
    if passes_s is None:
        assert outcome == Retry("logind refuses to reboot: there is a shutdown already", outside=True)
        assert clock() - begun >= 600
    else:
        assert (outcome, it.world.booted) == (Done("the device was rebooted"), B)
