"""Waiting for the part of the day in which a device changes over."""

from __future__ import annotations

import asyncio

import pytest
from tests.virtual import now

from evenkeel.controller.drivers.slots.memory import MemorySlots, factory
from evenkeel.specs.plan import Done
from evenkeel.specs.slots.actions import Activate
from evenkeel.specs.window import Window

A, B = "rootfs.0", "rootfs.1"


def silent(message: str, done: int, total: int) -> None:
    """Nobody looks at the progress."""


@pytest.mark.virtual
@pytest.mark.parametrize(("passes_time", "hours"), [(False, 2.0), (True, 0.0)])
async def test_a_window_is_waited_for_but_in_a_rehearsal(passes_time: bool, hours: float) -> None:
    world = factory("1")
    engine = MemorySlots(world, now, passes_time=passes_time)
    await asyncio.sleep(-(now() % 86400) % 86400)  # midnight
    begun, seen = now(), await engine.observe()
    outcome = await engine.perform(Activate(B, "B", "1", seen.boot, A, window=Window(120, 240)), silent)
    assert isinstance(outcome, Done), outcome
    assert ((now() - begun) / 3600, "simulated" in outcome.message) == (hours, passes_time)
    assert world.primary == B
