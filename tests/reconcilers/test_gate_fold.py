"""Gates and folds, as tables."""

from __future__ import annotations

import pytest

from evenkeel.reconcilers.fold import Decision, GiveUp, GoOn, TryAgain, blocked, fold
from evenkeel.reconcilers.gate import Go, Wait, gate
from evenkeel.specs.containers.actions import Pull, Start
from evenkeel.specs.plan import Difference, Done, Failed, Outcome, Phase, Plan, Retry, Stage, Step

CREATE = Stage(
    Phase.UPDATE, (Step("a", "left", Phase.UPDATE, Start("1")), Step("b", "right", Phase.UPDATE, Start("2")))
)
FETCH = Stage(Phase.DOWNLOAD, (Step("a", "left", Phase.DOWNLOAD, Pull("x", "Always")),))


def plan(*stages: Stage) -> Plan:
    return Plan("containers", (), stages)


def test_without_stages_there_is_nothing_to_let_through() -> None:
    assert gate(plan()) is None


def test_all_gates_are_open_unless_somebody_commands() -> None:
    assert gate(plan(FETCH, CREATE)) == Go(FETCH)


def test_a_closed_gate_says_what_it_waits_for() -> None:
    assert gate(plan(CREATE), lambda step: False) == Wait("UPDATE of left, right has not been commanded")


def test_a_gate_lets_through_what_is_open_of_the_first_stage_only() -> None:
    assert gate(plan(CREATE), lambda step: step.subject == "right") == Go(Stage(Phase.UPDATE, CREATE.steps[1:]))
    assert isinstance(gate(plan(FETCH, CREATE), lambda step: step.phase == Phase.UPDATE), Wait)


@pytest.mark.parametrize(
    ("stage", "outcomes", "failures", "is_last_good", "decision"),
    [
        (CREATE, {"a": Done(), "b": Done()}, 0, False, GoOn()),
        (CREATE, {"a": Done()}, 0, False, GoOn()),  # b was cut short by a stop, which is no failure
        (CREATE, {}, 0, False, GoOn()),
        (CREATE, {"a": Done(), "b": Failed("no")}, 0, False, GiveUp("right: no", {"right": "no"})),
        (CREATE, {"a": Retry("later"), "b": Failed("no")}, 0, False, GiveUp("right: no; left: later", {"right": "no"})),
        (CREATE, {"a": Retry("later", 7), "b": Retry("soon", 3)}, 0, False, TryAgain("left: later; right: soon", 7)),
        (CREATE, {"a": Retry("later")}, 3, False, TryAgain("left: later", 0)),
        (CREATE, {"a": Retry("later")}, 4, False, GiveUp("left: later (tried 5 times)", {"left": "later"})),
        (FETCH, {"a": Retry("offline", 30)}, 1000, False, TryAgain("left: offline", 30)),
        (FETCH, {"a": Failed("no such image")}, 0, False, GiveUp("left: no such image", {"left": "no such image"})),
        (CREATE, {"a": Failed("no")}, 0, True, TryAgain("left: no", 0)),
        (CREATE, {"a": Retry("later", 7)}, 1000, True, TryAgain("left: later", 0)),
        (CREATE, {"a": Done(), "b": Done()}, 0, True, GoOn()),
    ],
)
def test_outcomes_become_one_decision(
    stage: Stage, outcomes: dict[str, Outcome], failures: int, is_last_good: bool, decision: Decision
) -> None:
    assert fold(stage, outcomes, failures=failures, tries=5, is_last_good=is_last_good) == decision


@pytest.mark.parametrize(
    ("outcome", "changes", "sick", "decision"),
    [
        (Failed("no"), {"right"}, {"left"}, TryAgain("left: no", 0, False)),
        (Retry("later", 7), {"right"}, {"left"}, TryAgain("left: later", 7, False)),
        (Failed("no"), {"right"}, None, TryAgain("left: no", 0, False)),
        (Failed("no"), {"right"}, frozenset(), GiveUp("left: no", {"left": "no"})),
        (Failed("no"), {"left"}, {"left"}, GiveUp("left: no", {"left": "no"})),
        (Failed("no"), None, {"left"}, GiveUp("left: no", {"left": "no"})),
        (Retry("broke", defect=True), {"right"}, frozenset(), TryAgain("left: broke", 0, False)),
        (Retry("broke", defect=True), {"left"}, frozenset(), TryAgain("left: broke", 0)),
    ],
)
def test_a_revision_fails_by_what_it_changes(
    outcome: Outcome, changes: set[str] | None, sick: set[str] | None, decision: Decision
) -> None:
    """A1. `left` fails; it counts where the revision changes it, or where it was well before."""
    found = fold(
        CREATE, {"a": outcome, "b": Done()}, failures=0, tries=5, is_last_good=False, changes=changes, sick=sick
    )
    assert found == decision


def test_the_blame_is_on_what_is_changed_alone() -> None:
    outcomes: dict[str, Outcome] = {"a": Failed("no"), "b": Failed("neither")}
    found = fold(CREATE, outcomes, failures=0, tries=5, is_last_good=False, changes={"right"}, sick={"left"})
    assert found == GiveUp("right: neither", {"right": "neither"})


def test_what_is_blocked_is_why_a_plan_without_steps_is_not_settled() -> None:
    differences = (
        Difference("a", "keep", "system"),
        Difference("b", "blocked", "stranger"),
        Difference("c", "blocked", "b"),
    )
    assert blocked(Plan("containers", differences)) == "b: stranger; c: b"
    assert blocked(Plan("containers", differences[:1])) == ""
