"""A controller whose state directory is lost beneath it: full, broken, removed, replaced, damaged, or taken by another one."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.controller.stage import RESYNC_S, OnStage, Stage, asking
from tests.memories import adopt, memory, remember

from evenkeel.controller.journal import database, integrity
from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import Journal, keep_journal, open_journal, read_journal
from evenkeel.controller.journal.lock import Lock, holder
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.specs.errors import Busy, JournalError
from evenkeel.specs.feedback import Condition, Feedback


class Disk:
    """No file of this process can grow, as on a full disk; without root, and for all disks at once."""

    @staticmethod
    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    @staticmethod
    def free() -> None:
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )


@pytest.fixture
def disk() -> Iterator[Disk]:
    yield Disk()
    Disk.free()


def numbers(state: Path) -> list[int]:
    with closing(read_journal(state)) as journal:
        return [entry.seq for entry in journal.entries(limit=100_000)]


def check_whole(stage: Stage) -> None:
    """What is on the disk is what the controller knows, without a gap, and all is well."""
    journal = stage.journal
    assert journal.is_durable
    assert numbers(stage.state) == list(range(1, journal.last_seq() + 1))
    assert [entry.seq for entry in stage.sink.taken] == numbers(stage.state)
    with closing(read_journal(stage.state)) as reader:
        assert reader.conditions() == journal.conditions()
        assert reader.revision("desired") == journal.revision("desired")
        assert reader.digest("last-good") == journal.digest("last-good")
        assert memory(reader) == memory(journal)
    assert all(stage.conditions().values()), stage.conditions()


Harm = Callable[[Stage], Callable[[], object]]
"""Takes the state directory away, and returns what gives it back."""


def full(stage: Stage) -> Callable[[], object]:
    Disk.fill()
    return Disk.free


def removed(stage: Stage) -> Callable[[], object]:
    shutil.rmtree(stage.state)
    return lambda: None


def moved(stage: Stage) -> Callable[[], object]:
    stage.state.rename(f"{stage.state}-elsewhere")
    return lambda: None


def in_the_way(stage: Stage) -> Callable[[], object]:
    """Something else lies where the directory was, for a while."""
    stage.state.rename(f"{stage.state}-elsewhere")
    stage.state.touch()
    return stage.state.unlink


def journal_removed(stage: Stage) -> Callable[[], object]:
    for file in stage.state.glob(f"{FILE}*"):
        file.unlink()
    return lambda: None


def log_removed(stage: Stage) -> Callable[[], object]:
    stage.state.joinpath(f"{FILE}-wal").unlink()
    return lambda: None


def cut_short(stage: Stage) -> Callable[[], object]:
    os.truncate(stage.state / FILE, 0)
    return lambda: None


def locked(stage: Stage) -> Callable[[], object]:
    """Another process writes, and does not come to an end."""
    other = sqlite3.connect(stage.state / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


@pytest.mark.parametrize(
    "harm",
    [full, removed, moved, in_the_way, journal_removed, log_removed, cut_short, locked],
    ids=lambda it: it.__name__,
)
def test_what_is_in_force_is_kept_up_and_everything_is_stored_afterwards(
    on_stage: OnStage, disk: Disk, harm: Harm
) -> None:
    seen: dict[str, Any] = {}

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "db:1"))
        back: list[Callable[[], object]] = []
        stage.at(100, lambda: back.append(harm(stage)))
        stage.at(110, stage.engine.kill, "web")
        stage.at(150, stage.say, asking("web:2", "db:1"))
        stage.at(200, stage.engine.kill, "db")

        def look() -> None:
            seen["running"] = stage.running()
            if not stage.journal.is_durable:
                seen["condition"] = stage.condition("StateWritable")
                seen["told"] = stage.sink.kinds()[-1]

        stage.at(250, look)
        stage.at(300, lambda: back[0]())
        await stage.play(500)
        assert seen["running"] == {"web": "web:2", "db": "db:1"}
        if "condition" in seen:
            assert not seen["condition"].holds
            assert "kept up from memory" in seen["condition"].message
            assert seen["told"] == "settled", "sinks are told only what is on the disk"
        assert stage.running() == {"web": "web:2", "db": "db:1"}
        check_whole(stage)

    on_stage(work)
    for_a_while = (full, in_the_way, locked)
    assert ("condition" in seen) == (harm in for_a_while), "what can be mended at once is"


def test_a_journal_that_was_put_back_is_opened_and_no_number_is_used_twice(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        kept = stage.state.with_name(f"{stage.state.name}-kept")
        stage.say(asking("web:1"))

        def save() -> None:
            with closing(sqlite3.connect(stage.state / FILE)) as source, closing(sqlite3.connect(kept)) as copy:
                source.backup(copy)

        def restore() -> None:
            for file in stage.state.glob(f"{FILE}*"):
                file.unlink()
            shutil.copy(kept, stage.state / FILE)

        stage.at(50, save)
        stage.at(60, stage.engine.kill, "web")
        stage.at(100, restore)
        stage.at(200, stage.engine.kill, "web")
        await stage.play(300)
        assert stage.running() == {"web": "web:1"}
        check_whole(stage)

    on_stage(work)


def test_another_journal_that_was_put_there_is_believed(on_stage: OnStage) -> None:
    """An operator's, who knows why: here one in which web:1 had failed before."""

    async def work(stage: Stage) -> None:
        other = stage.state.with_name(f"{stage.state.name}-other")
        with closing(open_journal(other)) as journal:
            journal.say(Feedback("started", "elsewhere"))
            journal.put("files", asking("web:1").desired, "files")
            journal.put("desired", asking("web:1").desired, "files")
            journal.attempts.count(asking("web:1").desired.digest, "no good", failed=True)
        stage.say(asking("web:1"))

        def put() -> None:
            for file in stage.state.glob(f"{FILE}*"):
                file.unlink()
            shutil.copy(other / FILE, stage.state / FILE)

        stage.at(100, put)
        await stage.play(300)
        attempt = stage.journal.attempts.of(asking("web:1").desired.digest)
        assert attempt is not None
        assert attempt.failed
        assert "state-restored" in [entry.kind for entry in stage.journal.entries()]

    on_stage(work)


def test_a_lock_that_was_removed_is_taken_again(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(100, (stage.state / "controller.lock").unlink)
        held: list[bool] = []
        stage.at(170, lambda: held.append(holder(stage.state) is not None))
        await stage.play(200)
        assert held == [True], "within a resync"

    on_stage(work)


def test_another_controller_on_the_new_directory_ends_this_one(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        other = Lock(stage.state)

        def take_over() -> None:
            shutil.rmtree(stage.state)
            other.take()

        stage.say(asking("web:1"))
        stage.at(100, take_over)
        with pytest.raises(Busy, match=r"a controller .*is at work here"):
            await stage.play(1000)
        assert not (stage.state / FILE).exists(), "nothing is written into what another holds"
        other.release()

    on_stage(work)


def test_a_directory_is_held_even_when_the_lock_file_was_removed(tmp_path: Path) -> None:
    with _held(tmp_path):
        (tmp_path / "controller.lock").unlink()
        with pytest.raises(Busy), _held(tmp_path):
            pass
        assert holder(tmp_path) is not None


@contextmanager
def _held(state: Path) -> Iterator[Lock]:
    lock = Lock(state)
    lock.take()
    try:
        yield lock
    finally:
        lock.release()


# ── at the start ───────────────────────────────────────────────────────────────────────────────────────────────────


def filled(state: Path) -> None:
    """A journal with a message in force, and entries over several pages."""
    with closing(open_journal(state)) as journal:
        journal.put("files", asking("web:1").desired, "files")
        journal.put("message", asking("web:2").desired, "containersupdate/desiredstate", "a", "containers")
        journal.put("desired", asking("web:2").desired, "containersupdate/desiredstate", "a")
        adopt(journal, "1234", "stranger")
        journal.set_condition(Condition("Settled", True, "Converged"))
        for number in range(200):
            journal.say(Feedback("plan", f"{number} " * 200))


def test_a_journal_of_a_full_disk_is_read_and_written_back(tmp_path: Path, disk: Disk) -> None:
    filled(tmp_path)
    disk.fill()
    journal = keep_journal(tmp_path)  # cannot be copied to another disk here: all of them are full
    disk.free()
    assert not journal.is_durable
    entry = journal.say(Feedback("started", "again"))
    assert journal.restore() is None
    assert journal.is_durable
    assert journal.revision("desired") == asking("web:2").desired
    assert [said.seq for said in journal.entries(limit=1000)] == list(range(1, 202))
    assert journal.entries(200)[0].message == "again"
    assert entry.message == "again"
    journal.close()


def overwritten(stage: Stage, begin: int, size: int) -> None:
    """Somebody writes noise into the file while it is open, and its log holds nothing of what lay there."""
    stage.journal._database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    noise = random.Random(7).randbytes(size)
    with (stage.state / FILE).open("r+b", buffering=0) as opened:
        opened.seek(begin)
        opened.write(noise)


@pytest.mark.parametrize(("begin", "size"), [(0, 30 * 1024), (16, 84), (3 * 1024, 8 * 1024)])
def test_a_journal_that_is_damaged_while_nothing_is_written_is_noticed(
    on_stage: OnStage, begin: int, size: int
) -> None:
    """F-06: what SQLite has cached hid it, until something was written or another process read."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "db:1"))
        seen: list[Condition] = []
        stage.at(300, lambda: overwritten(stage, begin, size))
        stage.at(300 + RESYNC_S + 2, lambda: seen.append(stage.condition("StateWritable")))
        stage.at(400, stage.engine.kill, "db")
        stage.at(500, lambda: seen.append(stage.condition("StateWritable")))
        stage.at(500, lambda: [file.rename(f"{file}-damaged") for file in stage.state.glob(f"{FILE}*")])
        await stage.play(700)
        assert [(each.holds, each.reason) for each in seen] == [(False, "Damaged")] * 2
        assert "To go on without it: mkdir" in seen[0].message
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        assert [kind for kind in stage.sink.kinds() if kind.startswith("state-")] == ["state-lost", "state-restored"]
        check_whole(stage)

    on_stage(work)


def test_a_large_journal_is_not_looked_through_at_once(on_stage: OnStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """But a file that is none any more is noticed all the same."""
    monkeypatch.setattr(integrity, "_LARGEST_CHECK", 0)
    monkeypatch.setattr(integrity, "fault", lambda _: None)

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        seen: list[Condition] = []
        stage.at(300, lambda: overwritten(stage, 0, 30 * 1024))
        stage.at(300 + RESYNC_S + 2, lambda: seen.append(stage.condition("StateWritable")))
        await stage.play(400)
        assert [(each.holds, each.reason) for each in seen] == [(False, "Damaged")]

    on_stage(work)


def test_a_journal_that_nobody_wrote_into_is_not_looked_through(
    on_stage: OnStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        looks: list[Path] = []
        monkeypatch.setattr(database, "fault_on_disk", lambda path: looks.append(path))
        seen: list[int] = []
        stage.at(300, lambda: seen.append(len(looks)))
        await stage.play(300 + 100 * RESYNC_S)
        assert seen[0] >= 1
        assert len(looks) <= seen[0] + 1, "the last word is written, and nothing before it"

    on_stage(work)


@pytest.mark.parametrize("damaged", [0, 3 * 4096])
def test_a_damaged_journal_is_left_as_it_is_until_it_is_moved_away(tmp_path: Path, damaged: int) -> None:
    filled(tmp_path)
    content = bytearray((tmp_path / FILE).read_bytes())
    content[damaged : damaged + 12 * 4096] = b"damaged " * (12 * 512)
    (tmp_path / FILE).write_bytes(content)
    journal = keep_journal(tmp_path)
    loss = journal.loss
    assert loss is not None
    assert loss.trouble.reason == "Damaged"
    assert "To go on without it: mkdir" in loss.trouble.why
    journal.put("files", asking("web:3").desired, "files")
    assert journal.restore() is not None
    assert (tmp_path / FILE).read_bytes() == content
    (tmp_path / FILE).rename(tmp_path / "damaged")
    for file in tmp_path.glob(f"{FILE}-*"):
        file.unlink()
    assert journal.restore() is None
    journal.close()
    with closing(read_journal(tmp_path)) as reader:
        assert reader.revision("files") == asking("web:3").desired


def test_a_newer_version_is_refused_by_a_controller_too(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="newer evenkeel"):
        keep_journal(tmp_path)


def test_a_journal_that_may_not_be_read_is_believed_when_it_may(nobody: Path) -> None:
    state = nobody / "state"
    filled(state)
    (state / FILE).chmod(0)
    journal = keep_journal(state)
    loss = journal.loss
    assert loss is not None
    assert loss.trouble.reason == "Denied"
    assert not journal.knows_intent
    journal.put("desired", asking("other:1").desired, "files")
    journal.say(Feedback("started", "meanwhile"))
    assert journal.restore() is not None
    (state / FILE).chmod(0o600)
    assert journal.restore() is None
    assert journal.revision("desired") == asking("web:2").desired
    assert [entry.message for entry in journal.entries(200)] == ["meanwhile"]
    journal.close()


def test_a_controller_that_may_not_write_any_more_says_so(nobody: Path) -> None:
    """As somebody without rights: the directory is closed beneath the journal, and opened again."""
    state = nobody / "state"
    journal = keep_journal(state)
    journal.say(Feedback("started", "before"))
    state.chmod(0)
    assert os.geteuid() != 0
    journal.say(Feedback("plan", "meanwhile"))
    loss = journal.loss
    assert loss is not None
    assert loss.trouble.reason == "Denied"
    state.chmod(0o750)
    assert journal.restore() is None
    journal.close()
    with closing(read_journal(state)) as reader:
        assert [entry.message for entry in reader.entries()] == ["before", "meanwhile"]


# ── two that write ─────────────────────────────────────────────────────────────────────────────────────────────────


def _lost(state: Path, disk: Disk) -> Journal:
    """A controller's journal that has just been lost."""
    journal = keep_journal(state)
    disk.fill()
    journal.say(Feedback("plan", "in memory"))
    assert not journal.is_durable
    disk.free()
    return journal


def test_what_an_operator_wrote_meanwhile_stands(tmp_path: Path, disk: Disk) -> None:
    filled(tmp_path)
    with closing(open_journal(tmp_path)) as before:
        before.attempts.count("bad", "no good", failed=True)
    journal = _lost(tmp_path, disk)
    with closing(open_journal(tmp_path)) as operator, operator.at_once():
        operator.attempts.forgive("bad")
        operator.drop("message", "containers")
        operator.put("desired", asking("web:1").desired, "files")
        adopt(operator, "5678", "other")
        operator.say(Feedback("released", "an operator"))
    journal.attempts.count("worse", "no good either", failed=True)
    remember(journal, proven={"1": ""})
    assert journal.promote(asking("web:2").desired.digest)
    assert journal.restore() is None
    assert journal.attempts.of("bad") is None
    assert journal.attempts.of("worse") is not None
    assert journal.digest("message", "containers") == ""
    assert journal.revision("desired") == asking("web:1").desired
    assert journal.revision("last-good") == asking("web:2").desired
    assert memory(journal).adopted == {"1234": "stranger", "5678": "other"}
    assert "1" in memory(journal).proven
    assert [entry.kind for entry in journal.entries(200)] == ["released", "plan"]
    assert [entry.seq for entry in journal.entries(limit=1000)] == list(range(1, 203))
    journal.close()


def test_a_transaction_that_fails_in_the_middle_is_done_in_memory_as_a_whole(tmp_path: Path, disk: Disk) -> None:
    filled(tmp_path)
    journal = keep_journal(tmp_path)
    with journal.at_once():
        journal.say(Feedback("plan", "first"))
        disk.fill()
        for number in range(3000):  # more than SQLite keeps before it writes
            journal.say(Feedback("plan", f"{number} " * 100))
    disk.free()
    assert not journal.is_durable
    assert [entry.seq for entry in journal.entries(limit=5000)] == list(range(1, 3202))
    assert journal.restore() is None
    assert numbers(tmp_path) == list(range(1, 3202))
    journal.close()


def test_messages_wait_while_nothing_can_be_stored(tmp_path: Path, disk: Disk) -> None:
    filled(tmp_path)
    journal = keep_journal(tmp_path)
    journal.outbox.send(Outgoing("t", b"stored"))
    disk.fill()
    journal.outbox.send(Outgoing("t", b"claimed"), Outgoing("state", b"now", True, True))
    disk.free()
    assert journal.mailbox("containers").is_full()
    sent = []
    while (found := journal.outbox.oldest()) is not None:
        sent.append(found[1].payload)
        journal.outbox.sent(found[0])
    assert sent == [b"stored", b"now"]
    assert journal.restore() is None
    found = journal.outbox.oldest()
    assert found is not None
    assert found[1].payload == b"claimed"
    assert not journal.mailbox("containers").is_full()
    journal.close()


def test_a_log_that_was_removed_on_a_full_disk_takes_nothing_with_it(on_stage: OnStage, disk: Disk) -> None:
    """The law found it: SQLite could not put the log's content into the file when it was closed."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(100, disk.fill)
        stage.at(101, (stage.state / f"{FILE}-wal").unlink)
        stage.at(250, disk.free)
        await stage.play(400)
        assert stage.running() == {"web": "web:1"}
        check_whole(stage)

    on_stage(work)
