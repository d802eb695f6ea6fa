"""Revisions that are kept beside the file: decoded once, bounded, and never in the place of what the file has."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.controller.journal.rig import asking

from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.controller.journal.revisions import Revisions
from evenkeel.specs.codec import decode, encode
from evenkeel.specs.desired import DesiredState


class Decoding:
    """Reads states and counts the readings of each."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, content: bytes) -> DesiredState:
        self.count += 1
        return decode(content, DesiredState)


def test_cycles_that_go_between_two_states_decode_each_once() -> None:
    known, decoding = Revisions[str](), Decoding()
    states = {role: asking(role) for role in ("desired", "last-good")}
    for _ in range(10):
        for role, state in states.items():
            known.learn(role, state.digest, encode(state), "files", "")
            assert known.state(state.digest, decoding) == state
    assert decoding.count == 2


def test_the_two_states_that_were_read_last_are_kept() -> None:
    known, decoding = Revisions[str](), Decoding()
    first, second, third = states = [asking(name) for name in ("one", "two", "three")]
    for state in states:
        known.learn(state.digest, state.digest, encode(state), "files", "")
    for state in (first, second, first, third):
        known.state(state.digest, decoding)
    assert decoding.count == 3
    assert known.state(first.digest, decoding) == first
    assert decoding.count == 3, "it was read after the second one"
    assert known.state(second.digest, decoding) == second
    assert decoding.count == 4


def test_a_state_without_a_role_is_not_kept() -> None:
    known, decoding = Revisions[str](), Decoding()
    one, two = asking("one"), asking("two")
    for state in (one, two, one):
        known.learn("desired", state.digest, encode(state), "files", "")
        assert known.state(state.digest, decoding) == state
    assert decoding.count == 3


def test_a_state_that_cannot_be_decoded_is_never_kept() -> None:
    known, decoding = Revisions[str](), Decoding()
    known.learn("desired", "a", b"{", "files", "")
    for _ in range(2):
        with pytest.raises(ValueError, match="truncated"):
            known.state("a", decoding)
    assert decoding.count == 2


def test_places_that_another_process_wrote_are_seen(journal: Journal, state: Path) -> None:
    journal.put("desired", asking("one"), "files")
    assert journal.revision("desired") == asking("one")
    other = open_journal(state)
    other.put("desired", asking("one", line=7), "files")
    other.close()
    assert journal.revision("desired") == asking("one", line=7)
