"""The process, or the whole device, ends at any effect of an operation over containers, operating system and another control
unit: all is told as without that, the end once, and it is true.

There are 1,818 moments: before each message to the broker and each action on containers and slots, in the middle of it, when it
was carried out and nobody knows it yet, and after it. A usual run takes some of each story (tests/sampling.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.controller.operations.device import Device, demand
from tests.controller.operations.moments import Moment, Moments, Where
from tests.counts import count
from tests.reconcilers.operations.agents import Agent
from tests.sampling import sampled
from tests.virtual import run

from evenkeel.controller.drivers.slots.memory import Bundle
from evenkeel.specs.operations.operation import ENDS

MOST = 4
STORIES: dict[str, Callable[[Device], None]] = {
    "all is well": lambda device: None,
    "a container does not stay up": lambda device: device.breaks("2"),
    "the system does not boot": lambda device: device.world.served.update(
        {"https://updates.example/v2.raucb": Bundle("2", boots=False)}
    ),
    "another control unit fails": lambda device: device.others["safety-ecu"].fail("ACTIVATE"),
}


class Told(NamedTuple):
    """What came of an operation: what its sender was told, and what runs."""

    statuses: list[str]
    end: tuple[str, str]
    there: tuple[str, str, str]


def is_cut_off(again: Told) -> bool:
    """Whether the power was lost while a slot was booted that is not marked good yet: a bootloader goes back to the other one.
    From the new system that is a failure, and on the way back the new system stays, which has to be named."""
    status, why = again.end
    os, *others = again.there
    stays = "after the reboot self-update:os-image is still 2" in why
    is_told = "self-update" in why and stays == (os == "2")
    return (status, others, is_told) == ("INCOMPLETE", ["web:1", "1"], True)


@pytest.mark.parametrize("how", ["killed", "without power"])
@pytest.mark.parametrize("name", STORIES)
def test_it_ends_once_and_as_told(tmp_path: Path, name: str, how: str) -> None:
    told, found = run(story(tmp_path / "whole", STORIES[name], None, how))
    every = found.every()
    moments = sampled(every, MOST, f"operations {name} {how}")
    for number, moment in enumerate(moments):
        again, _ = run(story(tmp_path / str(number), STORIES[name], moment, how))
        assert [each for each in again.statuses if each in ENDS] == again.statuses[-1:], (moment, again)
        assert again == told or (how == "without power" and is_cut_off(again)), (moment, again, told)
    count(f"ends of a device in an operation: {name}, {how}", len(moments), of=len(every))


@pytest.mark.parametrize("name", ["all is well", "a container does not stay up"])
@pytest.mark.parametrize("where", ["before", "torn", "after"])
def test_power_that_is_lost_in_the_activation_changes_nothing(tmp_path: Path, name: str, where: Where) -> None:
    """Before it, the reboot is still to come; after it, the new system runs already, proves itself, and can be taken back."""
    told, found = run(story(tmp_path / "whole", STORIES[name], None, "without power"))
    number = [each.name for each in found.done].index("Activate")
    again, _ = run(story(tmp_path / "again", STORIES[name], Moment(number, where), "without power"))
    assert again == told


async def story(
    state: Path, prepare: Callable[[Device], None], moment: Moment | None, how: str
) -> tuple[Told, Moments]:
    """What comes of the operation with an end at this moment, and the effects that there were."""
    device = Device(state, [Agent("safety-ecu", "evenkeel")])
    await device.starts()
    try:
        device.asks(demand("a", web="1"))
        await device.plays(60)
        prepare(device)
        device.moments.begin(moment)
        device.asks(demand("b", os="2", web="2", others={"safety-ecu": "2"}))
        if moment is not None:
            await device.reaches_moment()
            await (device.restarts() if how == "killed" else device.loses_power())
        for _ in range(200):
            await device.plays(10)
            if device.statuses("b")[-1:] and device.statuses("b")[-1] in ENDS:
                break
        await device.plays(30)
        there = device.os, device.web, device.others["safety-ecu"].runs
        return Told(device.statuses("b"), device.end(), there), device.moments
    finally:
        await device.dies()
