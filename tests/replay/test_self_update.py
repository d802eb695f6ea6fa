"""What was said to Leda's Self Update Agent is said to evenkeel, and the answers are compared word by word.

They are equal, or `self_update_differences.txt` has the difference and names the row of docs/compatibility.md that says
why; and that row names the recording.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.virtual import run

from .differences import COMPATIBILITY, SELF_UPDATE_FILE, Declared, declared, difference, rows
from .recording import SELF_UPDATE, recordings
from .self_update import played, recorded

pytestmark = pytest.mark.virtual

RECORDINGS = recordings(SELF_UPDATE)
DECLARED = declared(SELF_UPDATE_FILE)
ROWS = rows(COMPATIBILITY.read_text())
_NOTHING = Declared((), ())


def test_all_recordings_are_here() -> None:
    assert len(RECORDINGS) == 21
    assert sum(len(each.lines) for each in RECORDINGS.values()) == 218


@pytest.mark.parametrize("name", RECORDINGS)
def test_answers_are_those_of_the_original_or_differ_as_declared(name: str, tmp_path: Path) -> None:
    """After a change on purpose `python -m tests.replay` writes what differs now: read it before you commit it."""
    found = difference(recorded(RECORDINGS[name]), run(played(RECORDINGS[name], tmp_path)))
    assert "\n".join(found) == "\n".join(DECLARED.get(name, _NOTHING).difference)


def test_no_difference_is_declared_for_what_is_equal_or_unknown() -> None:
    assert set(DECLARED) <= set(RECORDINGS)
    assert not [name for name, found in DECLARED.items() if not found.difference]


@pytest.mark.parametrize("name", DECLARED)
def test_a_difference_is_explained_by_rows_that_name_the_recording(name: str) -> None:
    assert DECLARED[name].because, "say why"
    for because in DECLARED[name].because:
        matching = [row for title, row in ROWS if title.startswith(because)]
        assert len(matching) == 1, f"{len(matching)} rows of {COMPATIBILITY.name} begin with {because!r}"
        assert f"`self-update-agent/{name}`" in matching[0], f"the row {because!r} does not name {name}"


def test_a_row_names_only_recordings_that_differ_for_its_reason() -> None:
    for title, row in ROWS:
        named = {name for name in RECORDINGS if f"`self-update-agent/{name}`" in row}
        assert named == {name for name, found in DECLARED.items() if any(map(title.startswith, found.because))}, title


def test_the_document_counts_what_is_equal() -> None:
    equal = len(RECORDINGS) - len(DECLARED)
    assert f"{equal} of the {len(RECORDINGS)} are answered to the letter" in COMPATIBILITY.read_text()
