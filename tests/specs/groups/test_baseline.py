"""Kind `Baseline`, from text to normal form, with the places of its faults."""

from __future__ import annotations

import pytest

from evenkeel.specs.desired import DesiredState
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.problem import Problem, errors, problem_text

CONTAINER = """\
apiVersion: evenkeel/v1
kind: Container
metadata: {{name: {name}, labels: {{tier: {tier}}}}}
spec: {{image: nginx}}
---
"""
CONTAINERS = CONTAINER.format(name="web", tier="front") + CONTAINER.format(name="db", tier="back")


def group(name: str, spec: str) -> str:
    return f"apiVersion: evenkeel/v1\nkind: Baseline\nmetadata: {{name: {name}}}\nspec:\n{spec}---\n"


def read(*texts: str) -> tuple[DesiredState, tuple[Problem, ...]]:
    return desired_from([decode_file(text.encode(), f"{index}.yaml") for index, text in enumerate(texts)])


def test_members_and_labels() -> None:
    spec = "  members: [web, db]\n  memberLabels: {tier: front, a: b}\n  allOrNothing: false\n"
    state, problems = read(CONTAINERS, group("drive", spec))
    assert not problems or not errors(problems)
    (found,) = [each.wanted for each in state.documents if each.kind == "Baseline"]
    assert found == Baseline(("db", "web"), (("a", "b"), ("tier", "front")), all_or_nothing=False)


def test_a_group_without_members() -> None:
    _, problems = read(group("drive", "  allOrNothing: true\n"))
    assert [problem_text(each) for each in problems] == [
        "0.yaml:4:1: spec: a group without members; write `members:` or `memberLabels:`"
    ]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("  member: [web]\n", "unknown key `member`; did you mean `members`?"),
        ("  members: web\n", "spec.members: expected a list, got a text"),
    ],
)
def test_a_slip_in_the_members_is_one_problem(spec: str, problem: str) -> None:
    _, problems = read(CONTAINERS, group("drive", spec))
    assert len(problems) == 1
    assert problem in problem_text(problems[0])


def test_an_unknown_member_is_a_warning_with_the_nearest_name() -> None:
    state, problems = read(CONTAINERS, group("drive", "  members: [wbe, db]\n"))
    (problem,) = problems
    assert (problem.place.file, problem.place.line, problem.severity) == ("1.yaml", 5, "warning")
    assert "`wbe`" in problem.message
    assert "`web`" in problem.hint
    assert any(each.kind == "Baseline" for each in state.documents)


def test_a_subject_in_two_groups_is_an_error_at_both_places() -> None:
    texts = group("drive", "  members: [web]\n"), group("comfort", "  memberLabels: {tier: front}\n")
    _, problems = read(CONTAINERS, *texts)
    found = {each.place.file: each for each in errors(problems)}
    assert found.keys() == {"1.yaml", "2.yaml"}
    assert "`comfort`" in found["1.yaml"].message
    assert found["2.yaml"].path == "spec.memberLabels"
    assert "2.yaml:5" in found["1.yaml"].hint
    assert "`drive`" in found["2.yaml"].message
    assert "1.yaml:5" in found["2.yaml"].hint


def test_a_key_that_is_not_known() -> None:
    _, problems = read(group("drive", "  member: [web]\n"))
    assert any("`member`" in each.message and "members" in each.hint for each in problems)


def test_all_labels_are_needed() -> None:
    state, _ = read(CONTAINERS)
    web = state.containers()["web"]
    assert Baseline(labels=(("tier", "front"),)).has("web", web)
    assert not Baseline(labels=(("tier", "front"), ("x", "y"))).has("web", web)
    assert not Baseline().has("web", web)
