"""The journal's files stay small, come back to that by themselves after a burst, and are left alone at rest."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.controller.stage import OnStage, Stage, asking

from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import Journal, keep_journal, open_journal, read_journal
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.specs.feedback import Feedback

MIB = 1024**2


def size(state: Path) -> int:
    """Of all files of the journal but the index of its log, which lies in memory."""
    return sum(file.stat().st_size for file in state.glob(f"{FILE}*") if not file.name.endswith("-shm"))


def burst(journal: Journal, messages: int) -> None:
    """Large messages come in and are dealt with, and answers go out."""
    for number in range(messages):
        journal.mailbox("containers").take_in("t", b"%d" % number + os.urandom(MIB))
    while (message := journal.mailbox("containers").incoming()) is not None:
        journal.mailbox("containers").record(None, [Outgoing("a", b"x" * MIB)], message)
    while (answer := journal.outbox.oldest()) is not None:
        journal.outbox.sent(answer[0])


def everyday_life(journal: Journal) -> None:
    """The log begins anew with the write behind the one that filled it."""
    for number in range(3):
        journal.say(Feedback("started", f"{number}"))


def test_the_files_come_back_after_a_burst(tmp_path: Path) -> None:
    with closing(keep_journal(tmp_path)) as journal:
        journal.say(Feedback("started", "before"))
        burst(journal, 12)
        journal.say(Feedback("started", "after"))
        assert size(tmp_path) < MIB // 1.5
        assert journal.is_durable, "a file that was given back was not cut short"
        assert [entry.message for entry in journal.entries()] == ["before", "after"]


def test_a_reader_hinders_it_only_while_it_reads(tmp_path: Path) -> None:
    with closing(keep_journal(tmp_path)) as journal:
        with closing(read_journal(tmp_path)) as reader:
            assert reader.entries() == ()
            reader._database.connection.execute("BEGIN")
            assert reader.entries() == ()
            burst(journal, 4)
        everyday_life(journal)
        assert size(tmp_path) < MIB // 1.5
        assert journal.is_durable


def test_ten_thousand_entries_take_three_megabytes(tmp_path: Path) -> None:
    """The default of `events.keep`, of ordinary steps; and what they were trimmed from."""
    with closing(keep_journal(tmp_path)) as journal:
        for batch in range(110):
            with journal.at_once():
                for number in range(100):
                    journal.say(_ordinary(batch, number))
            journal.trim(10_000, ())
        assert len(journal.entries(limit=100_000)) == 10_000
        assert size(tmp_path) < 3 * MIB


def _ordinary(batch: int, number: int) -> Feedback:
    subject = f"component-{number:02}"
    return Feedback(
        "step-done",
        "",
        domain="containers",
        revision="0123456789abcdef",
        cycle=f"containers-{batch}",
        subject=subject,
        phase="create",
        step=f"create-{subject}",
        seconds=0.123,
    )


def old_file(state: Path, fill: Callable[[sqlite3.Connection], None] = lambda connection: None) -> None:
    """A journal as it was laid out before, with large pages and a file that never shrinks."""
    open_journal(state).close()
    with closing(sqlite3.connect(state / FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA auto_vacuum = 0")
        connection.execute("VACUUM")
        fill(connection)
        assert connection.execute("PRAGMA auto_vacuum").fetchone()[0] == 0


def full_of_nothing(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO outbox (topic, payload, retain, latest) VALUES ('t', zeroblob(20000000), 0, 0)")
    connection.execute("DELETE FROM outbox")


def test_a_file_of_an_earlier_version_shrinks_when_it_is_opened(tmp_path: Path) -> None:
    old_file(tmp_path, full_of_nothing)
    assert size(tmp_path) > 20_000_000
    with closing(keep_journal(tmp_path)) as journal:
        journal.say(Feedback("started", "before"))
        burst(journal, 4)
        everyday_life(journal)
        assert size(tmp_path) < MIB
        assert journal.is_durable


def test_without_room_a_file_of_an_earlier_version_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_file(tmp_path)
    real = os.statvfs

    def statvfs(path: Any) -> os.statvfs_result:
        found = list(real(path))
        found[4] = MIB // found[1]  # one MiB is free
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "statvfs", statvfs)
    with closing(keep_journal(tmp_path)) as journal:
        journal.say(Feedback("started", "it works"))
        assert journal.is_durable
        assert journal._database.one("PRAGMA auto_vacuum")[0] == 0


def test_a_file_that_was_given_back_and_then_cut_short_is_noticed(tmp_path: Path) -> None:
    with closing(keep_journal(tmp_path)) as journal:
        burst(journal, 2)
        for number in range(300):
            journal.say(Feedback("started", f"{number} {'x' * 500}"))
        journal._database.one("PRAGMA wal_checkpoint")
        assert journal.is_durable
        os.truncate(tmp_path / FILE, (tmp_path / FILE).stat().st_size - 32 * 1024)
        journal.check()
        assert journal.loss is not None
        assert journal.loss.trouble.reason == "Damaged"


def test_a_settled_device_writes_nothing(on_stage: OnStage) -> None:
    def files(state: Path) -> dict[str, tuple[int, int, bytes]]:
        found = [file for file in state.glob(f"{FILE}*") if not file.name.endswith("-shm")]
        return {file.name: (file.stat().st_size, file.stat().st_mtime_ns, file.read_bytes()) for file in found}

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "db:1"))
        found = []
        for at in (120, 3700):
            stage.at(at, lambda: found.append((stage.engine.looks, files(stage.state))))
        await stage.play(3720)
        assert stage.conditions()["Settled"]
        (early, before), (late, after) = found
        assert late >= early + 50
        assert after == before

    on_stage(work)
