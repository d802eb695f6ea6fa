"""What was said to an original agent is said to evenkeel, and the answers are compared word by word.

They are equal, or a file of differences has the difference and names the row of docs/compatibility.md that says why; and
that row names the recording.
"""

from __future__ import annotations

import pytest

from .differences import COMPATIBILITY, Declared, declared, difference, rows
from .originals import ORIGINALS, Original

DECLARED = {original.agent: declared(original.file) for original in ORIGINALS}
ROWS = rows(COMPATIBILITY.read_text())
_NOTHING = Declared((), ())

each_original = pytest.mark.parametrize("original", ORIGINALS, ids=[original.agent for original in ORIGINALS])
each_recording = pytest.mark.parametrize(
    ("original", "name"),
    [pytest.param(each, name, id=f"{each.agent}/{name}") for each in ORIGINALS for name in each.recordings()],
)
each_difference = pytest.mark.parametrize(
    ("original", "name"),
    [pytest.param(each, name, id=f"{each.agent}/{name}") for each in ORIGINALS for name in DECLARED[each.agent]],
)


def test_all_recordings_are_here() -> None:
    all_ = [original.recordings().values() for original in ORIGINALS]
    counts = [(len(found), sum(len(each.lines) for each in found)) for found in all_]
    assert counts == [(89, 2415), (21, 218), (60, 1302)]


@each_recording
def test_answers_are_those_of_the_original_or_differ_as_declared(original: Original, name: str) -> None:
    """After a change on purpose `python -m tests.replay` writes what differs now: read it before you commit it."""
    found = original.play(original.recordings()[name])
    assert "\n".join(found.differs) == "\n".join(DECLARED[original.agent].get(name, _NOTHING).difference)
    assert not found.misplaced, "keys stand in another order than in the original"


@each_original
def test_no_difference_is_declared_for_what_is_equal_or_unknown(original: Original) -> None:
    assert set(DECLARED[original.agent]) <= set(original.recordings())
    assert not [name for name, found in DECLARED[original.agent].items() if not found.difference]


@each_difference
def test_a_difference_is_explained_by_rows_that_name_the_recording(original: Original, name: str) -> None:
    found = DECLARED[original.agent][name]
    assert found.because, "say why"
    for because in found.because:
        matching = [row for title, row in ROWS if title.startswith(because)]
        assert len(matching) == 1, f"{len(matching)} rows of {COMPATIBILITY.name} begin with {because!r}"
        assert original.reference(name) in matching[0], f"the row {because!r} does not name {name}"


@each_original
def test_a_row_names_only_recordings_that_differ_for_its_reason(original: Original) -> None:
    differing = DECLARED[original.agent]
    for title, row in ROWS:
        named = {name for name in original.recordings() if original.reference(name) in row}
        assert named == {name for name, found in differing.items() if any(map(title.startswith, found.because))}, title


@each_original
def test_the_document_counts_what_is_equal(original: Original) -> None:
    all_ = len(original.recordings())
    equal = all_ - len(DECLARED[original.agent])
    assert f"{equal} of the {all_} are answered to the letter" in COMPATIBILITY.read_text()


def test_difference_tells_what_was_said_before() -> None:
    original = ["> act-1 desiredstate {}", "act-1 IDENTIFIED", "    lamp 1 IDENTIFIED: new", "> act-1 DOWNLOAD"]
    ours = ["> act-1 desiredstate {}", "act-1 IDENTIFIED", "    lamp 1 IDENTIFIED: old", "> act-1 DOWNLOAD", "act-1 X"]
    assert difference(original, original) == ()
    assert difference(original, ours) == (
        "  > act-1 desiredstate {}",
        "  act-1 IDENTIFIED",
        "-     lamp 1 IDENTIFIED: new",
        "+     lamp 1 IDENTIFIED: old",
        "  > act-1 DOWNLOAD",
        "+ act-1 X",
    )
