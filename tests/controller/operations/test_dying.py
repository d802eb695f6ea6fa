"""The process, or the whole device, ends at any moment of an operation: its end is told once, and is true."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.controller.operations.device import Device, demand
from tests.reconcilers.operations.agents import Agent
from tests.sampling import sampled
from tests.virtual import run

from evenkeel.controller.drivers.slots.memory import Bundle

LASTS_S = 260
STORIES: dict[str, tuple[str, Callable[[Device], None]]] = {
    "all is well": ("COMPLETED", lambda device: None),
    "a container does not stay up": ("INCOMPLETE", lambda device: device.breaks("2")),
    "the system does not boot": (
        "INCOMPLETE",
        lambda device: device.world.served.update({"https://updates.example/v2.raucb": Bundle("2", boots=False)}),
    ),
    "another control unit fails": ("INCOMPLETE", lambda device: device.others["safety-ecu"].fail("ACTIVATE")),
}


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("how", ["killed", "without power"])
def test_it_ends_once_and_as_told(tmp_path: Path, name: str, how: str) -> None:
    end, prepare = STORIES[name]
    moments = sampled(range(1, LASTS_S), 5, f"operations {name} {how}")
    for moment in moments:
        run(story(tmp_path / str(moment), end, prepare, moment, how))
    print(f"{name}, {how}: {len(moments)} moments")


async def story(state: Path, end: str, prepare: Callable[[Device], None], moment: int, how: str) -> None:
    device = Device(state, [Agent("safety-ecu", "evenkeel")])
    await device.starts()
    try:
        device.asks(demand("a", web="1"))
        await device.plays(60)
        prepare(device)
        device.asks(demand("b", os="2", web="2", others={"safety-ecu": "2"}))
        await device.plays(moment)
        await (device.restarts() if how == "killed" else device.loses_power())
        await device.plays(1500)
        statuses = device.statuses("b")
        ends = [each for each, _ in itertools.groupby(statuses) if each in ("COMPLETED", "INCOMPLETE", "SUPERSEDED")]
        assert len(ends) == 1, (moment, statuses, device.end())
        if how == "killed" or end == "INCOMPLETE":  # a bootloader falls back from a trial boot that is cut off
            assert ends == [end], (moment, statuses, device.end())
        version = "2" if ends == ["COMPLETED"] else "1"
        there = device.os, device.web, device.others["safety-ecu"].runs
        assert there == (version, f"web:{version}", version), (moment, device.end())
    finally:
        await device.dies()
