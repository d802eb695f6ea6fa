"""What is remembered of a revision, in sentences."""

from __future__ import annotations

from pathlib import Path

from evenkeel.controller.cycle.preview import revision_notes
from evenkeel.controller.journal.journal import open_journal
from evenkeel.specs.desired import desired_state


def test_failures_are_counted_in_words(tmp_path: Path) -> None:
    journal, state = open_journal(tmp_path), desired_state(())
    try:
        assert revision_notes(journal, ["containers"], state) == ()
        found = []
        for _ in range(2):
            journal.attempts.count(state.digest, "no answer")
            found += revision_notes(journal, ["containers"], state)
    finally:
        journal.close()
    assert found == [
        f"revision {state.digest} failed once so far: no answer",
        f"revision {state.digest} failed 2 times so far: no answer",
    ]
