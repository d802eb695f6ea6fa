"""Kanto's Update Manager, evenkeel's agent, the broker and the engine die at every message of an update.

The desired state is sent again when they are back. In the end it is in force, or, if it can never be, what was there before;
no word that was said was false at its moment; and nothing was stopped for longer than those who had died were away. In every
other story the clock of the device leaps at every message.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import repeat
from random import Random
from typing import Any, NamedTuple, get_args

import pytest
from tests.controller.agents.harness import DEVICES, Asked, asked, desired_state
from tests.sampling import sampled
from tests.virtual import WRONG_CLOCKS_S, now, run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.container import Container

from .world import AWAY_S, DOWN_S, FOREIGN, PHASE_TIMEOUT_S, Death, LiveDevice, Wanted, Who, World

_STEP_S = 0.2
"""What every action of the engine takes."""
_SWITCH_S = 30.0
"""From the moment at which nobody keeps the agent from switching: the proof of a new instance takes most of it."""
_LOSES: Sequence[Who] = ("broker", "broker with its disk", "everything")
"""With them messages are lost, and the Update Manager waits for an answer in vain before it gives up (§3.3)."""


class Story(NamedTuple):
    """An update. `images`: those that are not ordinary; `fails`: it can never succeed; `pull_rate` in bytes a second."""

    before: tuple[Asked, ...]
    after: tuple[Asked, ...]
    baselines: Mapping[str, Sequence[str]] = {}
    images: Mapping[str, Image] = {}
    fails: bool = False
    pull_rate: float = 1e9

    @property
    def payload(self) -> Any:
        message = desired_state("", *self.after, baselines=self.baselines)
        return json.loads(message)["payload"]

    @property
    def wanted(self) -> Wanted:
        before, after = (
            {each.id: dict(each.config)["image"] for each in asked_} for asked_ in (self.before, self.after)
        )
        return Wanted(before, after, self.fails)


_PORT = ("port", "8080:80")
_MIXED = (asked("keep"), asked("swap", "1", _PORT), asked("limit", "1", ("memory", "64M")), asked("gone"))
_MIXED_AFTER = (asked("keep"), asked("new"), asked("swap", "2", _PORT), asked("limit", "1", ("memory", "96M")))
_PAIR = (asked("keep"), asked("swap", "1", _PORT))
_PAIR_AFTER = (asked("keep"), asked("swap", "2", _PORT))
STORIES = {
    "create": Story((asked("keep"),), (asked("keep"), asked("new"))),
    "recreate": Story(_PAIR, _PAIR_AFTER),
    "remove": Story((asked("keep"), asked("gone")), (asked("keep"),)),
    "remove all": Story((asked("gone"), asked("too")), ()),
    "all at once": Story(_MIXED, _MIXED_AFTER),
    "two baselines": Story(
        _MIXED, _MIXED_AFTER, {"front": ["containers:swap", "containers:new"], "back": ["containers:limit"]}
    ),
    "a slow pull": Story(_PAIR, _PAIR_AFTER, images={"reg.example/swap:2": Image(size=30_000_000)}, pull_rate=2.5e5),
    "a new version that ends": Story(
        _PAIR, (*_PAIR_AFTER, asked("new")), images={"reg.example/swap:2": Image(exits_with=1)}, fails=True
    ),
    "an image that is missing": Story(
        _PAIR, (*_PAIR_AFTER, asked("ghost")), images={"reg.example/ghost:1": Image(pull="missing")}, fails=True
    ),
}


async def prepared(story: Story) -> LiveDevice:
    """A device as before the update; somebody else runs a container there, too."""
    device = LiveDevice(catalogue=dict(story.images))
    device.engine.put_foreign(Container(FOREIGN, "docker.io/library/theirs:1"))
    await device.bring("before", *story.before)
    return device


async def told(device: LiveDevice, story: Story, *deaths: Death) -> World:
    """The story on a copy of the device, to its end, and what has to be true of every one."""
    world = World(device.twin(), story.payload, story.wanted, *deaths)
    world.clocks = _clocks(deaths)
    script = world.device.engine.script
    script.perform_s = _STEP_S
    script.pull_rate = story.pull_rate
    begun = now()
    await world.run()
    await world.device.settle()
    assert not world.lies, f"{world.lies}\n{world.story()}"
    assert world.verdicts, world.story()
    assert (world.verdicts[-1].status == "COMPLETED") != story.fails, world.story()
    assert world.device.running().pop(FOREIGN) == "docker.io/library/theirs:1"
    assert now() - begun < 6 * PHASE_TIMEOUT_S, world.story()
    return world


def _clocks(deaths: Sequence[Death]) -> Iterator[float]:
    """Right in every other story, and never right for long in the rest."""
    dice = Random(str(deaths))
    if not deaths or dice.random() < 0.5:
        return repeat(0.0)
    return iter(lambda: dice.choice((*WRONG_CLOCKS_S, 0.0)), None)


def _longest_gap_s(deaths: Sequence[Death]) -> float:
    """For how long nothing of what is replaced may run."""
    return _SWITCH_S + sum(
        DOWN_S + AWAY_S.get(death.who, 0.0) + (PHASE_TIMEOUT_S if death.who in _LOSES else 0.0) for death in deaths
    )


def _check(world: World, undisturbed: World, *deaths: Death) -> None:
    """What is true however many have died."""
    assert world.device.instances() == undisturbed.device.instances(), world.story()
    assert world.in_force() == undisturbed.in_force(), world.story()
    gap_s = max(world.gaps.values(), default=0.0)
    assert gap_s <= _longest_gap_s(deaths), f"nothing ran for {gap_s:g} s: {world.story()}"


def _check_alone(world: World, fails: bool, death: Death) -> None:
    """What is true, too, when only one has died and no message was lost by that."""
    if death.who in (*_LOSES, "engine for long"):
        return
    assert all("signal" not in verdict.message and verdict.status for verdict in world.verdicts), world.story()
    assert fails or {verdict.status for verdict in world.verdicts} == {"COMPLETED"}, world.story()


async def _all(name: str, pick: Callable[[int], Sequence[tuple[Death, ...]]]) -> None:
    """The story once for each of the picked deaths; all that went wrong together. `pick` is given the count of messages."""
    story, failures = STORIES[name], list[str]()
    device = await prepared(story)
    undisturbed = await told(device, story)
    assert len(undisturbed.handed) > 10
    count = len(DEVICES)
    for deaths in pick(len(undisturbed.handed)):
        try:
            world = await told(device, story, *deaths)
            _check(world, undisturbed, *deaths)
            if len(deaths) == 1:
                _check_alone(world, story.fails, *deaths)
        except AssertionError as error:
            failures.append(str(error))
        while len(DEVICES) > count:
            DEVICES.pop().scrap()
    assert not failures, f"{len(failures)} went wrong\n\n" + "\n\n".join(failures)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", STORIES)
def test_somebody_dies_at_every_message(name: str) -> None:
    def pick(messages: int) -> Sequence[tuple[Death, ...]]:
        moments = [(Death(k, who),) for who in get_args(Who) for k in range(1, messages + 1)]
        return sampled(moments, 4, f"update manager, {name}")

    run(_all(name, pick))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["all at once", "two baselines", "a slow pull", "a new version that ends"])
def test_another_dies_while_the_first_is_away_or_just_back(name: str) -> None:
    def pick(messages: int) -> Sequence[tuple[Death, ...]]:
        dice = Random(name)
        moments = [
            (Death(k, who), Death(k + dice.randint(1, 8), dice.choice(get_args(Who))))
            for k in range(1, messages + 1)
            for who in get_args(Who)
        ]
        return sampled(moments, 2, f"two die, {name}")

    run(_all(name, pick))
