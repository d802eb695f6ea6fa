"""The update manager dies at each effect of 48 operations over three domains, with each failure, and begins anew: the agents
come to the same state, and the sender is told the same, in the same order and once.

There are 7,957 moments: before an effect, after it, and torn from it, when it was carried out and is carried out again. A usual
run takes half of them (tests/sampling.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from tests.counts import count
from tests.reconcilers.operations.agents import Agent, Kind
from tests.reconcilers.operations.baselines import BaselineAgent
from tests.reconcilers.operations.world import CONDUCT, World
from tests.sampling import sampled

from evenkeel.specs.operations.events import Effect
from evenkeel.specs.operations.operation import BaselinePart

FORWARD = ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
NAMES = ("self-update", "containers", "safety-ecu")
KINDS: tuple[tuple[Kind, Kind, Kind], ...] = (
    ("local", "local", "evenkeel"),
    ("local", "local", "kanto"),
    ("local", "local", "leda"),
    ("evenkeel", "local", "local"),
    ("leda", "kanto", "evenkeel"),
    ("kanto", "leda", "kanto"),
)
FAULTS = (
    ("", ""),
    *(("self-update", each) for each in FORWARD[:3]),
    ("containers", "ACTIVATE"),
    ("safety-ecu", "UPDATE"),
)
BASELINES = (
    BaselinePart("stack-7", ("containers:web", "self-update:os-image"), "vehicle.parked=true"),
    BaselinePart("infra", ("containers:mqtt", "safety-ecu:app")),
)
BASELINE_KINDS: tuple[tuple[Kind, Kind, Kind], ...] = (
    ("local", "local", "evenkeel"),
    ("leda", "kanto", "evenkeel"),
    ("local", "evenkeel", "kanto"),
)
BASELINE_FAULTS = (("", ""), ("containers:web", "UPDATE"), ("containers:mqtt", "ACTIVATE"), ("self-update", "ACTIVATE"))
MOMENTS = ("before", "after", "torn")
MOST = 80
"""So many moments of each operation in a usual run."""
ASKS = CONDUCT._replace(consent=("UPDATE",))

Make = Callable[[], World]


def operations() -> Iterator[tuple[str, Make, tuple[BaselinePart, ...]]]:
    """A text for each operation, a new world for it, and its baselines."""
    for kinds, (where, fails) in itertools.product(KINDS, FAULTS):

        def plain(kinds: tuple[Kind, ...] = kinds, where: str = where, fails: str = fails) -> World:
            parts = zip(NAMES, kinds, strict=True)
            return World([Agent(name, kind, fails=fails if name == where else "") for name, kind in parts], ASKS)

        yield f"{kinds}, {fails} of {where or 'none'} fails", plain, ()
    for kinds, (where, fails) in itertools.product(BASELINE_KINDS, BASELINE_FAULTS):

        def in_baselines(kinds: tuple[Kind, Kind, Kind] = kinds, where: str = where, fails: str = fails) -> World:
            failing = {where.removeprefix("containers:"): fails}
            containers = BaselineAgent("containers", {"web": "stack-7", "mqtt": "infra"}, kinds[1], fails=failing)
            os = Agent("self-update", kinds[0], fails=fails if where == "self-update" else "")
            return World([os, containers, Agent("safety-ecu", kinds[2])], CONDUCT)

        yield f"baselines, {kinds}, {fails} of {where or 'none'} fails", in_baselines, BASELINES


def test_interrupted_anywhere_it_comes_to_the_same_end() -> None:
    tried = there = operated = 0
    for name, world, baselines in operations():
        told, effects = world(), list[Effect]()
        told.run(baselines, lambda number, effect, effects=effects: effects.append(effect) or "")  # type: ignore[misc]
        operated += 1
        every = [
            (number, moment)
            for number, effect in enumerate(effects)
            for moment in MOMENTS[: None if told.can_be_torn(effect) else 2]
        ]
        for number, moment in sampled(every, MOST, name):
            again = world()
            again.run(baselines, lambda n, _, number=number, moment=moment: moment if n == number else "")  # type: ignore[misc]
            about = (name, moment, number, effects[number], again.said, told.said, again.done)
            assert again.statuses == told.statuses, about
            assert again.end == told.end, about
            assert again.runs() == told.runs(), about
            tried += 1
        there += len(every)
    count(f"interruptions of {operated} operations of an update manager", tried, of=there)
    assert tried > 3000
