"""The journal: states in their roles, attempts, memories, feedback and conditions."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from tests.controller.journal.rig import Clock, asking
from tests.memories import adopt, memory, remember

from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.feedback import Condition, Feedback

# ── desired state ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_journal_knows_nothing(journal: Journal) -> None:
    assert journal.revision("desired") is None
    assert journal.digest("desired") == ""
    assert journal.attempts.of("x") is None
    assert journal.entries() == ()
    assert journal.last_seq() == 0
    assert journal.conditions() == ()
    assert memory(journal).adopted == {}
    assert journal.delivered("log") == 0


def test_a_state_is_kept_in_its_role_with_its_places(journal: Journal) -> None:
    one, two = asking("one"), asking("two")
    assert journal.put("desired", one, "files")
    assert journal.revision("desired") == one
    assert journal.revision("last-good") is None
    assert journal.put("desired", two, "files")
    assert journal.digest("desired") == two.digest


def test_the_same_state_is_no_news_but_other_places_are_kept(journal: Journal) -> None:
    assert journal.put("desired", asking("one"), "files")
    assert not journal.put("desired", asking("one"), "files")
    moved = asking("one", line=7)
    assert moved.digest == asking("one").digest
    assert journal.put("desired", moved, "files")
    assert journal.revision("desired") == moved


def test_what_proved_good_is_promoted_and_the_rest_forgotten(journal: Journal, state: Path) -> None:
    for number in range(5):
        journal.put("desired", asking(f"try{number}"), "files")
    journal.attempts.count(asking("try4").digest, "once")
    assert not journal.promote(asking("try3").digest), "another one is desired by now"
    assert journal.revision("last-good") is None
    assert journal.promote(asking("try4").digest)
    assert journal.digest("last-good") == journal.digest("desired") == asking("try4").digest
    assert journal.attempts.of(asking("try4").digest) is None
    journal.put("desired", asking("next"), "files")
    assert journal.revision("last-good") == asking("try4")
    with sqlite3.connect(state / FILE) as connection:
        assert connection.execute("SELECT count(*) FROM revision").fetchone() == (2,)
    connection.close()


# ── attempts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_failures_are_counted_until_they_are_forgiven(journal: Journal, clock: Clock) -> None:
    journal.attempts.count("abc", "first")
    clock.at = 2000.0
    attempt = journal.attempts.count("abc", "second", failed=True)
    assert attempt == ("abc", 2, "second", 2000.0, True)
    assert journal.attempts.count("abc", "third").failed, "quarantine ends by being forgiven only"
    assert journal.attempts.of("xyz") is None
    assert journal.attempts.forgive("abc")
    assert not journal.attempts.forgive("abc")
    assert journal.attempts.of("abc") is None


def test_images_are_remembered_beside_revisions(journal: Journal) -> None:
    journal.attempts.count("sha256:bad", "it ended with exit code 1", failed=True, domain="containers")
    journal.attempts.count("abc", "other")
    assert memory(journal).rejected == {"sha256:bad": "it ended with exit code 1"}
    journal.attempts.forgive("abc")
    assert memory(journal).rejected == {"sha256:bad": "it ended with exit code 1"}
    assert journal.attempts.forgive_all("abc")
    assert memory(journal).rejected == {}


def test_what_failed_longest_ago_is_forgotten_before_it_fills_the_disk(journal: Journal, clock: Clock) -> None:
    journal.put("desired", asking("bad"), "files")
    journal.attempts.count(asking("bad").digest, "it is desired", failed=True)
    with journal.at_once():
        for number in range(1100):
            clock.at += 1.0
            journal.attempts.count(f"{number}", "no good", failed=True)
    clock.at = 5.0
    journal.attempts.count("after the clock was set back", "no good", failed=True)
    for kept in (asking("bad").digest, "1099", "101", "after the clock was set back"):
        assert journal.attempts.of(kept) is not None, kept
    assert journal.attempts.of("99") is None


def test_the_time_of_day_does_not_decide_what_failed_longest_ago(journal: Journal, clock: Clock) -> None:
    """The clock of the device is lost: what fails from then on has failed last, whatever the date."""
    with journal.at_once():
        for number in range(1000):
            clock.at += 1.0
            journal.attempts.count(f"{number}", "no good", failed=True)
    clock.at = 5.0
    journal.attempts.count("0", "no good again")
    for digest in ("new", "newer"):
        clock.at += 1.0
        journal.attempts.count(digest, "no good", failed=True)
    again = journal.attempts.of("0")
    assert again is not None
    assert (again.failures, again.failed, again.why) == (2, True, "no good again")
    assert [digest for digest in ("new", "newer", "1", "2", "3") if journal.attempts.of(digest)] == [
        "new",
        "newer",
        "3",
    ]


# ── what planning has to remember ──────────────────────────────────────────────────────────────────────────────────


def test_facts_are_kept_by_domain(journal: Journal, state: Path) -> None:
    made = {"1": 1, "2": 2, "3": 3}
    remember(journal, made=made, proven={"1": "", "2": "check"}, stopped=("2", "3"), switch_s={"web": 1.25})
    known = memory(journal)
    assert (known.made, known.proven, known.stopped) == (made, {"1": "", "2": "check"}, ("2", "3"))
    remember(journal, stopped=("3",), proven={"2": "other"})
    assert (memory(journal).proven, memory(journal).stopped) == ({"2": "other"}, ("3",))
    assert (memory(journal).made, memory(journal).switch_s) == (made, {"web": 1.25})
    with closing(open_journal(state)) as other:
        assert memory(other) == memory(journal)


def test_a_fact_that_is_taken_back_was_never_there(journal: Journal) -> None:
    """What was read within a write that fails is not what is remembered."""
    with suppress(RuntimeError), journal.at_once():
        remember(journal, proven={"1": ""})
        assert memory(journal).proven == {"1": ""}
        raise RuntimeError
    assert memory(journal).proven == {}


def test_facts_that_another_process_writes_are_seen_and_stay(journal: Journal, state: Path) -> None:
    before = memory(journal)
    with closing(open_journal(state)) as other:
        adopt(other, "1234", "stranger")
    assert memory(journal).adopted == {"1234": "stranger"}
    journal.memories.keep(before, changed(before, proven={"1": ""}))
    assert memory(journal) == ContainersMemory(adopted={"1234": "stranger"}, proven={"1": ""})


def test_a_fact_that_cannot_be_read_is_left_out(journal: Journal, state: Path) -> None:
    remember(journal, made={"1": 1, "2": 2}, proven={"1": ""})
    with closing(sqlite3.connect(state / FILE)) as damage, damage:
        damage.execute("UPDATE memory SET body = x'ff00' WHERE fact = 'made' AND key = '1'")
        damage.execute("INSERT INTO memory VALUES ('containers', 'x', 'of a later version', x'31', 9)")
    assert memory(journal) == ContainersMemory(made={"2": 2}, proven={"1": ""})


# ── feedback and conditions ────────────────────────────────────────────────────────────────────────────────────────


def test_feedback_is_numbered_and_dated(journal: Journal, clock: Clock) -> None:
    first = journal.say(Feedback("plan", "a"))
    clock.at = 1001.5
    second = journal.say(Feedback("settled", "b", seq=99, at=5.0))
    assert [(entry.seq, entry.at) for entry in (first, second)] == [(1, 1000.0), (2, 1001.5)]
    assert journal.entries() == (first, second)
    assert journal.entries(after=1) == (second,)
    assert journal.entries(limit=1) == (first,)
    assert journal.last_seq() == 2


def test_numbers_are_never_used_twice(journal: Journal, state: Path) -> None:
    for _ in range(5):
        journal.say(Feedback("plan", "a"))
    journal.trim(0, [])
    assert journal.entries() == ()
    journal.close()
    again = open_journal(state)
    assert again.say(Feedback("plan", "b")).seq == 6
    again.close()


def test_trimming_keeps_what_a_sink_waits_for(journal: Journal) -> None:
    for _ in range(10):
        journal.say(Feedback("plan", "a"))
    journal.confirm("fast", 10)
    journal.confirm("slow", 4)
    journal.trim(3, ["fast", "slow"])
    assert [entry.seq for entry in journal.entries()] == [5, 6, 7, 8, 9, 10]
    journal.confirm("slow", 9)
    journal.trim(3, ["fast", "slow"])
    assert [entry.seq for entry in journal.entries()] == [8, 9, 10]
    assert (journal.delivered("fast"), journal.delivered("slow"), journal.delivered("new")) == (10, 9, 0)


def test_a_sink_that_took_nothing_yet_waits_for_everything(journal: Journal) -> None:
    for _ in range(5):
        journal.say(Feedback("plan", "a"))
    journal.confirm("fast", 5)
    journal.trim(1, ["fast", "new"])
    assert [entry.seq for entry in journal.entries()] == [1, 2, 3, 4, 5]


def test_a_sink_that_is_not_configured_any_more_waits_for_nothing(journal: Journal) -> None:
    for _ in range(5):
        journal.say(Feedback("plan", "a"))
    journal.confirm("removed", 2)
    journal.confirm("fast", 5)
    journal.trim(1, ["fast"])
    assert [entry.seq for entry in journal.entries()] == [5]
    journal.trim(0, [])
    assert journal.entries() == ()


def test_a_condition_is_stored_only_when_it_says_something_new(journal: Journal, clock: Clock) -> None:
    assert journal.set_condition(Condition("Settled", False, "Converging", "1 differs"))
    clock.at = 1010.0
    assert not journal.set_condition(Condition("Settled", False, "Converging", "1 differs"))
    assert journal.set_condition(Condition("Settled", False, "Retrying", "offline"))
    assert [condition.since for condition in journal.conditions()] == [1000.0], "it does not hold since then"
    assert journal.set_condition(Condition("Settled", True, "Converged"))
    assert journal.conditions() == (Condition("Settled", True, "Converged", "", 1010.0),)


def test_nothing_is_promoted_but_what_was_judged(journal: Journal, state: Path) -> None:
    journal.put("desired", asking("message"), "containersupdate/desiredstate")
    with closing(open_journal(state)) as operator:  # `evenkeel release`, in the middle of a cycle
        operator.put("desired", asking("files"), "files")
    assert not journal.promote(asking("message").digest)
    assert journal.digest("last-good") == ""
    assert journal.promote(asking("files").digest)
    assert journal.digest("last-good") == asking("files").digest
