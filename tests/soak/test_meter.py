"""The meter sees what grows: a soak that cannot fail shows nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.soak.meter import BOUNDS, Mark, Meter, row_counts

from evenkeel.controller.journal.journal import empty_journal
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.memory import Memory

_MIB = 1024**2
_WHOLE = 10_000
_FLAT = Mark(0, 60 * _MIB, 300_000, 16, 12, 2 * _MIB, 256 * 1024, {"feedback": 100, "attempt": 10})


def measured(end: Mark) -> Meter:
    """A meter that measured the same twice, and then this."""
    meter = Meter("units", _WHOLE, Path("nowhere"))
    meter.marks = [
        _FLAT._replace(done=_WHOLE // 10),
        _FLAT._replace(done=_WHOLE // 2),
        end._replace(done=_WHOLE),
    ]
    return meter


def test_what_stays_as_it_is_passes() -> None:
    measured(_FLAT).check()


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (_FLAT._replace(memory=_FLAT.memory + _WHOLE // 2 * 1024 + 4 * _MIB), "memory grows"),
        (_FLAT._replace(blocks=_FLAT.blocks + _WHOLE // 2 + 20_000), "objects are kept"),
        (_FLAT._replace(descriptors=_FLAT.descriptors + 3), "descriptors stay open"),
        (_FLAT._replace(tasks=_FLAT.tasks + 3), "tasks go on"),
        (_FLAT._replace(file=_FLAT.file + _MIB), "the journal grows"),
        (_FLAT._replace(log=2 * _MIB), "the log of the journal grows"),
        (_FLAT._replace(rows={"attempt": BOUNDS["attempt"] + 1}), "rows beyond their bounds"),
        (_FLAT._replace(rows={"memory.unknown": 1}), "rows beyond their bounds"),
    ],
)
def test_what_grows_fails(end: Mark, why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        measured(end).check()


def test_a_soak_that_was_not_measured_to_its_end_fails() -> None:
    meter = measured(_FLAT)
    meter.marks.pop()
    with pytest.raises(AssertionError):
        meter.check()


def test_every_table_and_every_fact_has_its_bound() -> None:
    """A table of another name is one whose growth nobody would see, until the soak runs."""
    journal = empty_journal()
    facts = set(ContainersMemory.__struct_fields__) - set(Memory.__struct_fields__)
    assert set(BOUNDS) == set(row_counts(journal)) | {f"memory.{fact}" for fact in facts}
    journal.close()
