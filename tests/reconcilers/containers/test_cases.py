"""Every case: its differences and its plan, as a snapshot that a person has read.

What holds for all of them is asserted here, too: the order of what is read does not matter, a plan survives being stored, and
a case in which nothing happens says why.
"""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from evenkeel.specs.codec import changed, decode, encode
from evenkeel.specs.desired import desired_state

from .case import Case, all_cases, decide, desired_of, plan_text, seen_of

CASES = dict(all_cases())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_case(case: Case, snapshot: SnapshotAssertion) -> None:
    desired = desired_of(case)
    seen, memory = seen_of(case, desired)
    differences, plan = decide(case, desired, seen, memory)
    text = plan_text(plan)
    assert f"{case.why}\n{text}" == snapshot
    assert bool(plan.stages) != bool(case.nothing_because), text
    for secret in case.hidden:
        assert secret not in text
        assert secret in case.desired + str(case.observed), "nothing to hide"

    turned = changed(seen, containers=seen.containers[::-1])
    assert decide(case, desired_state(desired.documents[::-1]), turned, memory) == (differences, plan)
    assert decode(encode(plan), dict)["domain"] == "containers", "it is a value"


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 70
