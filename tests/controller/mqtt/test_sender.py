"""The sender of a connection: many messages at once, in the order of each topic, also where the broker refuses one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.virtual import run

from evenkeel.controller.journal.journal import Journal, empty_journal, open_journal, read_journal
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.mqtt.sender import Sender
from evenkeel.specs.errors import Refused
from evenkeel.specs.feedback import Feedback

pytestmark = pytest.mark.virtual


class Link:
    """A broker that takes what it may be told. `tried`: topics in the order in which something was published there."""

    broker, connected, why = "b:1883", True, ""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        self.heard: list[str] = []
        self.tried: list[str] = []

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        self.tried.append(topic)
        is_denied = topic in self.denied
        if not is_denied:
            self.heard.append(f"{topic}{payload.decode()}")
        await asyncio.sleep(0.01)
        if is_denied:
            raise Refused("broker:b", "the message was refused: not authorized")


def put(journal: Journal, *texts: str) -> None:
    journal.outbox.send(*[Outgoing(text[0], text[1:].encode()) for text in texts])


class SlowLink(Link):
    """A broker that acknowledges slowly. `most`: how many messages were under way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way, self.most = 0, 0

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await super().publish(topic, payload, qos=qos, retain=retain)
        self.under_way -= 1


@pytest.mark.parametrize(("waiting", "together"), [(5, False), (200, True)])
def test_a_backlog_goes_together_and_a_few_messages_one_by_one(waiting: int, together: bool) -> None:
    """What is under way when a connection breaks is published again: no older status shall come after a newer one."""

    async def story() -> None:
        journal, link = empty_journal(), SlowLink()
        sender = Sender(link, journal, lambda entry: None, lambda topic, payload: iter(()), _nothing, _nothing)  # type: ignore[arg-type]
        put(journal, *[f"t{number}" for number in range(waiting)])
        sending = asyncio.ensure_future(sender.send())
        await asyncio.sleep(5)
        assert link.heard == [f"t{number}" for number in range(waiting)]
        assert (link.most > 1) is together
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        journal.close()

    run(story())


def _nothing() -> None:
    pass


def test_what_waits_for_a_topic_keeps_its_order_and_holds_up_nobody() -> None:
    async def story() -> None:
        journal, link, said = empty_journal(), Link(), list[Feedback]()
        news: list[str] = []

        def nothing() -> None:
            pass

        def changed() -> None:
            news.append(sender.denied)

        sender = Sender(link, journal, said.append, lambda topic, payload: iter(()), nothing, changed)  # type: ignore[arg-type]
        sending = asyncio.ensure_future(sender.send())
        put(journal, "t1", "u1", "t2")
        sender.wake()
        await asyncio.sleep(0.5)
        assert link.heard == ["t1", "u1", "t2"]

        link.denied, link.heard, link.tried = {"t"}, [], []
        put(journal, "t3", "t4", "u2", "t5", "u3")
        sender.wake()
        await asyncio.sleep(0.5)
        assert link.heard == ["u2", "u3"], "other topics go on"
        assert [each.message for each in said] == [
            "the message was refused: not authorized; it waits, and is tried again"
        ], "it is said once"
        assert journal.outbox.waiting() == 3
        link.tried = []
        await asyncio.sleep(10)
        assert link.tried == ["t"] * 3, "the oldest alone, after 1, 2 and 4 s"
        link.denied = set()
        put(journal, "u4", "t6")
        sender.wake()
        await asyncio.sleep(60)
        assert link.heard == ["u2", "u3", "u4", "t3", "t4", "t5", "t6"]
        assert journal.outbox.waiting() == 0
        assert news == ["t: the message was refused: not authorized, and what is to be said there waits", ""]
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        journal.close()

    run(story())


class Broken(Link):
    """A broker at which, at each message, somebody looks at what another process would publish after a loss of power."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self._state, self.left = state, list[list[str]]()
        """Before each message: what is stored then."""

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        self.left.append(stored(self._state))
        await super().publish(topic, payload, qos=qos, retain=retain)


def stored(state: Path) -> list[str]:
    with closing(read_journal(state)) as other:
        return [f"{message.topic}{message.payload.decode()}" for _, message in other.outbox.first(1000)]


def test_after_a_loss_of_power_only_the_newest_message_is_published_again(tmp_path: Path) -> None:
    """One that was acknowledged is forgotten with the next one, and soon when none comes."""

    async def story() -> None:
        journal, link = open_journal(tmp_path), Broken(tmp_path)
        sender = Sender(link, journal, lambda entry: None, lambda topic, payload: iter(()), _nothing, _nothing)  # type: ignore[arg-type]
        put(journal, "t1", "t2", "t3")
        sending = asyncio.ensure_future(sender.send())
        await asyncio.sleep(0.5)
        assert link.left == [["t1", "t2", "t3"], ["t2", "t3"], ["t3"]], "nothing older than what is published next"
        assert stored(tmp_path) == ["t3"]
        assert journal.outbox.waiting() == 0, "this process does not publish it again"
        put(journal, "t4")
        assert stored(tmp_path) == ["t4"]
        sender.wake()
        await asyncio.sleep(5)
        assert link.heard == ["t1", "t2", "t3", "t4"]
        assert stored(tmp_path) == []
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        journal.close()

    run(story())


def test_one_that_is_told_to_stop_as_a_message_comes_stops() -> None:
    """`asyncio.wait_for` of Python 3.11 loses a cancellation that comes together with what is waited for: a controller that
    was told to stop right after its last message never ended."""

    async def work() -> None:
        journal, link = empty_journal(), Link()
        sender = Sender(link, journal, lambda entry: None, lambda topic, payload: iter(()), lambda: None, lambda: None)  # type: ignore[arg-type]
        sending = asyncio.ensure_future(sender.send())
        put(journal, "t1")
        sender.wake()
        await asyncio.sleep(0.5)
        assert link.heard == ["t1"]
        sender.wake()
        await asyncio.sleep(0)
        sending.cancel()
        done, _ = await asyncio.wait({sending}, timeout=60)
        assert done

    run(work())


class InCapitals:
    """Messages of topic `h` are held for a while, and all are published in capitals."""

    def __init__(self) -> None:
        self.held: tuple[str, ...] = ("h",)

    def holds(self) -> Sequence[str]:
        return self.held

    def wrapped(self, message: Outgoing) -> Outgoing:
        return Outgoing(message.topic.upper(), message.payload)


def test_what_is_held_waits_and_all_is_published_in_its_form_of_that_moment() -> None:
    async def story() -> None:
        journal, link, said, wrapping = empty_journal(), Link(), list[Feedback](), InCapitals()
        sender = Sender(link, journal, said.append, lambda topic, payload: iter(()), _nothing, _nothing)  # type: ignore[arg-type]
        sender.wrapping = wrapping
        put(journal, "h1", "a1", "h2")
        sending = asyncio.ensure_future(sender.send())
        await asyncio.sleep(5)
        assert link.heard == ["A1"]
        wrapping.held = ()
        sender.wake()
        await asyncio.sleep(5)
        assert link.heard == ["A1", "H1", "H2"]
        assert not journal.outbox.waits("h")
        link.denied = {"H"}
        put(journal, "h3")
        sender.wake()
        await asyncio.sleep(5)
        assert journal.outbox.waits("h")
        assert (
            sender.denied == "h: the message was refused: not authorized (on `H`), and what is to be said there waits"
        )
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending
        journal.close()

    run(story())
