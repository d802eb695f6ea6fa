"""Many names in few words, none lost in the count."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from evenkeel.reconcilers.counted import counted, listed, reasons
from evenkeel.specs.feedback import Feedback, is_about, is_surely_about

DOWN = "is not running (exit code 0)"


def test_thirty_that_ail_alike_are_one_sentence() -> None:
    """U19."""
    states = {f"base{number}": DOWN for number in range(30)} | {"web": "is paused"}
    assert counted(states) == f"each of 30 {DOWN}: base0, base1, base10 and 27 more; web is paused"
    assert reasons(states.items()) == f"base0, base1, base10 and 27 more: {DOWN}; web: is paused"
    assert counted({"b": "fails", "a": "fails"}) == "a fails; b fails"


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.sampled_from(["is ill", "is down"]), max_size=30))
def test_nobody_is_missing_and_the_order_is_no_matter(states: dict[str, str]) -> None:
    text = counted(states)
    assert text == counted(dict(reversed(states.items())))
    for why in set(states.values()):
        names = {name for name, each in states.items() if each == why}
        count = re.search(rf"each of (\d+) {why}: ", text)
        assert int(count[1]) == len(names) if count else all(f"{name} {why}" in text for name in names)


@given(st.sets(st.text("abc", min_size=1, max_size=3), max_size=20), st.integers(1, 10))
def test_a_list_is_as_long_as_it_says(names: set[str], most: int) -> None:
    text = listed(names, most)
    more = re.search(r" and (\d+) more$", text)
    assert len(text.split(", ")) + (int(more[1]) if more else 0) == max(len(names), 1)


def test_a_thousand_different_reasons_are_cut() -> None:
    text = reasons((f"a{number}", f"it ended with exit code {number}") for number in range(1000))
    assert text.endswith("; and 988 more of this kind")
    assert len(text) < 600


def test_who_is_counted_and_not_named_is_found_by_its_name() -> None:
    """`events base5` and `describe container base5` passed over what had happened to thirty."""
    states = {f"base{number}": DOWN for number in range(30)}
    for entry in (Feedback("health", counted(states)), Feedback("revision-failed", reasons(states.items()))):
        assert all(is_about(entry, subject) for subject in states)
        assert [subject for subject in sorted(states) if is_surely_about(entry, subject)] == [
            "base0",
            "base1",
            "base10",
        ]
    few = Feedback("health", counted({"base0": DOWN, "base1": DOWN}))
    assert [is_about(few, subject) for subject in ("base0", "base1", "base5")] == [True, True, False]
    assert not is_about(Feedback("source-broken", "a.yaml:1:1: no; and 27 more"), "base5"), (
        "problems, and no containers"
    )
    assert not is_about(Feedback("step-failed", "base0, base1, base10 and 27 more", subject="web"), "base5")
