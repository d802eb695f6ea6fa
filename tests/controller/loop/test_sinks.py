"""JSON Lines: each number once, on the disk, whatever happens to the process or the file."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.until import soon

from evenkeel.controller.sinks import jsonl
from evenkeel.controller.sinks.jsonl import JsonLines
from evenkeel.specs.feedback import Feedback
from evenkeel.templates.entry_json import entry_json


def entries(first: int, last: int, at: float = 1.0) -> list[Feedback]:
    return [Feedback("plan", f"entry {number}", seq=number, at=at) for number in range(first, last + 1)]


def take(sink: JsonLines, found: list[Feedback]) -> None:
    asyncio.run(sink.take(found))


def numbers(file: Path) -> list[int]:
    return [json.loads(line)["seq"] for line in file.read_text().splitlines()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log" / "events.jsonl"


def test_entries_are_appended_in_order(file: Path) -> None:
    sink = JsonLines(str(file))
    take(sink, entries(1, 3))
    take(sink, entries(4, 5))
    assert numbers(file) == [1, 2, 3, 4, 5]
    assert oct(file.stat().st_mode)[-3:] == "640"


def test_what_was_written_and_not_confirmed_is_not_written_again(file: Path) -> None:
    take(JsonLines(str(file)), entries(1, 3))
    take(JsonLines(str(file)), entries(1, 5))
    assert numbers(file) == [1, 2, 3, 4, 5]


@given(st.integers(0, 400))
def test_a_write_cut_off_anywhere_is_mended(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    file = tmp_path_factory.mktemp("cut") / "events.jsonl"
    whole = b"".join(entry_json(entry) + b"\n" for entry in entries(1, 6))
    file.write_bytes(whole[:length])
    take(JsonLines(str(file)), entries(1, 8))
    assert numbers(file) == list(range(1, 9))


def test_a_new_journal_begins_anew_and_loses_nothing(file: Path) -> None:
    take(JsonLines(str(file)), entries(1, 9, at=1.0))
    take(JsonLines(str(file)), entries(1, 2, at=2.0))
    assert numbers(file) == [*range(1, 10), 1, 2]


def test_a_file_that_is_rotated_is_begun_anew(file: Path) -> None:
    sink = JsonLines(str(file))
    take(sink, entries(1, 2))
    file.rename(file.with_name("events.jsonl.1"))
    take(sink, entries(3, 4))
    file.unlink()
    take(sink, entries(5, 5))
    assert numbers(file.with_name("events.jsonl.1")) == [1, 2]
    assert numbers(file) == [5]


def test_a_disk_that_is_full_is_said_and_nothing_is_lost(file: Path) -> None:
    sink = JsonLines("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        take(sink, entries(1, 2))
    with pytest.raises(OSError, match="No space left"):
        take(sink, entries(1, 2))


def test_what_is_no_entry_of_ours_is_left_alone(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("hello\n")
    take(JsonLines(str(file)), entries(1, 1))
    assert file.read_text().startswith('hello\n{"kind":"plan"')


def test_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    take(JsonLines("-"), entries(1, 2))
    assert [json.loads(line)["seq"] for line in capfd.readouterr().out.splitlines()] == [1, 2]


def test_it_does_not_keep_descriptors(file: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    sink = JsonLines(str(file))
    for number in range(1, 30):
        take(sink, entries(number, number))
        file.unlink()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_a_slow_disk_keeps_the_loop_from_nothing_and_no_line_is_written_twice(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write is cut off while the disk takes its time, and the same entries come again."""
    slow, sync = threading.Event(), os.fsync

    def fsync(handle: int) -> None:
        slow.wait(60)
        sync(handle)

    async def work() -> None:
        sink = JsonLines(str(file))
        await sink.take(entries(1, 2))
        monkeypatch.setattr(os, "fsync", fsync)
        first = asyncio.create_task(sink.take(entries(3, 5)))
        await soon(lambda: len(numbers(file)) == 5)
        first.cancel()
        second = asyncio.create_task(sink.take(entries(3, 6)))
        await asyncio.sleep(0)  # the loop turns
        assert not second.done()
        slow.set()
        await second

    asyncio.run(work())
    assert numbers(file) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("cut", [0, 1, 500_000, 2_999_000])
def test_a_long_last_line_is_mended_like_any(file: Path, cut: int) -> None:
    found = [
        Feedback("started", "hello", seq=1),
        Feedback("source-broken", "x" * 3_000_000, seq=2),
        Feedback("settled", "ok", seq=3),
    ]
    take(JsonLines(str(file)), found[:2])
    os.truncate(file, file.stat().st_size - cut)
    take(JsonLines(str(file)), found[1:])
    assert numbers(file) == [1, 2, 3]


def test_a_file_that_nobody_rotates_is_rotated(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the process ends before anything is confirmed, each number once: two files, neither much over the bound."""
    monkeypatch.setattr(jsonl, "MOST_BYTES", 2000)
    older = file.with_name("events.jsonl.1")
    seen: list[int] = []
    for number in range(1, 101):
        take(JsonLines(str(file)), entries(max(number - 2, 1), number))
        assert file.stat().st_size < 2300
        seen += [found for found in numbers(file) if found not in seen]
    assert seen == list(range(1, 101))
    both = [*numbers(older), *numbers(file)]
    assert both == list(range(both[0], 101))
    assert older.stat().st_size < 2300
