"""Steps become stages: phases in order, needs met, nothing lost, and the same for any order of input."""

from __future__ import annotations

import random
from graphlib import CycleError

import pytest

from evenkeel.reconcilers.staging import stages
from evenkeel.specs.containers.actions import Remove
from evenkeel.specs.plan import Phase, Step


def step(id_: str, phase: Phase, *needs: str) -> Step:
    return Step(id_, id_, phase, Remove(id_), needs)


def ids(*steps: Step) -> list[tuple[str, list[str]]]:
    return [(stage.phase.value, [step.id for step in stage.steps]) for stage in stages(steps)]


def test_no_steps_make_no_stages() -> None:
    assert ids() == []


def test_phases_are_barriers() -> None:
    assert ids(
        step("remove", Phase.CLEANUP),
        step("start", Phase.ACTIVATE),
        step("create", Phase.UPDATE),
        step("pull", Phase.DOWNLOAD),
        step("verify", Phase.VERIFY, "start"),
    ) == [
        ("DOWNLOAD", ["pull"]),
        ("UPDATE", ["create"]),
        ("ACTIVATE", ["start"]),
        ("VERIFY", ["verify"]),
        ("CLEANUP", ["remove"]),
    ]


def test_steps_without_needs_stand_in_order_of_subject_and_id() -> None:
    assert ids(step("b", Phase.UPDATE), step("a", Phase.UPDATE)) == [("UPDATE", ["a", "b"])]


def test_needs_within_a_phase_set_the_order_of_its_stage() -> None:
    assert ids(step("a", Phase.UPDATE, "b"), step("b", Phase.UPDATE)) == [("UPDATE", ["b", "a"])]


def test_proofs_that_nothing_waits_for_come_after_a_look() -> None:
    assert ids(
        step("start a", Phase.ACTIVATE),
        step("verify a", Phase.VERIFY, "start a"),
        step("stop b", Phase.ACTIVATE),
        step("start b", Phase.ACTIVATE, "stop b"),
        step("verify b", Phase.VERIFY, "start b"),
        step("start c", Phase.ACTIVATE, "verify a"),
        step("verify z", Phase.VERIFY),
    ) == [
        ("ACTIVATE", ["start a", "stop b", "start b", "verify a", "start c"]),
        ("VERIFY", ["verify b", "verify z"]),
    ]


def test_the_steps_of_a_subject_follow_each_other() -> None:
    steps = [
        Step(f"{what} {name}", name, Phase.ACTIVATE, Remove(name), needs)
        for name in "ba"
        for what, needs in (("start", (f"stop {name}",)), ("stop", ()))
    ]
    assert ids(*steps) == [("ACTIVATE", ["stop a", "start a", "stop b", "start b"])]


def test_a_stage_in_which_something_starts_is_one_of_starts() -> None:
    assert ids(step("verify a", Phase.VERIFY), step("start b", Phase.ACTIVATE, "verify a")) == [
        ("ACTIVATE", ["verify a", "start b"])
    ]


def test_a_need_of_another_rank_is_met_by_the_barrier() -> None:
    assert ids(step("b", Phase.CLEANUP, "a"), step("a", Phase.VERIFY, "gone")) == [
        ("VERIFY", ["a"]),
        ("CLEANUP", ["b"]),
    ]


def test_steps_that_wait_for_each_other_are_a_bug() -> None:
    with pytest.raises(CycleError):
        stages([step("a", Phase.ACTIVATE, "b"), step("b", Phase.VERIFY, "a")])


def test_the_order_of_input_does_not_matter() -> None:
    steps = [
        step(f"{phase.value} {n}", phase, *([f"{phase.value} {n - 3}"] if n > 2 else []))
        for phase in Phase
        for n in range(9)
    ]
    expected = stages(steps)
    assert sorted(s.id for stage in expected for s in stage.steps) == sorted(s.id for s in steps)
    for seed in range(20):
        random.Random(seed).shuffle(steps)
        assert stages(steps) == expected
