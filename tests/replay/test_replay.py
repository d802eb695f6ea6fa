"""What was said to Kanto's Containers Update Agent is said to evenkeel, and the answers are compared word by word.

They are equal, or `differences.txt` has the difference and names the row of docs/compatibility.md that says why; and that row
names the recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest
from tests.controller.agents.harness import DEVICES
from tests.virtual import run

from .bench import play_in_memory
from .differences import COMPATIBILITY, Declared, declared, difference, rows
from .player import recorded
from .recording import recordings

RECORDINGS = recordings()
DECLARED = declared()
ROWS = rows(COMPATIBILITY.read_text())
_NOTHING = Declared((), ())


def _keys() -> dict[str, list[str]]:
    """Place of a mapping → its keys in the original's order; `progress` stands where the types of Kanto have it."""
    sorters: dict[str, TopologicalSorter[str]] = {}
    orders = {(".payload.actions", ("status", "progress")), (".payload.actions", ("progress", "message"))}
    for place, keys in orders.union(*(recorded(each).key_orders for each in RECORDINGS.values())):
        sorter = sorters.setdefault(place, TopologicalSorter())
        for before, key in zip(("", *keys), keys, strict=False):
            sorter.add(key, *filter(None, [before]))
    return {place: list(sorter.static_order()) for place, sorter in sorters.items()}


KEYS = _keys()


@pytest.fixture(autouse=True)
def _scrap() -> Iterator[None]:
    yield
    while DEVICES:
        DEVICES.pop().scrap()


def test_all_recordings_are_here() -> None:
    assert len(RECORDINGS) == 89
    assert sum(len(each.lines) for each in RECORDINGS.values()) == 2415


def test_the_order_of_keys_is_known() -> None:
    assert KEYS[""] == ["activityId", "timestamp", "payload"]
    assert KEYS[".payload.actions"] == ["component", "status", "progress", "message"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_answers_are_those_of_the_original_or_differ_as_declared(name: str) -> None:
    """After a change on purpose `python -m tests.replay` writes what differs now: read it before you commit it."""
    recording = RECORDINGS[name]
    ours = run(play_in_memory(recording))
    found = difference(recorded(recording).lines, ours.lines)
    assert "\n".join(found) == "\n".join(DECLARED.get(name, _NOTHING).difference)
    wrong = [(place, keys) for place, keys in ours.key_orders if list(keys) != sorted(keys, key=KEYS[place].index)]
    assert not wrong, "keys stand in another order than in the original"


@pytest.mark.parametrize("name", ["currentstate-get", "currentstate-get-verbose"])
def test_six_containers_are_reported_to_the_letter(name: str) -> None:
    """A container that ends with 1 at once is a failure here, and then all six are undone. One that does so after the
    activity is reported, and so are the others."""
    recording = RECORDINGS[name]
    assert difference(recorded(recording).lines, run(play_in_memory(recording, late="ended")).lines) == ()


def test_no_difference_is_declared_for_what_is_equal_or_unknown() -> None:
    assert set(DECLARED) <= set(RECORDINGS)
    assert not [name for name, found in DECLARED.items() if not found.difference]


@pytest.mark.parametrize("name", DECLARED)
def test_a_difference_is_explained_by_rows_that_name_the_recording(name: str) -> None:
    assert DECLARED[name].because, "say why"
    for because in DECLARED[name].because:
        matching = [row for title, row in ROWS if title.startswith(because)]
        assert len(matching) == 1, f"{len(matching)} rows of {COMPATIBILITY.name} begin with {because!r}"
        assert f"`{name}`" in matching[0], f"the row {because!r} does not name {name}"


def test_a_row_names_only_recordings_that_differ_for_its_reason() -> None:
    for title, row in ROWS:
        named = {name for name in RECORDINGS if f"`{name}`" in row}
        assert named == {name for name, found in DECLARED.items() if any(map(title.startswith, found.because))}, title


def test_the_document_counts_what_is_equal() -> None:
    equal = len(RECORDINGS) - len(DECLARED)
    assert f"{equal} of the {len(RECORDINGS)} are answered to the letter" in COMPATIBILITY.read_text()


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
