"""What a process and its journal take after so much work, and whether that has stopped growing.

A mark is taken at a tenth, at half and at the end of the work. What grows by the first half is warming up, and the tables that
fill to their bounds (docs/reference/bounds.md). Between half and the end nothing may grow beyond a slack that is far below one
KiB, one object, one row or one descriptor for each unit of work.

`EVENKEEL_SOAK=1` is the whole size. An ordinary run does the same in small, so that the soak itself stays sound.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import Journal

SOAK = os.environ.get("EVENKEEL_SOAK", "") not in ("", "0")
KEEP = 10_000 if SOAK else 100
"""Entries of feedback that stay: the default of `events.keep`, or so few that a small run fills them."""
BOUNDS = {
    "revision": 4,
    "role": 4,
    "attempt": 1000,
    "sick_before": 8,
    "memory.made": 8,
    "memory.proven": 8,
    "memory.stopped": 8,
    "memory.watched": 8,
    "memory.switch_s": 4,
    "memory.adopted": 0,
    "memory.kept": 8,
    "feedback": KEEP + KEEP // 10 + 50,
    "cursor": 2,
    "condition": 16,
    "activity": 1,
    "operation": 1,
    "activity_part": 64,
    "inbox": 1000,
    "set_aside": 8,
    "outbox": 1500,
    "told": 64,
    "dealt": 3 * 64,
    "retained": 3,
    "last_failure": 4,
}
"""Rows that a table of the journal may have with two containers; between two entries of the clean-up a turn says some more.
What domains remember is in one table, and bounded by fact."""

_KIB, _MIB = 1024, 1024**2
_MORE_MEMORY, _MORE_BLOCKS = (_MIB // 2, 500) if SOAK else (4 * _MIB, 20_000)
"""What may come on top, whatever is kept: pages that malloc does not give back, caches. A small run is all warming up."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Mark(NamedTuple):
    """What is taken after `done` units. `blocks`: of Python's small objects; what is larger shows in `memory`, in bytes."""

    done: int
    memory: int
    blocks: int
    descriptors: int
    tasks: int
    file: int
    log: int
    rows: Mapping[str, int]


class Meter:
    """Marks of one soak of `whole` units of work, with a journal in `state`."""

    def __init__(self, what: str, whole: int, state: Path) -> None:
        self.what, self.whole, self._state = what, whole, state
        self.marks: list[Mark] = []
        self._at = {whole // 10, whole // 2, whole}

    def look(self, done: int, journal: Journal) -> None:
        """Take a mark when it is time for one."""
        if done in self._at:
            self.marks.append(self._mark(done, journal))

    def _mark(self, done: int, journal: Journal) -> Mark:
        gc.collect()
        journal._database.one("PRAGMA shrink_memory")  # SQLite's cache grows with the file, up to 2 MB
        with suppress(AttributeError):  # of another libc than glibc
            ctypes.CDLL(None).malloc_trim(0)  # what is free is given back: what stays is in use
        log = self._state / f"{FILE}-wal"
        return Mark(
            done,
            resident(),
            sys.getallocatedblocks(),
            len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a Path opens no other descriptor, but says less
            len(asyncio.all_tasks()),
            (self._state / FILE).stat().st_size,
            log.stat().st_size if log.exists() else 0,
            row_counts(journal),
        )

    def check(self) -> None:
        """AssertionError where something grows or is beyond its bound."""
        assert [mark.done for mark in self.marks] == sorted(self._at)
        for mark in self.marks:
            beyond = {name: count for name, count in mark.rows.items() if count > BOUNDS.get(name, 0)}
            assert not beyond, f"rows beyond their bounds after {mark.done} {self.what}: {beyond}"
        _, half, end = self.marks
        units = end.done - half.done
        # A unit that keeps one object, or a quarter of a KiB, is beyond these.
        assert end.blocks - half.blocks <= _MORE_BLOCKS + units // 5, "objects are kept"
        assert end.memory - half.memory <= _MORE_MEMORY + units * _KIB // 4, "memory grows"
        assert end.descriptors <= half.descriptors + 2, "descriptors stay open"
        assert end.tasks <= half.tasks + 2, "tasks go on"
        assert end.file <= half.file + 256 * _KIB, "the journal grows"
        assert end.log <= max(half.log, _MIB), "the log of the journal grows"

    def show(self) -> None:
        """Print what was measured."""
        print(
            f"\n{self.what:>12} {'memory KiB':>11} {'objects':>9} {'fds':>4} {'tasks':>6} {'file KiB':>9} {'WAL KiB':>8}  rows"
        )
        for mark in self.marks:
            rows = ", ".join(f"{name} {count}" for name, count in mark.rows.items() if count)
            print(
                f"{mark.done:>12,} {mark.memory // _KIB:>11,} {mark.blocks:>9,} {mark.descriptors:>4} {mark.tasks:>6}"
                f" {mark.file // _KIB:>9,} {mark.log // _KIB:>8,}  {rows}"
            )


def row_counts(journal: Journal) -> dict[str, int]:
    """The rows of each table of a journal, and of each fact that a domain remembers."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    tables = [name for (name,) in journal._database.all(query) if name != "memory"]
    rows = {name: int(journal._database.one(f"SELECT count(*) FROM {name}")[0]) for name in tables}
    facts = journal._database.all("SELECT fact, count(*) FROM memory GROUP BY fact")
    return rows | {f"memory.{fact}": int(count) for fact, count in facts}


def resident() -> int:
    """Bytes of memory of this process that are in use now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


@contextmanager
def unrecorded() -> Iterator[None]:
    """The log is made and kept by nobody: pytest would keep every record to the end of a test. Within the test, because before
    it pytest looks for loggers that do not propagate."""
    log, nobody = logging.getLogger("evenkeel"), logging.NullHandler()
    log.addHandler(nobody)
    log.propagate = False
    try:
        yield
    finally:
        log.propagate = True
        log.removeHandler(nobody)
