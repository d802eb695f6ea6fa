"""Laws of order with pulls that take time, on random graphs in random groups, with random images of random registries, through
real cycles on the memory engine in virtual time.

The watcher of the bench asserts at every action that nothing of a group is disturbed before all its images are there, and at
every start that what it depends on meets its conditions.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.virtual import run

from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.cycle.fetching import SLOW_S
from evenkeel.controller.cycle.stage import StageLimits
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Pull, Verify
from evenkeel.specs.containers.container import Container, runs_once
from evenkeel.specs.plan import Action, Done, Outcome

from .bench import Bench, bench, containers_of
from .test_order_laws import ACTION_S, JOBS, graph, graphs, grouped, longest_path_s, proof_s, some

REGISTRIES = ("a.example", "b.example", "c.example")
LOOK_S = SLOW_S + 1.0
"""The longest time until a group that has all it needs no longer waits for others."""


def in_groups(containers: Mapping[str, Container], group_of: Mapping[str, str]) -> dict[str, Container]:
    """The same containers, which depend on those of their own group alone."""
    found = {}
    for name, each in containers.items():
        needs = tuple(need for need in each.depends_on if group_of[need] == group_of[name])
        conditions = tuple((need, how) for need, how in each.conditions or () if need in needs)
        found[name] = changed(each, depends_on=needs, conditions=conditions)
    return found


class Pulls:
    """The images of a state, and for how long each of them is fetched."""

    def __init__(self, device: Bench, random: Random) -> None:
        self.seconds: dict[str, float] = {}
        self.begun = Counter[str]()
        self.proven_s: dict[str, float] = {}
        """By container: the time at which it was proven last."""
        self._device, self._random = device, random
        self._perform = device.engine.perform
        device.engine.perform = self.perform  # type: ignore[method-assign]

    async def perform(self, action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
        if isinstance(action, Pull):
            self.begun[action.image] += 1
        outcome = await self._perform(action, progress)
        if isinstance(action, Verify) and isinstance(outcome, Done):
            self.proven_s[action.container.name] = asyncio.get_running_loop().time()
        return outcome

    def of(self, containers: Mapping[str, Container], version: int, share: float) -> dict[str, Container]:
        """The containers with images of a version; a `share` of them takes long to be fetched. Jobs keep theirs."""
        found: dict[str, Container] = {}
        for name, each in containers.items():
            if runs_once(each):
                found[name] = each
                continue
            image = f"{self._random.choice(REGISTRIES)}/{name}:{version}"
            seconds = self._random.choice((100.0, 300.0, 1500.0)) if self._random.random() < share else 0.5
            self.seconds[image] = seconds
            self._device.engine.catalogue[image] = Image(size=int(seconds * self._device.engine.script.pull_rate))
            found[name] = changed(each, image=image)
        return found


@some
@given(graphs, st.integers(2, 6), st.sampled_from((0.05, 0.3)))
def test_no_group_waits_for_a_pull_of_another(drawn: tuple[int, Random], groups: int, share: float) -> None:
    """With places for all: each group is proven within its own pulls, and what it shares with others that are ready."""
    size, random = drawn[0], Random(drawn[1].getrandbits(32))
    found = containers_of(graph(size, random))
    group_of = {name: f"g{random.randrange(groups)}" for name in found}
    before = in_groups(found, group_of)

    async def scenario(device: Bench) -> None:
        device.limits = StageLimits(parallel=1000)
        device.engine.script.perform_s = ACTION_S
        device.driver.group_of = group_of
        pulls = Pulls(device, random)
        for version in (1, 2):
            after = pulls.of(before, version, share)
            state, begun_s = grouped(after, group_of), asyncio.get_running_loop().time()
            pulls.proven_s.clear()
            assert isinstance(await device.converge(state), Settled), device.said[-4:]
            path_s = longest_path_s(state, 6 * ACTION_S) + max(map(proof_s, after.values())) + 4 * ACTION_S
            for group in {group_of[name] for name in after if name in pulls.proven_s}:
                names = [name for name in after if group_of[name] == group and name in pulls.proven_s]
                fetched_s = max(pulls.seconds.get(after[name].image, 0.2) for name in names) + ACTION_S
                took_s = max(pulls.proven_s[name] for name in names) - begun_s
                assert took_s <= fetched_s + LOOK_S + 2 * path_s, (group, fetched_s, path_s)
        assert max(pulls.begun.values()) == 1, "none is begun anew"

    with bench({**JOBS}) as device:
        run(scenario(device))


@some
@given(graphs, st.integers(1, 4), st.integers(1, 4))
def test_it_takes_no_longer_than_its_slowest_source_and_the_path(
    drawn: tuple[int, Random], groups: int, places: int
) -> None:
    """With few places: a registry is fetched from without a break, whatever others do."""
    size, random = drawn[0], Random(drawn[1].getrandbits(32))
    found = containers_of(graph(size, random))
    group_of = {name: f"g{random.randrange(groups)}" for name in found}
    before = in_groups(found, group_of)

    async def scenario(device: Bench) -> None:
        device.limits = StageLimits(parallel=places)
        device.driver.group_of = group_of
        pulls = Pulls(device, random)
        after = pulls.of(before, 1, 0.2)
        state, begun_s = grouped(after, group_of), asyncio.get_running_loop().time()
        assert isinstance(await device.converge(state), Settled), device.said[-4:]
        took_s = asyncio.get_running_loop().time() - begun_s
        source_s = Counter[str]()
        for image, seconds in pulls.seconds.items():
            source_s[image.partition("/")[0]] += seconds  # type: ignore[assignment]
        fetch_s = max(source_s.values(), default=0) + len(JOBS)
        path_s = longest_path_s(state, 0.0) + max(map(proof_s, after.values()))
        assert took_s <= fetch_s + LOOK_S + 2 * path_s
        assert max(pulls.begun.values()) == 1

    with bench({**JOBS}) as device:
        run(scenario(device))
