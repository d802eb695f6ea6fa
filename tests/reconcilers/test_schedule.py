"""Which steps of a stage may begin: in order of needs, few at once, proofs without a place, and no source takes all."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from tests.sampling import examples

from evenkeel.reconcilers.schedule import Schedule
from evenkeel.reconcilers.staging import stages
from evenkeel.specs.containers.actions import Pull, Start, Verify
from evenkeel.specs.containers.container import Container
from evenkeel.specs.plan import Phase, Stage, Step


def start(id_: str, *needs: str, subject: str = "") -> Step:
    return Step(id_, subject or id_, Phase.ACTIVATE, Start(id_), needs)


def watch(id_: str, *needs: str) -> Step:
    return Step(id_, id_, Phase.VERIFY, Verify(id_, Container(id_, "docker.io/library/web:1")), needs)


def pull(image: str) -> Step:
    return Step(image, image, Phase.DOWNLOAD, Pull(image, "IfNotPresent"))


def schedule(*steps: Step, places: int = 2) -> Schedule:
    return Schedule(Stage(steps[0].phase, steps), places)


def ids(steps: list[Step]) -> list[str]:
    return [step.id for step in steps]


def test_few_at_once_and_in_order() -> None:
    one, two, three = start("1"), start("2"), start("3")
    work = schedule(one, two, three)
    assert ids(work.begin()) == ["1", "2"]
    assert work.begin() == []
    work.ended(two, well=False)
    assert ids(work.begin()) == ["3"]


def test_a_chain_that_was_begun_is_ended_before_another_is_begun() -> None:
    steps = [start(f"{what} {name}", *needs, subject=name) for name in "abc" for what, needs in _chain(name)]
    (stage,) = stages(steps)
    work = Schedule(stage, 1)
    begun = []
    while now := work.begin():
        begun += ids(now)
        work.ended(*now, well=True)
    assert begun == ["stop a", "start a", "stop b", "start b", "stop c", "start c"]


def _chain(name: str) -> list[tuple[str, tuple[str, ...]]]:
    return [("stop", ()), ("start", (f"stop {name}",))]


def test_nothing_begins_whose_need_has_not_ended_well() -> None:
    one, two, three = start("1"), start("2", "1"), start("3", "2")
    work = schedule(one, two, three)
    assert ids(work.begin()) == ["1"]
    work.ended(one, well=False)
    assert work.begin() == []


def test_a_need_that_is_not_in_the_stage_is_met() -> None:
    assert ids(schedule(start("1", "gone")).begin()) == ["1"]


def test_a_proof_takes_no_place() -> None:
    one, two = start("1"), start("2")
    proofs = [watch(f"v{number}") for number in range(5)]
    work = schedule(*proofs, one, two, places=1)
    assert ids(work.begin()) == ["v0", "v1", "v2", "v3", "v4", "1"]
    work.ended(proofs[0], well=True)
    assert work.begin() == []
    work.ended(one, well=True)
    assert ids(work.begin()) == ["2"]


def test_one_source_never_takes_all_places() -> None:
    slow = [pull(f"slow.example/{name}:1") for name in "abc"]
    other = pull("z.example/a:1")
    work = schedule(*slow, other, places=3)
    assert ids(work.begin()) == [slow[0].id, other.id, slow[1].id]
    work.ended(other, well=True)
    assert work.begin() == []
    work.ended(slow[0], well=True)
    assert ids(work.begin()) == [slow[2].id]


@pytest.mark.parametrize("places", [1, 2, 3, 8])
def test_no_source_waits_for_another_one(places: int) -> None:
    """Each has a place of its own; the others are shared, and first come to those of which the fewest are at work."""
    slow = [pull(f"{source}.example/{number}:1") for source in "ab" for number in range(3)]
    last = pull("z.example/a:1")
    begun = ids(schedule(*slow, last, places=places).begin())
    assert begun[:3] == ["a.example/0:1", "b.example/0:1", "z.example/a:1"]
    assert len(begun) == min(max(places, 3), 7)


def test_what_is_tried_again_comes_after_what_was_not_tried_yet() -> None:
    one, two, three = (pull(f"a.example/{name}:1") for name in "abc")
    work = schedule(one, two, three, places=1)
    assert ids(work.begin()) == [one.id]
    work.ended(one, well=False)
    work.again(one, 1)
    assert ids(work.begin()) == [two.id]
    assert work.has_ready(below=1)
    work.ended(two, well=True)
    assert ids(work.begin()) == [three.id]
    assert not work.has_ready(below=1)
    assert work.has_ready(below=2)
    work.ended(three, well=True)
    assert ids(work.begin()) == [one.id]


@pytest.mark.parametrize("seed", range(examples(30)))
def test_fetches_from_a_source_take_no_longer_than_alone_one_by_one(seed: int) -> None:
    """Sources of very different speed: each is done within the time of its own fetches, however slow others are, and no more
    are at work than there are places and sources."""
    dice = random.Random(seed)
    places, sources = dice.randint(1, 5), [f"s{number}.example" for number in range(dice.randint(1, 8))]
    slowness = {source: dice.choice((1, 1, 10, 1000)) for source in sources}
    steps = [pull(f"{dice.choice(sources)}/{number}:1") for number in range(dice.randint(1, 40))]
    dice.shuffle(steps)
    seconds = {step.id: slowness[step.action.traits.source] * dice.randint(1, 20) for step in steps}
    work, by_id = Schedule(Stage(Phase.DOWNLOAD, tuple(steps)), places), {step.id: step for step in steps}
    now, running, ended = 0, dict[str, int](), dict[str, int]()
    while True:
        for step in work.begin():
            running[step.id] = now + seconds[step.id]
        of = Counter(by_id[each].action.traits.source for each in running)
        assert max(of.values(), default=0) <= max(places - 1, 1)
        assert len(running) <= places + len(sources) - 1
        if not running:
            break
        now = min(running.values())
        for each in [each for each, until in running.items() if until == now]:
            del running[each]
            ended[each] = now
            work.ended(by_id[each], well=True)
    assert ended.keys() == by_id.keys()
    for source in sources:
        own = [step.id for step in steps if step.action.traits.source == source]
        assert max((ended[each] for each in own), default=0) <= sum(seconds[each] for each in own)


def test_what_needs_a_step_begins_when_that_ends_well_at_last() -> None:
    one, two = start("1"), start("2", "1")
    work = schedule(one, two)
    work.begin()
    work.ended(one, well=False)
    assert work.begin() == []
    work.again(one, 1)
    assert ids(work.begin()) == ["1"]
    work.ended(one, well=True)
    assert ids(work.begin()) == ["2"]


@pytest.mark.parametrize("seed", range(examples(30)))
def test_any_graph_ends_within_its_longest_path_and_its_share_of_the_places(seed: int) -> None:
    """Steps of random graphs, with random durations and failures: each begins after its needs, no more run than there are
    places, none waits while it could run, and exactly the dependants of failures are left out."""
    dice = random.Random(seed)
    names = [f"s{number:02}" for number in range(dice.randint(1, 60))]
    steps, seconds, fails = list[Step](), dict[str, int](), set[str]()
    for number, name in enumerate(names):
        needs = dice.sample(names[:number], min(number, dice.choice((0, 0, 1, 2, 3))))
        steps.append(watch(name, *needs) if dice.random() < 0.3 else start(name, *needs))
        seconds[name] = dice.randint(1, 20)
        if dice.random() < 0.05:
            fails.add(name)
    places = dice.randint(1, 5)
    work, by_id = Schedule(Stage(Phase.ACTIVATE, tuple(steps)), places), {step.id: step for step in steps}
    now, running, ended = 0, dict[str, int](), dict[str, int]()
    while True:
        for step in work.begin():
            assert all(ended.get(need, now + 1) <= now and need not in fails for need in step.needs)
            running[step.id] = now + seconds[step.id]
        assert sum(isinstance(by_id[each].action, Start) for each in running) <= places
        if not running:
            break
        now = min(running.values())
        for each in [each for each, until in running.items() if until == now]:
            del running[each]
            ended[each] = now
            work.ended(by_id[each], well=each not in fails)
    left_out = _dependants(steps, fails)
    assert ended.keys() == set(names) - left_out
    work_s = sum(seconds[each] for each in ended if isinstance(by_id[each].action, Start))
    assert now <= _longest(steps, seconds) + work_s / places


def _dependants(steps: list[Step], of: set[str]) -> set[str]:
    found = set[str]()
    for step in steps:  # in order of needs
        if found.union(of).intersection(step.needs):
            found.add(step.id)
    return found


def _longest(steps: list[Step], seconds: dict[str, int]) -> int:
    path = dict[str, int]()
    for step in steps:
        path[step.id] = seconds[step.id] + max((path[need] for need in step.needs), default=0)
    return max(path.values())
