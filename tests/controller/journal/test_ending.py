"""What the status tells of activities that have ended."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from evenkeel.controller.journal.ending import forget_ended, tell_ended, tell_refused
from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.specs.feedback import Condition


def ended(journal: Journal) -> Condition | None:
    return next((each for each in journal.conditions() if each.name == "ActivityCompleted"), None)


def test_each_end_has_its_own_time(tmp_path: Path) -> None:
    """N33: `no since 44 s` stood beside the name of an activity that had just ended, because the one before failed, too."""
    now = [100.0]
    with closing(open_journal(tmp_path, lambda: now[0])) as journal:
        tell_ended(journal, "containers", "night-1", "INCOMPLETE", "no such image")
        now[0] = 144.0
        tell_ended(journal, "containers", "night-2", "INCOMPLETE", "no such image")
        told = ended(journal)
        assert told is not None
        assert (told.since, told.message) == (144.0, "activity night-2: INCOMPLETE, no such image")
        now[0] = 150.0
        tell_refused(journal, "containers", "night-3", "it has no domain", 150.0)
        told = ended(journal)
        assert told is not None
        assert told.since == 144.0, "what is refused is no end"


def test_what_was_refused_is_told_after_a_release(tmp_path: Path) -> None:
    """N34: the refusal of a desired state vanished with the end of the activity before it."""
    with closing(open_journal(tmp_path, lambda: 100.0)) as journal:
        tell_ended(journal, "containers", "night-1", "INCOMPLETE", "no such image")
        tell_refused(journal, "containers", "night-2", "it has no domain", 100.0)
        forget_ended(journal, "containers")
        told = ended(journal)
        assert told is not None
        assert (told.holds, told.reason) == (True, "Released")
        assert "night-1" not in told.message
        assert told.refused is not None
        assert "night-2: it has no domain" in told.refused.text
        tell_ended(journal, "containers", "night-3", "COMPLETED", "")
        forget_ended(journal, "containers")
        assert ended(journal) is None
