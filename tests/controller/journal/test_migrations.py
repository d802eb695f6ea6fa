"""A journal of an earlier version is whole after it was opened; one of a newer version is refused and left as it is.

`tests/data/journal-4.sql`, `journal-7.sql` and `journal-8.sql` were written by the evenkeel of that version. They hold a row of
every table.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.memories import memory
from tests.places import ROOT

from evenkeel.controller.journal.database import open_database
from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import Journal, keep_journal, open_journal, read_journal
from evenkeel.controller.journal.migrations import MIGRATIONS, OLDEST, SCHEMA, VERSION, checksum, version_of
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import JournalError
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.output import Output

REMEMBERED = ("instance", "switch", "adopted")
"""Tables whose rows are facts of a domain's memory since version 8; `check_whole` looks for them there."""
DESIRED = "containersupdate/desiredstate"
OLD = ROOT / "tests" / "data" / "journal-4.sql"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with the journal of version 4."""
    (tmp_path / "state").mkdir()
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as connection:
        connection.executescript(OLD.read_text())
        connection.execute("PRAGMA journal_mode = WAL")
    return tmp_path / "state"


def rows(state: Path) -> dict[str, list[dict[str, Any]]]:
    """The content of every table, by name."""
    with closing(sqlite3.connect(state / FILE)) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY 1")] for name in names}


def shape(connection: sqlite3.Connection) -> dict[str, Any]:
    """Tables with their columns, in order, and their foreign keys."""
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    return {
        name: (
            connection.execute(f"PRAGMA table_info({name})").fetchall(),
            connection.execute(f"PRAGMA foreign_key_list({name})").fetchall(),
            connection.execute("SELECT strict, wr FROM pragma_table_list WHERE name = ?", (name,)).fetchone(),
        )
        for name in names
    }


def check_whole(journal: Journal) -> None:
    """Everything that the journal of version 4 held is there."""
    images = {
        role: [document.wanted.image for document in state.documents if document.kind == "Container"]  # type: ignore[union-attr]
        for role, domain in (("desired", ""), ("last-good", ""), ("files", ""), ("message", "containers"))
        if (state := journal.revision(role, domain)) is not None  # type: ignore[arg-type]
    }
    assert images == {
        "desired": ["db:1", "web:3"],
        "last-good": ["db:1", "web:1"],
        "files": ["db:1", "web:2"],
        "message": ["db:1", "web:3"],
    }
    origin = journal.origin("message", "containers")
    assert origin is not None
    assert (origin.source, origin.activity) == ("containersupdate/desiredstate", "act-1")
    attempt = journal.attempts.of(journal.digest("files"))
    assert attempt is not None
    assert (attempt.failures, attempt.failed) == (1, True)
    known = memory(journal)
    assert (known.proven, known.stopped) == ({"1" * 64: "", "2" * 64: ""}, ("3" * 64,))
    assert known.made == {"1" * 64: 1, "2" * 64: 2, "3" * 64: 3}
    assert known.switch_s == {"web": 1.25}
    assert known.rejected == {"sha256:" + "b" * 64: "web: it ended with exit code 1"}
    assert memory(journal).adopted == {"4" * 64: "legacy"}
    assert [(entry.seq, entry.kind) for entry in journal.entries()] == [(2, "revision-accepted"), (3, "settled")]
    assert journal.delivered("jsonl:/var/log/evenkeel/events.jsonl") == 2
    assert {each.name: each.holds for each in journal.conditions()} == {"Settled": False, "SourceValid": True}
    activity = journal.mailbox("containers").activity()
    assert activity is not None
    assert activity.id == "act-2"
    message = journal.mailbox("containers").incoming()
    assert message is not None
    assert (message.topic, message.begun) == ("containersupdate/desiredstate/command", True)
    assert journal.outbox.waiting() == 2
    assert journal.mailbox("containers").knows_retained("containersupdate/desiredstate", b"x") is False


def test_there_is_a_step_to_every_version() -> None:
    assert sorted(MIGRATIONS) == list(range(OLDEST + 1, VERSION + 1))


def test_a_journal_of_version_4_is_whole(state: Path) -> None:
    before = rows(state)
    with closing(open_journal(state)) as journal:
        check_whole(journal)
        assert journal.say(Feedback("started", "")).seq == 4
    with closing(open_journal(state)) as journal:
        assert [entry.seq for entry in journal.entries()] == [2, 3, 4], "nothing is migrated twice"
    after = rows(state)
    for name, old in before.items():
        if name in ("feedback", "sqlite_sequence", *REMEMBERED):
            continue
        columns = [key for key in old[0] if key != "open"]
        whole = [{key: row[key] for key in columns} for row in after[name]]
        assert sorted(whole, key=str) == sorted(({key: row[key] for key in columns} for row in old), key=str), name


@pytest.fixture
def of_version_7(tmp_path: Path) -> Path:
    """A state directory with the journal of version 7, which knew checks, proofs that are at work, and failures."""
    (tmp_path / "seven").mkdir()
    with closing(sqlite3.connect(tmp_path / "seven" / FILE)) as connection:
        connection.executescript((ROOT / "tests" / "data" / "journal-7.sql").read_text())
    return tmp_path / "seven"


def test_a_journal_of_version_7_is_whole(of_version_7: Path) -> None:
    with closing(open_journal(of_version_7)) as journal:
        known = memory(journal)
        assert (known.proven, known.watched) == ({"1" * 64: "abc", "2" * 64: ""}, ("3" * 64,))
        assert list(known.switch_s.items()) == [("web", 1.25), ("db", 0.5)], "in the order of the switches"
        assert known.ends == {"1" * 64: ("1 7.0", 1)}
        assert journal.attempts.sick_before(journal.digest("desired"), "containers") == {"db"}
        assert {(each.domain, each.name): each.holds for each in journal.conditions()} == {
            ("", "Settled"): False,
            ("", "SourceValid"): True,
            ("containers", "ActivityCompleted"): True,
            ("containers", "EngineReachable"): True,
            ("containers", "Healthy"): False,
        }
        activity = journal.mailbox("containers").activity()
        assert activity is not None
        assert (activity.id, activity.touched_at) == ("act-2", 5.0)
        last = journal.failures.last("db")
        assert last is not None
        assert last.output.lines == ("no space",)
        assert [
            journal.mailbox("containers").waiting_message(number).packet
            for number in journal.mailbox("containers").waiting_on(DESIRED)
        ] == [7]


def test_a_journal_of_version_7_that_knew_no_failures_is_whole(of_version_7: Path) -> None:
    with closing(sqlite3.connect(of_version_7 / FILE)) as connection:
        connection.execute("DROP TABLE last_failure")
    with closing(read_journal(of_version_7)) as journal:
        assert journal.failures.all() == ()
    with closing(open_journal(of_version_7)) as journal:
        assert journal.failures.keep("web", "1", "2", "it ended", Output(("a",)))


@pytest.fixture
def of_version_8(tmp_path: Path) -> Path:
    """A state directory with the journal of version 8, in the middle of an activity whose feedback waits."""
    (tmp_path / "eight").mkdir()
    with closing(sqlite3.connect(tmp_path / "eight" / FILE)) as connection:
        connection.executescript((ROOT / "tests" / "data" / "journal-8.sql").read_text())
    return tmp_path / "eight"


@pytest.mark.parametrize("opener", [open_journal, read_journal])
def test_a_journal_of_version_8_is_whole(of_version_8: Path, opener: Callable[[Path], Journal]) -> None:
    with closing(opener(of_version_8)) as journal:
        known = memory(journal)
        assert (known.proven, known.watched) == ({"1" * 64: "abc", "2" * 64: ""}, ("3" * 64,))
        assert (known.stopped, known.adopted) == (("3" * 64,), {"4" * 64: "legacy"})
        assert list(known.switch_s.items()) == [("web", 1.25), ("db", 0.5)], "in the order of the switches"
        activity = journal.mailbox("containers").activity()
        assert activity is not None
        assert activity.id == "act-2"
        message = json.loads(journal.outbox.first(9)[-1][1].payload)
        told = [(each["component"]["id"], each["status"]) for each in message["payload"]["actions"]]
        assert told == [("containers:web", "UPDATING"), ("containers:db", "UPDATE_SUCCESS")]


def test_what_is_remembered_later_stands_behind_what_was_migrated(of_version_8: Path) -> None:
    with closing(open_journal(of_version_8)) as journal:
        before = memory(journal)
        journal.memories.keep(before, changed(before, switch_s={**before.switch_s, "a": 3.0}))
    with closing(open_journal(of_version_8)) as journal:
        assert list(memory(journal).switch_s) == ["web", "db", "a"]


@pytest.mark.parametrize("table", ["feedback", "instance", "attempt", "condition", "activity", "inbox"])
def test_of_a_damaged_journal_of_version_7_all_else_is_known(of_version_7: Path, table: str) -> None:
    """The evenkeel before went on with what it could read of it, and so does the one that comes after it."""
    with closing(sqlite3.connect(of_version_7 / FILE)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with (of_version_7 / FILE).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with closing(keep_journal(of_version_7)) as journal:
        assert journal.loss is not None
        assert (journal.loss.trouble.reason, journal.loss.missing) == (
            "Damaged",
            {"memory" if table in REMEMBERED else table},
        )
        assert journal.knows_intent
        assert journal.digest("last-good") != ""
        assert memory(journal).adopted
        assert (memory(journal).proven != {}) == (table != "instance")


def test_a_migrated_journal_is_like_a_new_one(state: Path, tmp_path: Path) -> None:
    open_journal(state).close()
    open_journal(tmp_path / "new").close()
    with (
        closing(sqlite3.connect(state / FILE)) as migrated,
        closing(sqlite3.connect(tmp_path / "new" / FILE)) as new,
    ):
        assert version_of(migrated) == version_of(new) == VERSION
        assert shape(migrated) == shape(new)
        for digest, content, kept in migrated.execute("SELECT digest, content, checksum FROM revision"):
            assert kept == checksum(content), digest
        assert [kept == checksum(body) for body, kept in migrated.execute("SELECT body, checksum FROM activity")] == [
            True
        ]


def test_a_reader_understands_a_journal_of_version_4_and_leaves_it(state: Path) -> None:
    before = {file.name: file.read_bytes() for file in state.iterdir()}
    with closing(read_journal(state)) as journal:
        check_whole(journal)
    assert {file.name: file.read_bytes() for file in state.iterdir()} == before


_OPENER = """
import os, sqlite3, sys
from pathlib import Path
from evenkeel.controller.journal import migrations
from evenkeel.controller.journal.journal import open_journal
steps, real = dict(migrations.MIGRATIONS), migrations.MIGRATIONS[5]
class Dying(sqlite3.Connection):
    left = int(sys.argv[2])
    def execute(self, statement, *values):
        done = super().execute(statement, *values)
        if statement.startswith(("BEGIN", "ALTER", "CREATE", "UPDATE", "PRAGMA user_version =")):
            Dying.left -= 1
            if Dying.left == 0:
                os.kill(os.getpid(), 9)
        return done
connect = sqlite3.connect
sqlite3.connect = lambda *given, **named: connect(*given, factory=Dying, **named)
open_journal(Path(sys.argv[1]))
print("opened")
"""


def test_a_migration_that_is_cut_short_is_done_again(state: Path) -> None:
    """Killed after every statement of it, and opened again."""
    content = {file.name: file.read_bytes() for file in state.iterdir()}
    deaths = 0
    while True:
        for file in state.iterdir():
            file.unlink()
        for name, old in content.items():
            (state / name).write_bytes(old)
        found = subprocess.run(
            [sys.executable, "-c", _OPENER, str(state), str(deaths + 1)],
            env={**os.environ, "PYTHONPATH": str(ROOT / ".dev")},
            capture_output=True,
            text=True,
        )
        if found.returncode == 0:
            break
        assert found.returncode == -signal.SIGKILL, found.stderr
        deaths += 1
        with closing(open_journal(state)) as journal:
            check_whole(journal)
    assert deaths >= 8, "a transaction with all steps and the version"


@pytest.mark.parametrize("openers", [open_journal, read_journal])
@pytest.mark.parametrize(
    ("version", "said"), [(VERSION + 1, "newer evenkeel"), (99, "newer evenkeel"), (3, "no released evenkeel")]
)
def test_a_version_that_cannot_be_read_is_refused_and_left(state: Path, openers: type, version: int, said: str) -> None:
    with closing(sqlite3.connect(state / FILE)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    before = rows(state)
    with pytest.raises(JournalError, match=rf"has version {version}, .*{said}"):
        openers(state)
    assert rows(state) == before


def test_what_was_sick_before_a_revision_goes_with_it(tmp_path: Path) -> None:
    """The foreign key does it, on every connection that writes."""
    with closing(open_database(tmp_path)) as database:
        with database.writing() as connection:
            connection.execute("INSERT INTO revision (digest, content, source, at) VALUES ('a', x'', '', 0)")
            connection.execute("INSERT INTO sick_before VALUES ('a', 'containers', 'web')")
            connection.execute("DELETE FROM revision")
        assert database.all("SELECT * FROM sick_before") == []
    assert "sick_before" in SCHEMA
