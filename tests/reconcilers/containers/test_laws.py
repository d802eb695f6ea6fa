"""Laws that hold for every wish, every world and every power cut, run with real cycles against the memory engine.

The watcher of the bench asserts at every single action that nobody else's container is touched, that everything is fetched
before anything is disturbed (INV-04), and that what was proven stays until its successor is (INV-05).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TypeVar, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from tests.memories import memory
from tests.sampling import THOROUGH
from tests.virtual import run

from evenkeel.controller.cycle.endings import Settled, Stalled
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.reconcilers.containers import Containers, compare
from evenkeel.reconcilers.containers.naming import engine_name
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Create, Start
from evenkeel.specs.containers.container import (
    Condition,
    Container,
    Health,
    HttpProbe,
    Port,
    Resources,
    Restart,
    RestartPolicy,
    runs_once,
)
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import DesiredState, desired_state
from evenkeel.specs.plan import BARRIERS, Action, Failed, Outcome, Plan

from .bench import Bench, Cut, asking, bench, containers_of

Item = TypeVar("Item")

NAMES = ("a", "db", "web", "_app")
IMAGES = ("one:1", "one:2", "two:1", "two:2")
POLICIES: tuple[RestartPolicy, ...] = get_args(RestartPolicy)
MEMORY = (None, 64 << 20, 128 << 20)

EXAMPLES = int(os.environ.get("EVENKEEL_EXAMPLES", "400" if THOROUGH else "0"))
"""How many random worlds each law is tried on; without it, a few that are always the same."""

thorough = settings(
    max_examples=EXAMPLES or 16,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

cuts = st.lists(
    st.builds(Cut, st.integers(1, 40), st.booleans(), st.booleans()), max_size=3, unique_by=lambda cut: cut.action
)


JOBS = {f"docker.io/library/job:{number}": Image(exits_with=0, exits_after_s=5.0 * number) for number in (1, 2)}
"""Images of processes that end well."""


@st.composite
def states(draw: st.DrawFn, least: int = 0, *, jobs: bool = False) -> DesiredState:
    """A few containers with ports of their own, depending on each other without a cycle. `jobs`: some of them run once, and
    not all wait for proofs."""
    names = draw(st.permutations(NAMES))[: draw(st.integers(least, len(NAMES)))]
    ports = draw(st.permutations((8080, 8081, 8082, None, None)))
    containers: list[Container] = []
    for index, name in enumerate(names):
        host_port = ports[index]
        is_job = jobs and draw(st.sampled_from((False, False, True)))
        container = Container(
            name,
            draw(st.sampled_from(sorted(JOBS) if is_job else IMAGES)),
            env=(("LEVEL", draw(st.sampled_from("ab"))),),
            ports=() if host_port is None else (Port(host_port, 80),),
            restart=Restart(draw(st.sampled_from(("no", "on-failure") if is_job else POLICIES))),
            resources=Resources(draw(st.sampled_from(MEMORY))),
            depends_on=tuple(draw(st.sets(st.sampled_from(names[:index])))) if index else (),
            stable_for=timedelta(seconds=draw(st.sampled_from((0, 3)))),
            pull_policy=draw(st.sampled_from(("IfNotPresent", "Always"))),
            run_once=timedelta(minutes=1) if is_job else UNSET,
        )
        ends = {each.name for each in containers if runs_once(each)}
        conditions = tuple((need, draw(_conditions(need in ends))) for need in sorted(container.depends_on) if jobs)
        containers.append(normal(changed(container, conditions=conditions)))
    return asking(containers)


def _conditions(ends: bool) -> st.SearchStrategy[Condition]:
    return st.sampled_from(("healthy", "started", "completed") if ends else ("healthy", "started"))


Hands = Callable[[Bench, Container], object]
HANDS: dict[str, Hands] = {
    "kill": lambda device, c: device.engine.kill(c.name),
    "end": lambda device, c: device.engine.kill(c.name, exit_code=0),
    "pause": lambda device, c: device.engine.pause(c.name),
    "remove": lambda device, c: device.engine.remove(c.name),
    "limit": lambda device, c: device.engine.change(c.name, resources=Resources(32 << 20, None, 64 << 20)),
    "policy": lambda device, c: device.engine.change(
        c.name, restart=Restart("no" if c.restart.policy != "no" else "always")
    ),
    "rename": lambda device, c: rename(device, c.name, f"{c.name}-renamed"),
    "untag": lambda device, c: device.engine.world.images.pop(c.image, None),
}
drifts = st.lists(st.tuples(st.sampled_from(sorted(HANDS)), st.integers(0, 3)), max_size=3)


def rename(device: Bench, name: str, new: str) -> None:
    for kept in device.own():
        if kept.engine_name == engine_name(name):
            device.engine.world.containers[kept.id] = replace(kept, engine_name=new)


def drift(device: Bench, state: DesiredState, what: list[tuple[str, int]]) -> None:
    """Play other people's hands."""
    containers = list(containers_of(state).values())
    for hand, index in what:
        present = {kept.engine_name for kept in device.own()}
        if containers and engine_name((container := containers[index % len(containers)]).name) in present:
            HANDS[hand](device, container)


async def device_with(device: Bench, state: DesiredState) -> Bench:
    """A device on which a state has been reached, beside a system container and a stranger's."""
    device.protect()
    assert isinstance(await device.converge(state), Settled)
    return device


async def assert_reached(device: Bench, state: DesiredState) -> None:
    """The world is what is asked for, no more and no less, and a second plan is empty."""
    own, wanted = device.own(), containers_of(state)
    assert {kept.engine_name for kept in own} == {engine_name(name) for name in wanted}
    for kept in own:
        assert kept.container is not None
        container = wanted[kept.container.name]
        assert compare.with_conduct_of(kept.container, container) == container
        may_have_ended = container.restart.policy == "no" or (
            container.restart.policy == "on-failure" and not kept.exit_code
        )
        assert kept.state == "running" or (kept.state == "exited" and may_have_ended)
    plan = await device.plan(state)
    assert not plan.stages, plan
    assert {difference.verb for difference in plan.differences} <= {"keep"}


@thorough
@given(states(jobs=True), drifts, states(jobs=True))
def test_converges_from_anywhere_and_a_second_plan_is_empty(
    before: DesiredState, what: list[tuple[str, int]], after: DesiredState
) -> None:
    async def scenario(device: Bench) -> None:
        await device_with(device, before)
        drift(device, before, what)
        assert isinstance(await device.converge(after), Settled)
        await assert_reached(device, after)
        assert device.journal.digest("last-good") == after.digest

    with bench(JOBS) as device:
        run(scenario(device))


@thorough
@given(states(jobs=True), drifts, states(jobs=True), cuts)
def test_interrupted_at_any_action_it_converges(
    before: DesiredState, what: list[tuple[str, int]], after: DesiredState, cuts: list[Cut]
) -> None:
    async def scenario(device: Bench) -> None:
        await device_with(device, before)
        drift(device, before, what)
        ending = await device.converge(after, cuts)
        assert isinstance(ending, Settled), device.said[-8:]
        await assert_reached(device, after)

    with bench(JOBS) as device:
        run(scenario(device))


@thorough
@given(states(jobs=True), states(jobs=True), states(jobs=True), cuts)
def test_another_wish_in_the_middle_of_a_switch(
    before: DesiredState, meanwhile: DesiredState, after: DesiredState, cuts: list[Cut]
) -> None:
    """Desired states supersede each other at any point; only the last one counts."""

    async def scenario(device: Bench) -> None:
        await device_with(device, before)
        await device.abandon(meanwhile, cuts[0].action if cuts else 3)
        assert isinstance(await device.converge(after), Settled), device.said[-8:]
        await assert_reached(device, after)

    with bench(JOBS) as device:
        run(scenario(device))


@thorough
@given(states(jobs=True), drifts, states(jobs=True))
def test_what_is_shown_is_what_is_done(before: DesiredState, what: list[tuple[str, int]], after: DesiredState) -> None:
    """The plan of the first look is the list of all actions to come, in order, though each stage is planned anew. (Of a tag
    that is gone only fetching it says whether it leads to what runs already.)"""

    async def scenario(device: Bench) -> None:
        await device_with(device, before)
        drift(device, before, [(hand, index) for hand, index in what if hand != "untag"])
        done = len(device.driver.done)
        plan = await device.plan(after)
        assert isinstance(await device.converge(after), Settled)
        shown = [sorted(kind(step.action) for step in stage.steps) for stage in plan.stages]
        actions = device.driver.done[done:]
        assert len(actions) == sum(len(stage) for stage in shown)
        for stage in shown:
            assert sorted(kind(actions.pop(0)) for _ in stage) == stage

    with bench(JOBS) as device:
        run(scenario(device))


def kind(action: Action) -> str:
    """The action without ids and names of instances, which are not known before they are created."""
    return f"{type(action).__name__} {getattr(action, 'image', '')} {getattr(getattr(action, 'container', None), 'name', '')}"


@thorough
@given(states(jobs=True), drifts, states(jobs=True), st.integers(0, 12), st.randoms(use_true_random=False))
def test_the_order_of_what_is_read_does_not_matter(
    before: DesiredState, what: list[tuple[str, int]], after: DesiredState, stop_at: int, random: Random
) -> None:
    async def scenario(device: Bench) -> None:
        await device_with(device, before)
        drift(device, before, what)
        await device.abandon(after, stop_at)
        reconciler, known = Containers(), memory(device.journal)
        seen = await device.engine.observe()
        shuffled = changed(
            seen,
            containers=tuple(_shuffled(random, seen.containers)),
            images=dict(_shuffled(random, tuple(seen.images.items()))),
            digests=dict(_shuffled(random, tuple(seen.digests.items()))),
        )
        documents = _shuffled(random, after.documents)
        turned = changed(known, proven=dict(reversed(known.proven.items())), stopped=known.stopped[::-1])
        plan = reconciler.plan(reconciler.diff(reconciler.select(after), seen, known), seen, known)
        want = reconciler.select(desired_state(documents))
        assert reconciler.plan(reconciler.diff(want, shuffled, turned), shuffled, turned) == plan
        assert_sound(plan)

    with bench(JOBS) as device:
        run(scenario(device))


def assert_sound(plan: Plan) -> None:
    """Every step is in one stage, after all it needs that are in the plan, and phases come in their order."""
    steps = [step for stage in plan.stages for step in stage.steps]
    place = {step.id: number for number, step in enumerate(steps)}
    assert len(place) == len(steps), "an id is used twice"
    assert all(place.get(need, -1) < place[step.id] for step in steps for need in step.needs)
    ranks = [[number for number, phases in enumerate(BARRIERS) if step.phase in phases] for step in steps]
    assert ranks == sorted(ranks)


def _shuffled(random: Random, items: Sequence[Item]) -> list[Item]:
    return random.sample(items, len(items))


# ── updates that fail ──────────────────────────────────────────────────────────────────────────────────────────────

BAD = "docker.io/library/bad:1"
FLAWS = {
    "the image does not exist": Image(pull="missing"),
    "it ends with an error at once": Image(exits_with=1, exits_after_s=0.0),
    "it ends with an error later": Image(exits_with=3, exits_after_s=2.0),
    "it is unhealthy": Image(healthy=False),
    "creating it is refused": Image(),
    "starting it is refused": Image(),
}


def refuse(device: Bench, flaw: str) -> None:
    def failure(action: Action) -> Outcome | None:
        if flaw == "creating it is refused" and isinstance(action, Create) and action.container.image == BAD:
            return Failed("refused by the engine")
        if flaw == "starting it is refused" and isinstance(action, Start):
            kept = device.engine.world.containers.get(action.instance)
            if kept is not None and kept.image == BAD:
                return Failed("refused by the engine")
        return None

    device.engine.script.failures.append(failure)


def spoil(state: DesiredState, index: int) -> DesiredState:
    """One of the containers gets the bad image, and a health check that notices."""
    containers = list(containers_of(state).values())
    broken = containers[index % len(containers)]
    containers[index % len(containers)] = changed(
        broken, image=BAD, health=Health(HttpProbe(80)), stable_for=timedelta(seconds=3), run_once=UNSET
    )
    return asking(containers)


@thorough
@given(
    states(least=1, jobs=True),
    states(least=1, jobs=True),
    st.integers(0, 3),
    st.sampled_from(sorted(FLAWS)),
    cuts,
    drifts,
)
def test_a_failed_update_ends_on_last_good(
    before: DesiredState,
    after: DesiredState,
    index: int,
    flaw: str,
    cuts: list[Cut],
    what: list[tuple[str, int]],
) -> None:
    bad = spoil(after, index)

    async def scenario(device: Bench) -> None:
        await device_with(device, before)
        refuse(device, flaw)
        kept_cuts = [cut._replace(journal_lost=False) for cut in cuts]
        ending = await device.converge(bad, kept_cuts, good=before)
        assert isinstance(ending, Stalled), ending
        await assert_reached(device, before)
        lasting = (name for name, container in containers_of(before).items() if not runs_once(container))
        assert all(device.working(name) for name in lasting), "nobody is at work"

        drift(device, before, what)
        assert isinstance(await device.converge(bad, good=before), Stalled), "quarantine does not last"
        await assert_reached(device, before)
        assert device.journal.digest("last-good") == before.digest

    with bench({BAD: FLAWS[flaw], **JOBS}) as device:
        run(scenario(device))


@thorough
@given(states(least=1), states(least=1), st.integers(0, 3), st.sampled_from(sorted(FLAWS)), cuts)
def test_a_failed_update_leaves_somebody_at_work_even_when_the_journal_is_lost(
    before: DesiredState, after: DesiredState, index: int, flaw: str, cuts: list[Cut]
) -> None:
    """Without a journal what is found is gone back to, and that may hold the bad one, if it is new. A process that its policy
    lets end cannot be told from one that was stopped for a switch, so here the policies want it running."""
    lasting = {name: changed(c, restart=Restart("always")) for name, c in containers_of(before).items()}
    before = asking(list(lasting.values()))
    bad = spoil(after, index)

    async def scenario(device: Bench) -> None:
        await device_with(device, before)
        refuse(device, flaw)
        lost = [cut._replace(journal_lost=True) for cut in cuts]
        await device.converge(bad, lost, good=before)
        for name in containers_of(before).keys() & containers_of(bad).keys():
            (working,) = device.working(name)
            assert working.image != BAD, f"{name}: nobody is at work"

    with bench({BAD: FLAWS[flaw]}) as device:
        run(scenario(device))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("action", range(12, 32))
def test_a_way_back_that_loses_the_journal_anywhere_ends_with_what_was_good(action: int, after: bool) -> None:
    """One of three is bad, and two change places at a port; the other two were proven before it failed. On the way back all
    step aside: their names tell which ones are the new ones."""

    def three(image: str, *ports: int) -> DesiredState:
        lasting = Restart("always")
        return asking(
            [
                normal(Container(name, f"docker.io/library/{image}", ports=(Port(port, 80),), restart=lasting))
                for name, port in zip(("app", "db", "web"), ports, strict=True)
            ]
        )

    before, flaw = three("one:1", 8080, 8081, 8082), "it ends with an error at once"
    bad = spoil(three("two:1", 8081, 8080, 8082), 0)

    async def scenario(device: Bench) -> None:
        await device_with(device, before)
        await device.converge(bad, [Cut(action, after, journal_lost=True)], good=before)
        for name in containers_of(before):
            assert [each.image for each in device.working(name)] == ["docker.io/library/one:1"]

    with bench({BAD: FLAWS[flaw]}) as device:
        run(scenario(device))


@thorough
@given(states(least=1), st.integers(0, 3), st.sampled_from([Image(exits_with=1), Image(healthy=False)]), cuts)
def test_a_tag_that_is_pushed_again_and_broken_ends_where_it_began(
    state: DesiredState, index: int, flaw: Image, cuts: list[Cut]
) -> None:
    """Nobody changed what is asked for, so there is no revision to give up; what came is given up."""
    containers = list(containers_of(state).values())
    containers = [
        changed(
            c,
            image=f"docker.io/library/own:{number}",
            pull_policy="Always",
            health=Health(HttpProbe(80)),
            stable_for=timedelta(seconds=3),
        )
        for number, c in enumerate(containers)
    ]
    moved = containers[index % len(containers)]
    state = asking(containers)

    async def scenario(device: Bench) -> None:
        await device_with(device, state)
        before = {kept.engine_name: kept.image_id for kept in device.own()}
        device.engine.catalogue[moved.image] = replace(flaw, version=2)
        kept_cuts = [cut._replace(journal_lost=False) for cut in cuts]
        assert isinstance(await device.converge(state, kept_cuts), Settled), device.said[-8:]
        assert {kept.engine_name: kept.image_id for kept in device.own()} == before
        await assert_reached(device, state)
        assert all(device.working(name) for name in containers_of(state))

        device.engine.catalogue[moved.image] = Image(version=3)
        assert isinstance(await device.converge(state), Settled)
        changed_ids = {kept.engine_name for kept in device.own() if before[kept.engine_name] != kept.image_id}
        assert changed_ids == {engine_name(moved.name)}, "the cure was not taken"

    with bench() as device:
        run(scenario(device))
