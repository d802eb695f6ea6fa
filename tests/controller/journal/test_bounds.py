"""However much comes in, what is kept and told of it is bounded (docs/reference/bounds.md)."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.controller.stage import OnStage, Stage, asking
from tests.sampling import THOROUGH

from evenkeel.controller.drivers.containers.memory import MemoryEngine
from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.controller.loop.acceptance import Acceptance
from evenkeel.controller.sources.files.read import read_specs
from evenkeel.specs.codec import encode
from evenkeel.specs.containers.actions import Pull
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.errors import SpecError
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.plan import Retry
from evenkeel.specs.problem import MOST_IN_ALL, MOST_PROBLEMS, MOST_TOLD, Place, Problem, errors, problem_text, total
from evenkeel.specs.visible import MOST_CHARACTERS

LINES = 100_000 if THOROUGH else 20_000
SPEC = "apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: web}\nspec:\n  image: nginx\n"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = open_journal(tmp_path / "state")
    yield journal
    journal.close()


def is_open_to_all(path: Path) -> Iterator[str]:
    return (problem.hint for problem in read_specs([path]).problems if "everybody may write" in problem.message)


# ── problems ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("\n".join(f"a{number}: x" for number in range(LINES)), LINES + 4),
        ("\n".join("a: x" for _ in range(LINES)), LINES - 1),
        ("---\n".join(f"kind: A{number}\n" for number in range(LINES // 10)), LINES // 10 * 3),
        (SPEC.replace("  image", "".join(f"  a{number}: x\n" for number in range(LINES)) + "  image"), 1001),
        ("{" + ", ".join(f'"a{number}": "\\ud800"' for number in range(LINES)) + "}", LINES),
    ],
    ids=["keys", "the same key", "documents", "below spec", "half pairs"],
)
def test_a_file_full_of_problems_is_answered_within_bounds(content: str, wrong: int) -> None:
    begun = time.process_time()
    found = decode_file(content.encode(), "a.yaml")
    assert time.process_time() - begun < 60
    assert len(found.problems) <= MOST_PROBLEMS + 1
    assert total(errors(found.problems)) == wrong
    (rest,) = [problem for problem in found.problems if problem.stands_for > 1]
    assert f"{wrong - MOST_PROBLEMS:,} more problems" in problem_text(rest)


def test_many_files_full_of_problems_are_answered_within_bounds(tmp_path: Path, journal: Journal) -> None:
    """And an error never hides behind warnings."""
    for number in range(8):
        (tmp_path / f"{number}.yaml").write_text("\n".join(f"a{line}: x" for line in range(300)))
        (tmp_path / f"sub{number}").mkdir()
    found = read_specs([tmp_path]).problems
    assert len(errors(found)) == MOST_IN_ALL + 1
    assert total(errors(found)) == 8 * 304
    told: list[Feedback] = []
    acceptance = Acceptance(journal, told.append, empty_removes_all=False, serves=False)
    assert not acceptance.accept(read_specs([tmp_path]))
    (entry,) = told
    lines = entry.message.split("\n")
    assert len(lines) == MOST_TOLD + 2
    assert lines[-2:] == [f"and {8 * 304 - MOST_TOLD:,} more", "what was in force stays in force"]
    (condition,) = journal.conditions()
    assert len(condition.message) <= MOST_CHARACTERS
    assert str(SpecError("specs", found)).endswith(f"and {8 * 304 - MOST_TOLD:,} more")


def test_one_problem_is_never_longer_than_a_line_or_two() -> None:
    text = problem_text(Problem(Place("a.yaml", 6, 3), f"spec.{'x' * 1_000_000}", "unknown key", "leave it out"))
    assert len(text) <= 1000
    assert text.startswith("a.yaml:6:3: spec.xxx")
    assert text.endswith("unknown key; leave it out")


# ── the journal ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_message_is_stored_at_any_length(journal: Journal) -> None:
    long = "begin" + "x" * 1_000_000 + "end"
    entry = journal.say(Feedback("step-failed", long))
    journal.set_condition(Condition("Settled", False, "Retrying", long))
    attempt = journal.attempts.count("abc", long)
    for message in (entry.message, journal.entries()[0].message, journal.conditions()[0].message, attempt.why):
        assert len(message) <= MOST_CHARACTERS
        assert message.startswith("begin")
        assert message.endswith("end")
        assert "characters left out" in message
    assert not journal.set_condition(Condition("Settled", False, "Retrying", long)), "it says nothing new"


def test_an_answer_of_an_engine_has_any_length_nowhere(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.script.failures.append(lambda action: Retry("x" * 1_000_000) if isinstance(action, Pull) else None)
        stage.say(asking("web:1"))
        await stage.play(10)
        told = [*stage.heart.heard, *(entry.message for entry in stage.sink.taken)]
        assert any("characters left out" in text for text in told)
        assert max(len(text) for text in told) <= MOST_CHARACTERS + 100

    on_stage(work)


def test_revisions_that_fail_do_not_stay(journal: Journal, tmp_path: Path) -> None:
    journal.put("desired", asking("web:1").desired, "files")
    journal.promote(journal.digest("desired"))
    for number in range(2, 32):
        state = asking(f"web:{number}").desired
        journal.put("files", state, "files")
        journal.put("desired", state, "files")
        journal.attempts.count(state.digest, "it ended with exit code 1", failed=True)
    journal.put("message", asking("web:99").desired, "topic", domain="containers")
    journal.drop("message", "containers")
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM revision").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM attempt WHERE failed").fetchone() == (30,)
    assert journal.revision("last-good") == asking("web:1").desired
    assert journal.revision("desired") == asking("web:31").desired


def test_what_a_dead_sink_does_not_take_is_dropped_and_told(
    on_stage: OnStage, caplog: pytest.LogCaptureFixture
) -> None:
    """Every number is taken or counted as dropped; and the log has one warning, not one every five seconds."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1"))
        stage.at(10, setattr, stage.sink, "failure", OSError("no disk"))
        for number in range(400):
            stage.at(20 + number, stage.controller.say, Feedback("plan", str(number)))
        stage.at(430, setattr, stage.sink, "failure", None)
        caplog.set_level(logging.INFO, "evenkeel")
        await stage.play(450)
        kept = stage.journal.entries(limit=10**6)
        assert len(kept) <= 230
        taken = [entry.seq for entry in stage.sink.taken]
        missing = [number for number in range(1, taken[-1] + 1) if number not in taken]
        told = [
            record.__dict__["fields"]["message"]
            for record in caplog.records
            if record.getMessage() == "entries-dropped"
        ]
        assert len(missing) > 150
        assert sum(int(text.split()[0]) for text in told) == len(missing)
        assert all("entries were dropped for sink listener, which did not take them: no disk" in text for text in told)
        assert stage.sink.kinds().count("entries-dropped") >= 5, "the sink hears of it, too"
        words = [record.getMessage() for record in caplog.records]
        assert (words.count("sink failed"), words.count("sink works again")) == (1, 1)

    on_stage(work, keep=100)


def test_a_sink_that_breaks_again_and_again_fills_no_log(on_stage: OnStage, caplog: pytest.LogCaptureFixture) -> None:
    async def work(stage: Stage) -> None:
        stage.sink.failure = ValueError("not JSON")
        stage.say(asking("web:1"))
        caplog.set_level(logging.INFO, "evenkeel")
        await stage.play(1000)
        words = [record.getMessage() for record in caplog.records]
        assert words.count("defect") == 2, "the traceback, and the entry"
        assert 2 <= words.count("defect again") <= 10
        assert stage.condition("Defect").message.endswith("ValueError: not JSON")

    on_stage(work)


# ── whose files they are ───────────────────────────────────────────────────────────────────────────────────────────


def test_specs_that_everybody_may_write_are_doubtful(tmp_path: Path, on_stage: OnStage) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(SPEC)
    assert not list(is_open_to_all(tmp_path))
    file.chmod(0o666)
    assert list(is_open_to_all(tmp_path)) == [f"chmod o-w {file}"]
    tmp_path.chmod(0o777)
    assert list(is_open_to_all(tmp_path)) == [f"chmod o-w {tmp_path}", f"chmod o-w {file}"]
    assert list(is_open_to_all(file)) == [f"chmod o-w {file}"]
    reading = read_specs([tmp_path])
    assert not errors(reading.problems)
    tmp_path.chmod(0o700)


def test_the_doubt_is_told_once(tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(SPEC)
    file.chmod(0o666)
    caplog.set_level(logging.INFO, "evenkeel")
    for _ in range(3):
        acceptance = Acceptance(journal, lambda entry: None, empty_removes_all=False, serves=False)
        acceptance.accept(read_specs([file]))
    assert [record.getMessage() for record in caplog.records] == ["doubtful specs"]
    assert "everybody may write to this file" in journal.conditions()[-1].message


async def test_the_simulated_world_is_for_its_owner(tmp_path: Path) -> None:
    store = tmp_path / "memory-engine.json"
    engine = MemoryEngine(store=store)
    await engine.close()
    assert store.stat().st_mode & 0o777 == 0o600
    assert len(encode(engine.world)) == store.stat().st_size
