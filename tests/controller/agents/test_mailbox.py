"""What the mailbox was given is there after any end, in order, all of a transaction or nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.places import ROOT

from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.controller.journal.mailbox import MOST_WAITING, MOST_WAITING_BYTES, Incoming
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import JournalError
from evenkeel.specs.kanto.activity import Activity


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    it = open_journal(tmp_path, lambda: 7.0)
    yield it
    it.close()


def activity(id_: str) -> Activity:
    return Activity(id_, "topic", "containers", DesiredState(), DesiredState(), (), (), 0.0, 0.0)


def test_messages_come_out_in_the_order_in_which_they_went_in(journal: Journal) -> None:
    mail = journal.mailbox("containers")
    for number in range(5):
        mail.take_in(f"topic/{number % 2}", b"%d" % number)
    found = []
    while (message := mail.incoming()) is not None:
        assert message.at == 7.0
        found.append((message.topic, message.payload))
        mail.record(None, dealt_with=message)
    assert found == [(f"topic/{n % 2}", b"%d" % n) for n in range(5)]


def test_a_message_stays_until_it_is_dealt_with(journal: Journal) -> None:
    mail = journal.mailbox("containers")
    mail.take_in("t", b"\x00\xff")
    assert mail.incoming() == mail.incoming()
    assert mail.has_heard("t", b"\x00\xff")
    assert not mail.has_heard("t", b"other")
    assert not mail.has_heard("other", b"\x00\xff")
    message = mail.incoming()
    assert message is not None
    mail.record(None, dealt_with=message)
    assert mail.incoming() is None
    assert mail.has_heard("t", b"\x00\xff")


def test_the_like_of_a_message_is_told_from_the_same_one(journal: Journal) -> None:
    """By the id under which the broker delivered it, which it keeps when it delivers it again."""
    mail = journal.mailbox("containers")
    mail.take_in("t", b"go", packet=7)
    assert mail.has_heard("t", b"go", 7)
    assert not mail.has_heard("t", b"go", 8)
    mail.record(None, dealt_with=mail.incoming())
    assert mail.has_heard("t", b"go", 7)
    assert not mail.has_heard("t", b"go", 8)
    assert not mail.has_heard("t", b"go", 0)


def test_what_was_heard_last_is_known(journal: Journal) -> None:
    mail = journal.mailbox("containers")
    assert not mail.heard_last("t", b"1")
    for payload in (b"1", b"2"):
        mail.take_in("t", payload)
        assert mail.heard_last("t", payload)
    assert not mail.heard_last("t", b"1")
    while (message := mail.incoming()) is not None:
        mail.record(None, dealt_with=message)
    assert mail.heard_last("t", b"2")
    assert not mail.heard_last("t", b"1")
    assert not mail.heard_last("u", b"2")


def test_of_what_was_dealt_with_the_newest_of_each_topic_are_remembered(journal: Journal) -> None:
    mail = journal.mailbox("containers")
    for number in range(70):
        for topic in ("t", "u"):
            mail.take_in(topic, b"%d" % number)
            mail.record(None, dealt_with=mail.incoming())
    assert [number for number in range(70) if not mail.has_heard("t", b"%d" % number)] == list(range(6))
    assert mail.has_heard("u", b"6")
    assert not mail.has_heard("v", b"69")


def test_the_last_retained_message_of_each_topic_is_remembered(journal: Journal) -> None:
    mail = journal.mailbox("containers")
    mail.take_in("t", b"1", retained=True)
    mail.take_in("t", b"2")
    assert mail.knows_retained("t", b"1")
    assert not mail.knows_retained("t", b"2")
    assert not mail.knows_retained("u", b"1")
    mail.take_in("t", b"2", retained=True)
    assert mail.knows_retained("t", b"2")
    assert not mail.knows_retained("t", b"1")


def test_answers_go_out_in_order_and_stay_until_acknowledged(journal: Journal) -> None:
    mail = journal.mailbox("containers")
    mail.send(Outgoing("a", b"1"), Outgoing("b", b"2", retain=True))
    mail.record(activity("x"), [Outgoing("c", b"3")])
    assert mail.outbox.waiting() == 3
    found = []
    while (waiting := mail.outbox.oldest()) is not None:
        assert mail.outbox.oldest() == waiting
        found.append(waiting[1])
        mail.outbox.sent(waiting[0])
        mail.outbox.sent(waiting[0])
    assert found == [Outgoing("a", b"1"), Outgoing("b", b"2", True), Outgoing("c", b"3")]
    assert mail.outbox.waiting() == 0


def test_of_reports_that_wait_the_newest_is_enough(journal: Journal) -> None:
    """Else a container that ends and ends fills the disk while the broker is away."""
    mail = journal.mailbox("containers")
    for number in range(1000):
        mail.send(Outgoing("state", b"%d" % number, retain=True, latest=True))
        if number in (3, 500):
            mail.send(Outgoing("state", b"asked %d" % number, retain=True), Outgoing("feedback", b"%d" % number))
    found = []
    while (waiting := mail.outbox.oldest()) is not None:
        found.append(waiting[1].payload)
        mail.outbox.sent(waiting[0])
    assert found == [b"asked 3", b"3", b"asked 500", b"500", b"999"]


@pytest.mark.parametrize(("count", "size"), [(MOST_WAITING, 1), (2, MOST_WAITING_BYTES // 2)])
def test_it_is_full_until_something_was_dealt_with(journal: Journal, count: int, size: int) -> None:
    mail = journal.mailbox("containers")
    with journal.at_once():
        for _ in range(count):
            assert not mail.is_full()
            mail.take_in("t", bytes(size))
    assert mail.is_full()
    mail.record(None, dealt_with=mail.incoming())
    assert not mail.is_full()


def test_numbers_are_never_used_again(journal: Journal) -> None:
    """An acknowledgement that comes late must not be for another message."""
    mail = journal.mailbox("containers")
    mail.send(Outgoing("a", b"1"))
    first = mail.outbox.oldest()
    assert first is not None
    mail.outbox.sent(first[0])
    mail.send(Outgoing("a", b"2"))
    second = mail.outbox.oldest()
    assert second is not None
    assert second[0] > first[0]


def test_activity_answers_and_message_are_one_transaction(journal: Journal) -> None:
    mail = journal.mailbox("containers")
    mail.take_in("t", b"m")
    message = mail.incoming()
    assert message is not None
    mail.record(activity("before"))
    broken = Outgoing(object(), b"no text")  # type: ignore[arg-type]
    with pytest.raises(JournalError):
        mail.record(activity("after"), [Outgoing("t", b"fine"), broken], message)
    open_one = mail.activity()
    assert open_one is not None
    assert open_one.id == "before"
    assert mail.outbox.waiting() == 0
    assert mail.incoming() == message
    mail.record(activity("after"), [Outgoing("t", b"fine")], message)
    open_one = mail.activity()
    assert open_one is not None
    assert open_one.id == "after"
    assert mail.outbox.waiting() == 1
    assert mail.incoming() is None


def test_there_is_one_open_activity_or_none(journal: Journal) -> None:
    mail = journal.mailbox("containers")
    assert mail.activity() is None
    mail.record(activity("a"))
    mail.record(activity("b"))
    open_one = mail.activity()
    assert open_one == activity("b")
    mail.record(None)
    assert mail.activity() is None


def test_a_message_that_is_gone_is_dealt_with_without_harm(journal: Journal) -> None:
    journal.mailbox("containers").record(None, dealt_with=Incoming(99, "t", b"", 0.0, 0))
    assert journal.mailbox("containers").incoming() is None


CHILD = """
import sys
sys.path[:0] = [{root!r} + "/.dev", {root!r}]
from pathlib import Path
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.journal.outbox import Outgoing
from tests.controller.agents.test_mailbox import activity
mail = open_journal(Path({folder!r})).mailbox("containers")
number = 0
while True:
    number += 1
    mail.take_in("in", b"%d" % number)
    print("in", number, flush=True)
    if number % 2:
        continue
    mail.record(activity(str(number)), [Outgoing("out", b"%d" % number)], mail.incoming())
    print("done", number, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 2, 3, 10, 31, 64, 125])
def test_killed_in_the_middle(tmp_path: Path, lines: int) -> None:
    """kill -9 after so many lines: what was said to be stored is, and activity and answer are never apart."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(root=str(ROOT), folder=str(tmp_path))], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    said = [child.stdout.readline().split() for _ in range(lines)]
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read()
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    said += [words for line in rest.splitlines() if len(words := line.split()) == 2]
    stored = [int(number) for word, number in said if word == "in"]
    dealt = [int(number) for word, number in said if word == "done"]

    journal = open_journal(tmp_path)
    mail = journal.mailbox("containers")
    outgoing: list[int] = []
    while (waiting := mail.outbox.oldest()) is not None:
        outgoing.append(int(waiting[1].payload))
        mail.outbox.sent(waiting[0])
    incoming: list[int] = []
    while (message := mail.incoming()) is not None:
        incoming.append(int(message.payload))
        mail.record(mail.activity(), dealt_with=message)
    # at most one more than was said, for the line that was not written any more
    assert outgoing[: len(dealt)] == dealt
    assert len(outgoing) <= len(dealt) + 1
    gone = len(outgoing)
    assert incoming == list(range(gone + 1, gone + 1 + len(incoming)))
    assert incoming[-1:] >= stored[-1:] or gone == len(stored)
    open_one = mail.activity()
    assert (open_one.id if open_one else "0") == str(outgoing[-1] if outgoing else 0)
    journal.close()
