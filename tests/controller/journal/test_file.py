"""The journal's file: what a method returned from is on the disk, readers leave no trace, and damage is told with a way out."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.controller.journal.rig import asking, content
from tests.memories import adopt, memory, remember
from tests.places import ROOT

from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import Journal, open_journal, read_journal
from evenkeel.specs.errors import JournalError
from evenkeel.specs.feedback import Condition, Feedback


def test_what_is_already_so_is_not_written(journal: Journal, state: Path) -> None:
    journal.put("desired", asking("one"), "files")
    remember(journal, proven={"1": ""})
    journal.set_condition(Condition("Settled", True, "Converged"))
    before = content(state)
    journal.put("desired", asking("one"), "files")
    journal.set_condition(Condition("Settled", True, "Converged"))
    remember(journal, proven={"1": ""})
    assert content(state) == before


def test_the_folder_is_not_for_everybody(journal: Journal, state: Path) -> None:
    assert stat.S_IMODE(state.stat().st_mode) & 0o007 == 0


def test_the_files_are_for_their_owner_only(journal: Journal, state: Path) -> None:
    journal.put("desired", asking("one"), "files")
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in state.iterdir()} == {
        FILE: 0o600,
        f"{FILE}-wal": 0o600,
        f"{FILE}-shm": 0o600,
    }


def test_files_that_others_could_read_are_closed_to_them(journal: Journal, state: Path) -> None:
    journal.put("desired", asking("one"), "files")
    for file in state.iterdir():
        file.chmod(0o644)
    open_journal(state).close()
    assert {stat.S_IMODE(file.stat().st_mode) for file in state.iterdir()} == {0o600}


def test_a_journal_survives_its_process(journal: Journal, state: Path) -> None:
    journal.put("desired", asking("one"), "files")
    journal.say(Feedback("plan", "a"))
    journal.close()
    again = open_journal(state)
    assert again.revision("desired") == asking("one")
    assert [entry.message for entry in again.entries()] == ["a"]
    again.close()


def test_two_connections_see_what_the_other_has_written(journal: Journal, state: Path) -> None:
    """A short-lived command writes while the controller is at work."""
    other = open_journal(state)
    adopt(other, "1234", "stranger")
    assert memory(journal).adopted == {"1234": "stranger"}
    assert not adopt(journal, "1234", "stranger")
    assert [journal.say(Feedback("plan", "a")).seq, other.say(Feedback("plan", "b")).seq] == [1, 2]
    reader = read_journal(state)
    assert [entry.message for entry in reader.entries()] == ["a", "b"]
    journal.say(Feedback("plan", "c"))
    assert [entry.message for entry in reader.entries()] == ["a", "b", "c"]
    reader.close()
    other.close()


def test_nobody_hears_what_is_not_on_the_disk(journal: Journal) -> None:
    heard: list[str] = []

    def both() -> None:
        with journal.at_once():
            journal.say(Feedback("plan", "first"))
            journal.once_kept(lambda: heard.append("first"))
            with journal.at_once():
                journal.say(Feedback("plan", "second"))
                journal.once_kept(lambda: heard.append("second"))
            assert heard == []
            if not journal.digest("desired"):
                raise OSError("power loss")

    with pytest.raises(OSError, match="power loss"):
        both()
    assert (journal.entries(), heard) == ((), [])
    journal.put("desired", asking("one"), "files")
    both()
    assert ([entry.message for entry in journal.entries()], heard) == (["first", "second"], ["first", "second"])
    journal.once_kept(lambda: heard.append("outside"))
    assert heard[-1] == "outside"


def test_who_opens_a_new_journal_waits_for_another_that_is_just_making_it(state: Path) -> None:
    state.mkdir(parents=True)
    other = sqlite3.connect(state / FILE, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(lambda: open_journal(state).close())
        with pytest.raises(TimeoutError):
            opening.result(0.2)  # unlike an error of the opening itself, which would be raised here
        other.close()
        opening.result(30)
    reader = read_journal(state)
    assert reader.last_seq() == 0
    reader.close()


def test_many_may_open_a_new_journal_at_once(state: Path) -> None:
    def use(number: int) -> int:
        journal = open_journal(state)
        try:
            return journal.say(Feedback("plan", str(number))).seq
        finally:
            journal.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(24))) == list(range(1, 25))


def test_a_reader_creates_nothing(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    reader = read_journal(absent)
    assert reader.revision("desired") is None
    assert reader.entries() == ()
    reader.close()
    assert not absent.exists()


def test_a_reader_changes_no_file_of_a_controller_that_is_gone(journal: Journal, state: Path) -> None:
    journal.put("desired", asking("one"), "files")
    journal.close()
    before = content(state)
    assert [file.name for file in state.iterdir()] == [FILE]
    reader = read_journal(state)
    assert reader.digest("desired") == asking("one").digest
    assert reader.attempts.of("x") is None
    reader.close()
    assert content(state) == before
    assert [file.name for file in state.iterdir()] == [FILE]


def test_a_reader_changes_no_file_of_a_controller_at_work(journal: Journal, state: Path) -> None:
    journal.put("desired", asking("one"), "files")
    before, names = content(state), {file.name for file in state.iterdir()}
    reader = read_journal(state)
    assert reader.digest("desired") == asking("one").digest
    reader.close()
    assert content(state) == before
    assert {file.name for file in state.iterdir()} == names


def test_a_reader_cannot_write(journal: Journal, state: Path) -> None:
    reader = read_journal(state)
    with pytest.raises(JournalError, match="cannot be written"):
        reader.say(Feedback("plan", "a"))
    reader.close()


def test_a_journal_that_is_just_being_made_is_empty(state: Path) -> None:
    state.mkdir(parents=True)
    (state / FILE).touch()
    reader = read_journal(state)
    assert reader.entries() == ()
    reader.close()


@pytest.mark.parametrize("openers", [open_journal, read_journal])
def test_what_is_no_journal_is_refused(state: Path, openers: type) -> None:
    state.mkdir(parents=True)
    (state / FILE).write_bytes(b"this is no database at all, and long enough to be seen as none" * 20)
    with pytest.raises(JournalError) as raised:
        openers(state)
    assert raised.value.element == f"journal:{state / FILE}"


def test_content_that_is_damaged_is_a_damaged_journal(journal: Journal, state: Path) -> None:
    """A disk that forgets tells SQLite nothing when what it forgets is the inside of a value."""
    journal.put("desired", asking("one"), "files")
    with sqlite3.connect(state / FILE) as connection:  # an earlier version kept no checksums
        connection.execute("UPDATE revision SET content = substr(content, 1, 20), checksum = x''")
    connection.close()
    with pytest.raises(JournalError, match=r"cannot be read: .*; the file is damaged\. .* To go on without it: mkdir"):
        journal.revision("desired")


@pytest.mark.parametrize("change", ["replace(content, 'one', 'two')", "substr(content, 1, 20)"])
def test_no_other_content_counts_under_a_digest(journal: Journal, state: Path, change: str) -> None:
    """Valid or not: one flipped bit may be another image."""
    journal.put("desired", asking("one"), "files")
    with closing(sqlite3.connect(state / FILE)) as connection, connection:
        connection.execute(f"UPDATE revision SET content = CAST({change} AS BLOB)")
    with closing(open_journal(state)) as other:
        with pytest.raises(JournalError, match=r"revision .* is not what was stored; the file is damaged"):
            other.revision("desired")
        assert journal.revision("desired") == asking("one"), "this process knows it by heart, and stores it again"
        assert other.revision("desired") == asking("one")


def test_a_noun_of_another_version_is_no_damage(journal: Journal, state: Path) -> None:
    journal.put("desired", asking("one"), "files")
    with closing(sqlite3.connect(state / FILE)) as connection, connection:
        connection.execute("""UPDATE revision SET content = CAST('{"documents":1}' AS BLOB), checksum = x''""")
    with pytest.raises(
        JournalError, match=r"DesiredState of another version of evenkeel: .*The file is not damaged"
    ) as raised:
        journal.revision("desired")
    assert "mv" not in raised.value.message


UNREADABLE = {
    "damaged": b"\x00garbage",
    "cut short": b'{"name":"Settled","hol',
    "another version": b'{"name":"Unheard","holds":true,"reason":"x"}',
    "nested too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_condition_that_cannot_be_read_is_as_if_it_had_never_been_set(
    journal: Journal, state: Path, body: bytes
) -> None:
    journal.set_condition(Condition("Healthy", True, "AllWell"))
    journal.set_condition(Condition("Settled", True, "Converged"))
    with closing(sqlite3.connect(state / FILE)) as connection, connection:
        connection.execute("UPDATE condition SET body = ? WHERE name = 'Settled'", (body,))
    assert [each.name for each in journal.conditions()] == ["Healthy"]
    assert journal.set_condition(Condition("Settled", True, "Converged")), "it is written anew"
    assert [each.name for each in journal.conditions()] == ["Healthy", "Settled"]


def test_an_entry_that_cannot_be_read_keeps_its_number_and_holds_up_no_sink(journal: Journal, state: Path) -> None:
    for text in ("one", "two", "three"):
        journal.say(Feedback("settled", text))
    with closing(sqlite3.connect(state / FILE)) as connection, connection:
        connection.execute("UPDATE feedback SET body = x'00' WHERE seq = 2")
    said = journal.entries()
    assert [(each.seq, each.kind) for each in said] == [(1, "settled"), (2, "state-lost"), (3, "settled")]
    assert said[1].message == "what was said under this number cannot be read"


@pytest.mark.parametrize("state", [Path("var"), Path("a place")], indirect=True)
@pytest.mark.parametrize("damaged", [0, 3 * 4096])
def test_the_way_out_of_a_damaged_journal_leads_out(journal: Journal, state: Path, damaged: int) -> None:
    """0: the file is none; further behind: a page of it is none."""
    for number in range(200):
        journal.say(Feedback("plan", f"{number} " * 200))
    journal.close()
    content = bytearray((state / FILE).read_bytes())
    content[damaged : damaged + 12 * 4096] = b"damaged " * (12 * 512)
    (state / FILE).write_bytes(content)

    def use(open_it: Callable[[Path], Journal]) -> None:
        opened = open_it(state)
        try:
            opened.entries()
            opened.put("desired", asking("one"), "files")
        finally:
            opened.close()

    for open_it in (open_journal, read_journal):
        with pytest.raises(JournalError, match="all containers are found again; earlier failures, proofs") as raised:
            use(open_it)
        assert raised.value.element == f"journal:{state / FILE}"
    _, _, remedy = raised.value.message.partition("To go on without it: ")
    subprocess.run(["sh", "-c", remedy], check=True)
    use(open_journal)
    assert {FILE} <= {file.name for file in (state / "damaged").iterdir()}


@pytest.mark.parametrize("rights", [0, 0o500, 0o700])
def test_who_may_not_is_told_who_may(nobody: Path, rights: int) -> None:
    """0: neither enter nor list; 0o500: read only; 0o700: the folder is open, the journal is not."""
    state = nobody / "state"
    open_journal(state).close()
    (state / "journal.sqlite").chmod(0 if rights == 0o700 else 0o400)
    state.chmod(rights)
    try:
        for opened in (open_journal, *((read_journal,) if rights != 0o500 else ())):
            with pytest.raises(JournalError) as raised:
                opened(state)
            assert raised.value.message.endswith(f": permission denied; run it as root, or as the owner of {state}")
        if rights == 0o500:
            read_journal(state).close()
    finally:
        state.chmod(0o700)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be opened"):
        open_journal(tmp_path / "file" / "state")


_WRITER = """
import sys
from pathlib import Path
from evenkeel.controller.journal.journal import open_journal
from evenkeel.specs.feedback import Feedback
from evenkeel.reconcilers.containers.remembering import memory_before
from evenkeel.specs.containers.actions import Start
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.plan import Phase, Step
journal = open_journal(Path(sys.argv[1]))
for number in range(10**9):
    seq = journal.say(Feedback("plan", str(number))).seq
    before = journal.memories.of(ContainersMemory)
    journal.memories.keep(before, memory_before(Step("s", "web", Phase.ACTIVATE, Start(str(number % 7))), before))
    sys.stdout.write(f"{seq}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("after", [1, 10, 100])
def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(state: Path, after: int) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(state)],
        env={**os.environ, "PYTHONPATH": str(ROOT / ".dev")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(after)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in writer.stdout.read().splitlines() if line]
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()

    reader = read_journal(state)  # what is not checkpointed is in the log beside the file
    kept = [entry.seq for entry in reader.entries(limit=10**6)]
    reader.close()
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) <= len(acknowledged) + 1

    again = open_journal(state)
    assert [entry.seq for entry in again.entries(limit=10**6)] == kept
    assert again.say(Feedback("plan", "on")).seq == kept[-1] + 1
    again.close()
