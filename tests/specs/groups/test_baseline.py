"""Kind `Baseline`, from text to normal form, with the places of its faults."""

from __future__ import annotations

import pytest

from evenkeel.specs.codec import plain
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


@pytest.mark.parametrize(("written", "of_nine", "of_one"), [("2", 2, 2), ("25%", 2, 1), ("1%", 1, 1), ("100%", 9, 1)])
def test_how_many_members_may_be_away(written: str, of_nine: int, of_one: int) -> None:
    state, problems = read(CONTAINERS, group("drive", f"  members: [web, db]\n  maxUnavailable: {written}\n"))
    assert not errors(problems)
    (found,) = [each.wanted for each in state.documents if isinstance(each.wanted, Baseline)]
    assert (found.most_of(9), found.most_of(1)) == (of_nine, of_one)
    assert Baseline(("db", "web")).most_of(9) is None


def test_a_group_without_a_limit_is_called_what_it_was_called_before_there_were_limits() -> None:
    state, _ = read(CONTAINERS, group("drive", "  members: [web, db]\n"))
    (found,) = [each.wanted for each in state.documents if isinstance(each.wanted, Baseline)]
    assert plain(found).keys() == {"type", "members", "labels", "all_or_nothing"}


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("0", "expected a number from 1 to 1000000, got 0"),
        ("half", "the text `half` does not fit; expected a number, for example 2, or a share from 1% to 100%"),
        ("0%", "the text `0%` does not fit; expected a number, for example 2, or a share from 1% to 100%"),
        ("101%", "the text `101%` does not fit; expected a number, for example 2, or a share from 1% to 100%"),
        (
            "0.5",
            "expected a whole number or a text, got a number; write a number, for example 2, or a share, for example 25%",
        ),
        (
            "true",
            "expected a whole number or a text, got true or false; write a number, for example 2, or a share, for example 25%",
        ),
    ],
)
def test_a_limit_that_is_none(written: str, complaint: str) -> None:
    _, problems = read(CONTAINERS, group("drive", f"  members: [web]\n  maxUnavailable: {written}\n"))
    assert [problem_text(each).partition(": ")[2] for each in errors(problems)] == [f"spec.maxUnavailable: {complaint}"]


def test_preconditions_are_kept_as_they_were_written_and_change_no_digest_where_there_are_none() -> None:
    def wanted(spec: str) -> Baseline:
        state, problems = read(CONTAINERS, group("drive", f"  members: [web, db]\n{spec}"))
        assert not errors(problems)
        (found,) = [each.wanted for each in state.documents if isinstance(each.wanted, Baseline)]
        return found

    text = "AND(device.mode=MAINTENANCE,speed<5)"
    assert wanted(f'  preconditions: "{text}"\n').conditions == text
    assert wanted('  preconditions: " "\n') == wanted("") == Baseline(("db", "web"))
    assert "preconditions" not in plain(wanted(""))


def test_preconditions_that_are_no_text() -> None:
    _, problems = read(CONTAINERS, group("drive", "  members: [web]\n  preconditions: [parked]\n"))
    assert [problem_text(each) for each in problems] == ["1.yaml:6:3: spec.preconditions: expected a text, got a list"]
