"""A law of the calls of an engine in a chain of dependencies: they are linear in its length and in the time that it takes.

A look at a real engine is two lists and one inspection for each container, so a look at everything for each link would be
quadratic. The memory engine counts calls so here, and takes their time, for the pause after a look grows with its length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from tests.controller.stage import Counting, Listener, Reading, Stage, time
from tests.virtual import run

from evenkeel.controller.cycle.beside import LONG_S
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome

LENGTHS = (10, 30)
_SHARE = 0.1
"""A look beside steps is followed by a pause of nine times its own length."""
_CALL_S, _ACTION_S = 0.003, 0.15
"""The time of dockerd for a question, and for an action."""


class Asked(Counting):
    """The memory engine, with a count of the calls that a real one would answer."""

    calls = 0

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        seen = await super().observe(look)
        calls = 2 + sum(each.container is not None for each in seen.containers)
        self.calls += calls
        await asyncio.sleep(calls * _CALL_S)
        return seen

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        self.calls += 1
        return await super().perform(action, progress)


class Settling(Listener):
    """A sink that has the calls so far at each `settled`."""

    def __init__(self, engine: Asked) -> None:
        super().__init__()
        self.calls: list[tuple[float, int]] = []
        self._engine = engine

    async def take(self, entries: Sequence[Feedback]) -> None:
        self.calls += [(time(), self._engine.calls) for entry in entries if entry.kind == "settled"]
        await super().take(entries)


def chain(length: int, version: str, stable_s: float) -> DesiredState:
    """Containers of which each waits until the one before is proven."""
    names = [f"c{number:02}" for number in range(length)]
    containers = [
        normal(
            Container(
                name,
                "app:1",
                env=(("VERSION", version),),
                stable_for=timedelta(seconds=stable_s),
                depends_on=tuple(names[number - 1 : number]) if number else (),
            )
        )
        for number, name in enumerate(names)
    ]
    return desired_state([Document("Container", each.name, each) for each in containers])


async def in_chain(folder: Path, length: int, stable_s: float, *, recreated: bool) -> tuple[int, float]:
    """The calls of a chain until all is settled, and the seconds that it takes."""
    stage = Stage(folder)
    stage.engine = engine = Asked(now=stage.now)
    settling = Settling(engine)
    stage.sinks[:] = [settling]
    stage.controller = stage.make()
    engine.script.perform_s = _ACTION_S
    begun = 500.0 if recreated else 0.0
    for at in {0.0, begun}:
        stage.at(at, stage.say, Reading(chain(length, f"of {at:g}", stable_s)))
    stage.at(begun - 0.01, setattr, engine, "calls", 0)
    try:
        await stage.play(begun + 400)
    finally:
        stage.journal.close()
        stage.lock.release()
    assert len(stage.running()) == length
    settled_at, calls = settling.calls[-1]
    return calls, settled_at - begun


@pytest.mark.parametrize(("stable_s", "recreated"), [(0.0, False), (1.0, False), (1.0, True)])
def test_the_calls_of_a_chain_are_linear_in_its_length_and_its_time(
    tmp_path: Path, stable_s: float, recreated: bool
) -> None:
    """No more than its steps and four looks at everything; besides, once steps take long, a tenth of the time is for looks."""
    for length in LENGTHS:
        calls, took_s = run(in_chain(tmp_path / str(length), length, stable_s, recreated=recreated))
        steps = (6 if recreated else 3) * length
        looks = 4 * (2 + (2 if recreated else 1) * length)
        beside = _SHARE * max(took_s - LONG_S, 0.0) / _CALL_S
        assert calls <= steps + looks + beside
