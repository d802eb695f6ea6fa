"""Laws of order, on random graphs of 1 to 60 containers with random durations and faults.

The first ones follow real cycles against the memory engine in virtual time. That nothing starts before its conditions are
met is asserted by the watcher of the bench at every start; that all instances that are stopped together stop the other way
round is read from the list of actions. The last ones play plans as the controller does, without an engine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from tests.virtual import run

from evenkeel.controller.cycle.endings import Settled, Stalled
from evenkeel.controller.cycle.stage import StageLimits
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.health import look_again_after
from evenkeel.reconcilers.schedule import Schedule
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Create, End, Pull, Start, Verify
from evenkeel.specs.containers.container import Condition, Container, Port, Restart, condition_of, runs_once
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, State
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.plan import Action, Outcome, Plan, Proof, Retry, Stage

from .bench import Bench, asking, bench, containers_of
from .test_laws import EXAMPLES, assert_reached, assert_sound, thorough

PLACES = StageLimits().parallel
ACTION_S = 0.2
"""The time of the engine for each action."""
JOBS = {f"docker.io/library/job:{number}": Image(exits_with=0, exits_after_s=3.0 * number) for number in range(4)}
PAUSE_S = 10.0
"""For how long the bench waits before another try."""
BAD = "docker.io/library/bad:1"
many = settings(thorough, max_examples=EXAMPLES or 60)
some = settings(thorough, max_examples=EXAMPLES or 5)
"""Whole controllers with up to 60 containers take their time."""
graphs = st.tuples(st.integers(1, 60), st.randoms(use_true_random=False))


def graph(size: int, random: Random, image: str = "one:1") -> DesiredState:
    """Containers of which each may depend on some of those before it, under random conditions."""
    containers: list[Container] = []
    for number in range(size):
        is_job = random.random() < 0.2
        needs = random.sample(containers, min(len(containers), random.choice((0, 0, 1, 1, 2, 3))))
        conditions: list[tuple[str, Condition]] = [(each.name, random.choice(_possible(each))) for each in needs]
        container = Container(
            f"c{number:02}",
            random.choice(sorted(JOBS)) if is_job else image,
            restart=Restart("no" if is_job else "unless-stopped"),
            stable_for=timedelta(seconds=random.choice((0, 1, 2, 4, 8))),
            depends_on=tuple(each.name for each in needs),
            conditions=tuple(conditions),
            run_once=timedelta(minutes=1) if is_job else UNSET,
        )
        containers.append(normal(container))
    return asking(containers)


def _possible(container: Container) -> tuple[Condition, ...]:
    return ("healthy", "started", "completed") if runs_once(container) else ("healthy", "started")


def again(state: DesiredState, random: Random) -> DesiredState:
    """The same containers, most of them with other content."""
    return asking(
        [
            changed(each, env=(("AGAIN", "1"),)) if random.random() < 0.8 else each
            for each in containers_of(state).values()
        ]
    )


# ── through cycles, on the memory engine ───────────────────────────────────────────────────────────────────────────


async def took_s(device: Bench, state: DesiredState) -> float:
    """For how long the device was on its way to a state, in virtual time."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert isinstance(await device.converge(state), Settled), device.said[-4:]
    return loop.time() - begun


def fetching_s(device: Bench, state: DesiredState) -> float:
    """The longest time of all pulls from one registry, of which two are made at once."""
    images = {each.image for each in containers_of(state).values()} - device.engine.world.images.keys()
    seconds = [device.engine.simulation.offered(each).size / device.engine.script.pull_rate for each in images]
    return sum(seconds) / (PLACES - 1) + max(seconds, default=0)


def proof_s(container: Container) -> float:
    """The longest time of a proof that succeeds: looks come in steps."""
    if runs_once(container):
        ends_s = JOBS[container.image].exits_after_s
        return ends_s + look_again_after(container, ends_s)
    return container.stable_for.total_seconds() + look_again_after(container)


def longest_path_s(state: DesiredState, step_s: float) -> float:
    """The time of the slowest chain of dependencies. `step_s`: of all steps of one container but its proof."""
    containers = containers_of(state)
    ready_s: dict[str, float] = {}
    for name in sorted(containers):  # they depend on those before them
        container = containers[name]
        ready_s[name] = step_s + max(
            (_after_s(container, need, containers, ready_s) for need in container.depends_on), default=0
        )
        ready_s[name] += ACTION_S + proof_s(container)
    return max(ready_s.values())


def _after_s(
    container: Container, need: str, containers: Mapping[str, Container], ready_s: Mapping[str, float]
) -> float:
    without = 0 if condition_of(container, need) != "started" else ACTION_S + proof_s(containers[need])
    return ready_s[need] - without


@some
@given(graphs)
def test_it_takes_no_longer_than_the_longest_path_one_proof_and_the_work_over_the_places(
    drawn: tuple[int, Random],
) -> None:
    size, random = drawn
    state = graph(size, random)

    async def scenario(device: Bench) -> None:
        device.engine.script.perform_s = ACTION_S
        device.engine.script.pull_rate = 5e6
        for after in (state, again(state, random)):
            before, fetch_s = len(device.driver.done), fetching_s(device, after)
            took = await took_s(device, after)
            done = device.driver.done[before:]
            work_s = sum(ACTION_S for action in done if not isinstance(action, Proof))
            assert took <= fetch_s + way_s(after, work_s)
            await assert_reached(device, after)

    with bench(JOBS) as device:
        run(scenario(device))


def way_s(state: DesiredState, work_s: float) -> float:
    """The time within which all is proven once all images are there: that of the longest path, of one proof, and of the work
    over the places. `work_s`: of all actions but proofs."""
    proof = max(map(proof_s, containers_of(state).values())) + ACTION_S
    return longest_path_s(state, 6 * ACTION_S) + proof + work_s / PLACES + 4 * ACTION_S


@some
@given(graphs, st.integers(1, 3))
def test_each_fault_costs_no_more_than_its_pause_and_another_way(drawn: tuple[int, Random], most: int) -> None:
    """A step that fails once, for now, and a container that somebody kills: the others are not held up, and there is one
    more way for what is left. Faults of one way share the next."""
    size, random = drawn
    before = graph(size, random)
    after = again(before, random)

    async def scenario(device: Bench) -> None:
        device.engine.script.perform_s = ACTION_S
        assert isinstance(await device.converge(before), Settled)
        faults = Faults(device, random, random.sample(sorted(containers_of(after)), min(size, most)))
        begun = len(device.driver.done)
        took = await took_s(device, after)
        faults.end()
        work_s = sum(ACTION_S for action in device.driver.done[begun:] if not isinstance(action, Proof))
        assert took <= way_s(after, work_s) + faults.struck * (PAUSE_S + way_s(after, work_s))
        await assert_reached(device, after)

    with bench(JOBS) as device:
        run(scenario(device))


class Faults:
    """One for each of these subjects, if it comes to it: its next creation, start or proof fails for now, or it is killed
    within half a minute. `struck`: how many there were."""

    def __init__(self, device: Bench, random: Random, subjects: Collection[str]) -> None:
        self.struck = 0
        self._engine, self._timers = device.engine, list[asyncio.TimerHandle]()
        self._fails: dict[str, type[Action]] = {}
        for subject in subjects:
            if random.random() < 0.5:
                self._fails[subject] = random.choice((Create, Start, Verify))
            else:
                timer = asyncio.get_running_loop().call_later(random.uniform(0.0, 30.0), self._kill, subject)
                self._timers.append(timer)
        device.engine.script.failures.append(self._failure)

    def _failure(self, action: Action) -> Outcome | None:
        if isinstance(action, Create):
            subject = action.container.name
        elif isinstance(action, Start | Verify):
            kept = self._engine.world.containers[action.instance].container
            subject = kept.name if kept is not None else ""
        else:
            return None
        if not isinstance(action, self._fails.get(subject, Pull)):
            return None
        del self._fails[subject]
        self.struck += 1
        return Retry("is scripted to fail once")

    def _kill(self, subject: str) -> None:
        kept = self._engine.simulation.named(subject)
        if kept is not None and kept.state == "running":
            self._engine.kill(subject)
            self.struck += 1

    def end(self) -> None:
        """No further ones."""
        for timer in self._timers:
            timer.cancel()


@some
@given(graphs)
def test_stops_go_the_other_way_round(drawn: tuple[int, Random]) -> None:
    """Of all that are stopped together, those that depend on another stop before it does."""
    size, random = drawn
    state = graph(size, random)
    after = again(state, random)

    async def scenario(device: Bench) -> None:
        device.engine.script.perform_s = ACTION_S
        assert isinstance(await device.converge(state), Settled)
        begun = len(device.driver.done)
        old = {kept.id: kept.container.name for kept in device.own() if kept.container is not None}
        assert isinstance(await device.converge(after), Settled)
        actions = device.driver.done[begun:]
        stopped = [old[action.instance] for action in actions if isinstance(action, End)]
        place = {name: number for number, name in enumerate(stopped)}
        for name, container in containers_of(after).items():
            for need in container.depends_on:
                assert name not in place or need not in place or place[name] < place[need], (
                    f"{need} stops before {name}"
                )

    with bench(JOBS) as device:
        run(scenario(device))


@some
@given(graphs, st.integers(1, 3))
def test_a_failure_stops_exactly_its_dependants(drawn: tuple[int, Random], faults: int) -> None:
    """On a new device, where there is nothing to go back to: all that does not wait for a failure is started and proven."""
    size, random = drawn
    containers = containers_of(graph(size, random))
    bad = {random.choice(sorted(containers)) for _ in range(faults)}
    state = asking([changed(each, image=BAD) if name in bad else each for name, each in containers.items()])

    async def scenario(device: Bench) -> None:
        device.engine.script.perform_s = ACTION_S
        assert isinstance(await device.converge(state), Stalled)
        waiting = waiting_for(bad, containers)
        kept = {each.container.name: each for each in device.own() if each.container is not None}
        assert {name for name, each in kept.items() if not each.started_at} == waiting
        assert {each.name for each in containers.values() if kept[each.name].id in device.driver.proven} == (
            containers.keys() - waiting - bad
        )

    with bench({BAD: Image(exits_with=3, exits_after_s=0.0), **JOBS}) as device:
        run(scenario(device))


def waiting_for(bad: Iterable[str], containers: Mapping[str, Container]) -> set[str]:
    """The containers that cannot be started when these cannot be proven."""
    waiting: set[str] = set()
    for name in sorted(containers):
        container = containers[name]
        for need in container.depends_on:
            is_started = condition_of(container, need) == "started" and need not in waiting
            if not is_started and need in {*waiting, *bad}:
                waiting.add(name)
    return waiting


@some
@given(graphs, st.integers(1, 3))
def test_a_failure_takes_back_its_group_alone(drawn: tuple[int, Random], groups: int) -> None:
    """What depends on a member of it waits until that is at work again, and goes on."""
    size, random = drawn
    before = containers_of(graph(size, random))
    group_of = {name: f"g{random.randrange(groups)}" for name in before}
    bad = random.choice(sorted(before))
    after = {
        name: changed(each, image=BAD, run_once=UNSET, restart=Restart())
        if name == bad
        else changed(each, env=(("AGAIN", "1"),))
        for name, each in before.items()
    }
    gone = {name for name in after if group_of[name] == group_of[bad]}

    async def scenario(device: Bench) -> None:
        device.engine.script.perform_s = ACTION_S
        assert isinstance(await device.converge(grouped(before, group_of)), Settled)
        await device.converge(grouped(after, group_of), good=grouped(before, group_of))
        for name in before:
            (kept,) = [each for each in device.own() if each.container is not None and each.container.name == name]
            assert kept.container is not None
            assert (kept.container.env == ()) is (name in gone), name

    with bench({BAD: Image(exits_with=3, exits_after_s=0.0), **JOBS}) as device:
        run(scenario(device))


def grouped(containers: Mapping[str, Container], group_of: Mapping[str, str]) -> DesiredState:
    documents = [Document("Container", name, each) for name, each in containers.items()]
    for group in sorted(set(group_of.values())):
        members = tuple(sorted(name for name, other in group_of.items() if other == group))
        documents.append(Document("Baseline", group, Baseline(members)))
    return desired_state(documents)


# ── plans, played as the controller does ───────────────────────────────────────────────────────────────────────────


class Played(NamedTuple):
    """The steps of plans in the order of their ends, and, when a member that is at work is stopped, how many of its group are
    away then."""

    ended: list[str]
    away: Counter[str]


def play(
    plan: Plan,
    random: Random,
    group_of: Mapping[str, str],
    away: set[str],
    places: int | None = None,
    down: Collection[str] = (),
    blockers: Mapping[str, set[str]] = {},
) -> Played:
    """Play all stages with random durations. `away`: members that are not at work at the beginning, and count. A stop of one
    that is `down` takes nothing away. `blockers`: members that are down, and the subjects without which they cannot be started;
    they count from when all of these are back."""
    ended: list[str] = []
    most: Counter[str] = Counter()
    proves = {step.subject for stage in plan.stages for step in stage.steps if isinstance(step.action, Verify)}
    blocked = {name: set(of) for name, of in blockers.items()}
    for stage in plan.stages:
        schedule = Schedule(stage, places or random.randint(1, 9))
        _play_stage(stage, schedule, proves, random, group_of, away, most, ended, down, blocked)
    return Played(ended, most)


def _play_stage(
    stage: Stage,
    schedule: Schedule,
    proves: set[str],
    random: Random,
    group_of: Mapping[str, str],
    away: set[str],
    most: Counter[str],
    ended: list[str],
    down: Collection[str],
    blocked: dict[str, set[str]],
) -> None:
    now, number = 0.0, 0
    steps = {step.id: step for step in stage.steps}
    running: list[tuple[float, int, str]] = []
    while True:
        for step in schedule.begin():
            if isinstance(step.action, End) and step.subject in group_of and step.subject not in down:
                away.add(step.subject)
                group = group_of[step.subject]
                most[group] = max(most[group], sum(group_of.get(each) == group for each in away))
            number += 1
            heappush(running, (now + random.choice((0.1, 1.0, 3.0)), number, step.id))
        if not running:
            break
        now, _, id_ = heappop(running)
        step = steps[id_]
        if isinstance(step.action, Verify) or (isinstance(step.action, Start) and step.subject not in proves):
            away.discard(step.subject)
            blocked.pop(step.subject, None)
            for name in [name for name, of in blocked.items() if step.subject in of]:
                blocked[name].discard(step.subject)
                if not blocked[name]:
                    away.add(name)
        ended.append(id_)
        schedule.ended(step, well=True)


def seen_of(
    containers: Iterable[Container], down: set[str], images: Iterable[str], restless: Collection[str] = ()
) -> ContainersSeen:
    """`restless`: of those that are down, the ones that keep ending, and are started again each time."""
    states: dict[str, State] = {each: "restarting" if each in restless else "exited" for each in down}
    found = (
        ContainerSeen(
            f"#{each.name}",
            each.name,
            each.name,
            "sha256:old",
            states.get(each.name, "running"),
            each,
            exit_code=int(each.name in restless),
        )
        for each in containers
    )
    return ContainersSeen("", containers=tuple(found), images=dict.fromkeys(images, "sha256:new"))


@many
@given(graphs, st.sampled_from((1, 2, 3, 7, 60, "10%", "50%")), st.floats(0, 0.5))
def test_never_more_members_are_away_than_their_group_allows(
    drawn: tuple[int, Random], most: int | str, share_down: float
) -> None:
    """Members that are down at the beginning count. Those that depend on members of their own group that have to be switched
    first count from when these are back, where one may be away. Some have ended, and others keep ending; some are changed."""
    size, random = drawn
    before = containers_of(graph(size, random))
    group_of = {name: random.choice("gh") for name in before if random.random() < 0.8}
    down = {name for name, each in before.items() if random.random() < share_down and not runs_once(each)}
    restless = {name for name in down if random.random() < 0.5}
    unchanged = {name for name in down if random.random() < 0.5}
    after = {name: each if name in unchanged else changed(each, env=(("AGAIN", "1"),)) for name, each in before.items()}
    number, share = (most, UNSET) if isinstance(most, int) else (UNSET, int(most.rstrip("%")))
    members = {group: tuple(sorted(name for name, other in group_of.items() if other == group)) for group in "gh"}
    rules = {group: Baseline(names, most_away=number, most_away_percent=share) for group, names in members.items()}
    documents = [Document("Container", name, each) for name, each in after.items()]
    state = desired_state([*documents, *(Document("Baseline", name, rule) for name, rule in rules.items())])
    reconciler = Containers()
    seen = seen_of(before.values(), down, {each.image for each in after.values()}, restless)
    memory = ContainersMemory(proven={each.id: "" for each in seen.containers if each.name not in restless})
    plan = reconciler.plan(reconciler.diff(reconciler.select(state), seen, memory), seen, memory)
    assert_sound(plan)
    switched = {step.subject for stage in plan.stages for step in stage.steps if isinstance(step.action, End)} - down
    independent = {name for name in down if name in group_of and not behind(name, after) & switched}
    dependent = {name: behind(name, after) & switched for name in down - independent if name in group_of}
    # Another group may be quicker than the one that waits for it; of several that wait for one, each would take a place.
    alone = {
        name
        for name, needs in dependent.items()
        if all(group_of.get(each, "") in ("", group_of[name]) for each in needs)
    }
    blockers = {name: dependent[name] for name in alone} if most == 1 else {}
    played = play(plan, random, group_of, set(independent), down=down, blockers=blockers)
    assert sorted(played.ended) == sorted(step.id for stage in plan.stages for step in stage.steps), "it does not end"
    for group, rule in rules.items():
        allowed = rule.most_of(len(rule.members))
        assert allowed is not None
        assert played.away[group] <= allowed


def test_a_member_that_keeps_ending_is_switched_before_any_that_is_at_work() -> None:
    """It is away already, although its instance has to be stopped: the others were stopped beside it."""
    before = {f"c{number}": normal(Container(f"c{number}", "one:1")) for number in range(8)}
    after = {name: changed(each, env=(("AGAIN", "1"),)) for name, each in before.items()}
    seen = seen_of(before.values(), set(), {"docker.io/library/one:1"})
    bad = [changed(each, state="restarting", exit_code=1) if each.name == "c4" else each for each in seen.containers]
    seen = changed(seen, containers=tuple(bad))
    memory = ContainersMemory(proven={each.id: "" for each in seen.containers if each.name != "c4"})
    rule = Document("Baseline", "g", Baseline(tuple(before), most_away=1))
    state, reconciler = desired_state([*asking(list(after.values())).documents, rule]), Containers()
    plan = reconciler.plan(reconciler.diff(reconciler.select(state), seen, memory), seen, memory)
    for seed in range(10):
        assert play(plan, Random(seed), dict.fromkeys(before, "g"), {"c4"}, places=9).away["g"] == 1


@pytest.mark.parametrize("state", ["exited", "restarting"])
def test_one_that_is_down_goes_before_others_as_soon_as_what_it_depends_on_is_switched(state: State) -> None:
    """Another was stopped meanwhile: two were away, and the one that was down stayed so for longer."""
    before = {name: normal(Container(name, "one:1")) for name in ("a", "b", "c")}
    before["d"] = normal(Container("d", "one:1", depends_on=("c",)))
    after = {name: changed(each, env=(("AGAIN", "1"),)) for name, each in before.items()}
    seen = seen_of(before.values(), {"d"}, {"docker.io/library/one:1"}, {"d"} if state == "restarting" else ())
    memory = ContainersMemory(proven={each.id: "" for each in seen.containers if each.name != "d"})
    rule = Document("Baseline", "g", Baseline(tuple(before), most_away=1))
    wanted, reconciler = desired_state([*asking(list(after.values())).documents, rule]), Containers()
    plan = reconciler.plan(reconciler.diff(reconciler.select(wanted), seen, memory), seen, memory)
    for seed in range(10):
        ended = play(plan, Random(seed), {}, set(), places=9).ended
        proofs = [each.removeprefix("verify:") for each in ended if each.startswith("verify:")]
        assert proofs == ["c", "d", "a", "b"]
        assert ended.index("verify:d") < ended.index("stop:#a") < ended.index("verify:a") < ended.index("stop:#b")


def behind(name: str, containers: Mapping[str, Container]) -> set[str]:
    """All that a container depends on, directly or not."""
    found: set[str] = set()
    names = list(containers[name].depends_on)
    while names:
        if (need := names.pop()) not in found:
            found.add(need)
            names += containers[need].depends_on
    return found


def test_without_a_limit_all_members_are_switched_at_once() -> None:
    """The law above can fail: there is nothing else that bounds how many are away."""
    before = {f"c{number}": normal(Container(f"c{number}", "one:1")) for number in range(9)}
    after = {name: changed(each, env=(("AGAIN", "1"),)) for name, each in before.items()}
    seen = seen_of(before.values(), set(), {"docker.io/library/one:1"})
    memory = ContainersMemory(proven={each.id: "" for each in seen.containers})
    for rule, most in ((Baseline(tuple(before)), 9), (Baseline(tuple(before), most_away=4), 4)):
        state = desired_state([*asking(list(after.values())).documents, Document("Baseline", "g", rule)])
        reconciler = Containers()
        plan = reconciler.plan(reconciler.diff(reconciler.select(state), seen, memory), seen, memory)
        assert play(plan, Random(1), dict.fromkeys(before, "g"), set(), places=9).away["g"] == most


@many
@given(graphs)
def test_no_plan_waits_for_itself_whatever_depended_on_what_before(drawn: tuple[int, Random]) -> None:
    """Dependencies turned around, subjects that nobody asks for any more, ports that change hands, groups with limits."""
    size, random = drawn
    one, other = containers_of(graph(size, random)), containers_of(graph(size, random))
    ports = list(range(8000, 8000 + size))
    names = {name: f"c{size - 1 - int(name[1:]):02}" for name in one}
    before = [
        changed(
            each,
            name=names[each.name],
            depends_on=tuple(names[need] for need in each.depends_on),
            conditions=UNSET,
            ports=_port(ports, random),
        )
        for each in one.values()
    ]
    random.shuffle(ports := list(range(8000, 8000 + size)))
    after = [changed(each, ports=_port(ports, random)) for each in other.values()]
    gone = {each.name for each in after if random.random() < 0.2}
    kept = [
        changed(
            each,
            depends_on=tuple(need for need in each.depends_on if need not in gone),
            conditions=UNSET,
        )
        for each in after
        if each.name not in gone
    ]
    rule = Baseline(tuple(each.name for each in kept if random.random() < 0.7), most_away=random.randint(1, 3))
    state = desired_state([*asking(kept).documents, Document("Baseline", "g", rule)])
    seen = seen_of(map(normal, before), set(), {each.image for each in kept})
    memory = ContainersMemory(proven={each.id: "" for each in seen.containers})
    reconciler = Containers()
    plan = reconciler.plan(reconciler.diff(reconciler.select(state), seen, memory), seen, memory)
    assert_sound(plan)
    ended = play(plan, random, {}, set()).ended
    assert sorted(ended) == sorted(step.id for stage in plan.stages for step in stage.steps)


def _port(ports: list[int], random: Random) -> tuple[Port, ...]:
    host = ports.pop()
    return (Port(host, 80, host_port_end=host),) if random.random() < 0.5 else ()
