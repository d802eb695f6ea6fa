"""Two roles on one connection: each hears its own, and neither holds up the other, whatever happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.controller.mqtt.clerk import Clerk
from tests.controller.mqtt.memory_link import MemoryLink
from tests.engines.broker import Broker
from tests.until import PATIENCE_S
from tests.virtual import run

from evenkeel.controller.journal.journal import Journal, empty_journal
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.loop.defects import Defects
from evenkeel.controller.mqtt import MqttLink
from evenkeel.controller.mqtt.line import WINDOW
from evenkeel.controller.mqtt.router import Router
from evenkeel.specs.errors import JournalError
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.settings.mqtt import MqttSettings
from evenkeel.specs.settings.settings import Backoff


class Desk(NamedTuple):
    """A router at work, with its clerks."""

    link: MemoryLink
    journal: Journal
    router: Router
    clerks: tuple[Clerk, ...]
    said: list[Feedback]


@asynccontextmanager
async def serving(link: Any, *names: str) -> AsyncIterator[Desk]:
    journal, said = empty_journal(), list[Feedback]()
    router = Router(link, journal, said.append, Defects(journal, said.append))
    clerks = tuple(Clerk(name, journal) for name in names)
    for clerk in clerks:
        router.add(clerk)
    work = asyncio.ensure_future(router.serve())
    await asyncio.sleep(0)
    try:
        yield Desk(link, journal, router, clerks, said)
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        journal.close()


@pytest.fixture
def at_desk() -> Callable[..., None]:
    def play(work: Callable[[Desk], Coroutine[Any, Any, None]], *names: str, most_bytes: int = 1000) -> None:
        async def story() -> None:
            async with serving(MemoryLink(most_bytes), *(names or ("a", "b"))) as desk:
                await work(desk)

        run(story())

    return play


AtDesk = Callable[..., None]
virtual = pytest.mark.virtual


@virtual
def test_a_message_goes_to_the_role_that_has_its_topic(at_desk: AtDesk) -> None:
    async def work(desk: Desk) -> None:
        a, b = desk.clerks
        desk.link.deliver("a/in", "1")
        desk.link.deliver("b/more/a", "2")
        desk.link.deliver("b/in", "3")
        await asyncio.sleep(1)
        assert (a.waiting(), b.waiting()) == (["1"], ["2", "3"])
        assert desk.link.acknowledged == [1, 2, 3]
        assert (a.introduced, b.introduced) == (1, 1)
        desk.router.wake()
        await asyncio.sleep(1)
        answers = [each for each in desk.link.heard if "heard" in each]
        assert answers == ["a/out heard 1", "b/out heard 2", "b/out heard 3"], "in one order"

    at_desk(work)


@virtual
def test_a_full_role_holds_up_no_other(at_desk: AtDesk) -> None:
    """Not even beyond the window of the broker, which sends nothing more while so many are not acknowledged."""

    async def work(desk: Desk) -> None:
        a, b = desk.clerks
        a.most = 3
        flood = [str(number) for number in range(2 * WINDOW)]
        desk.link.deliver("a/in", *flood)
        desk.link.deliver("b/in", "mine")
        await asyncio.sleep(1)
        assert a.waiting() == flood[:3]
        assert a.refused == flood[3:], "each of their senders is told"
        assert b.waiting() == ["mine"]
        assert desk.link.acknowledged == list(range(1, 2 * WINDOW + 2))

    at_desk(work)


@virtual
def test_a_full_role_that_is_alone_leaves_messages_to_the_broker(at_desk: AtDesk) -> None:
    async def work(desk: Desk) -> None:
        (a,) = desk.clerks
        a.most = 3
        flood = [str(number) for number in range(2 * WINDOW)]
        desk.link.deliver("a/in", *flood)
        await asyncio.sleep(1)
        assert (a.waiting(), a.refused) == (flood[:3], [])
        assert desk.link.acknowledged == [1, 2, 3]
        assert desk.link.kept == 2 * WINDOW - 3
        a.empty()
        desk.router.wake()
        await asyncio.sleep(1)
        assert (a.waiting(), a.refused) == (flood[3:6], [])

    at_desk(work, "a")


@virtual
def test_a_role_that_breaks_holds_up_no_other(at_desk: AtDesk) -> None:
    async def work(desk: Desk) -> None:
        a, b = desk.clerks
        a.breaks_on["poison"] = KeyError("hunter")
        desk.link.deliver("a/in", "poison")
        desk.link.deliver("b/in", "2")
        await asyncio.sleep(1)
        assert (a.waiting(), b.waiting()) == ([], ["2"])
        (aside,) = a.aside
        assert aside.startswith("poison: ")
        assert aside.endswith("KeyError: 'hunter'")
        assert desk.link.acknowledged == [1, 2]
        assert [each.kind for each in desk.said] == ["defect"]
        desk.link.deliver("a/in", "1")
        await asyncio.sleep(1)
        assert a.waiting() == ["1"]
        assert [each.kind for each in desk.said] == ["defect", "defect-over"]

    at_desk(work)


@virtual
def test_what_cannot_be_stored_waits_and_comes_first_when_it_can(at_desk: AtDesk) -> None:
    async def work(desk: Desk) -> None:
        a, b = desk.clerks
        a.breaks_on["1"] = JournalError("state:/x", "the disk is full")
        desk.link.deliver("a/in", "1")
        desk.link.deliver("b/in", "2")
        await asyncio.sleep(0.5)
        assert (a.waiting(), b.waiting(), desk.link.acknowledged) == ([], [], [])
        await asyncio.sleep(2)
        assert (a.waiting(), b.waiting(), a.aside) == (["1"], ["2"], [])
        assert desk.link.acknowledged == [1, 2]

    at_desk(work)


@virtual
def test_an_introduction_that_hangs_holds_up_no_other(at_desk: AtDesk) -> None:
    async def work(desk: Desk) -> None:
        a, b = desk.clerks
        a.hangs = True
        await asyncio.sleep(1)
        assert (a.introduced, b.introduced) == (0, 1)
        desk.link.deliver("a/in", "1")
        await asyncio.sleep(1)
        assert a.waiting() == ["1"]

    at_desk(work)


@virtual
def test_a_message_too_large_for_the_broker_is_shortened_by_its_own_role(at_desk: AtDesk) -> None:
    async def work(desk: Desk) -> None:
        b = desk.clerks[1]
        await asyncio.sleep(1)
        b.mail.send(Outgoing("b/out", b"0123456789 and more than the broker takes"), Outgoing("nobody/out", b"x" * 21))
        desk.router.wake()
        await asyncio.sleep(1)
        assert desk.link.heard[-1] == "b/out 0123456789"
        assert [(each.kind, each.place, each.message) for each in desk.said] == [
            (
                "message-refused",
                "b/out",
                "the message has 41 bytes; its texts were cut short, and 10 bytes were sent",
            ),
            ("message-refused", "nobody/out", "the message has 21 bytes; it is given up"),
        ]
        assert desk.journal.outbox.waiting() == 0

    at_desk(work, most_bytes=20)


def test_no_two_roles_hear_the_same_topic() -> None:
    journal = empty_journal()
    router = Router(MemoryLink(), journal, lambda entry: None, Defects(journal, lambda entry: None))  # type: ignore[arg-type]
    router.add(Clerk("a", journal))
    other = Clerk("b", journal)
    other.topics = ("b/in", "a/in")
    with pytest.raises(ValueError, match="both a and b hear a/in"):
        router.add(other)
    journal.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    it = Broker(tmp_path)
    it.start()
    yield it
    it.close()


@pytest.mark.engine
async def test_two_roles_are_one_client_of_a_real_broker(broker: Broker) -> None:
    settings = MqttSettings(enabled=True, broker=f"tcp://127.0.0.1:{broker.port}", client_id="device")
    link = MqttLink(settings, backoff=Backoff(timedelta(milliseconds=20), timedelta(milliseconds=200)))
    stranger = MqttLink(
        MqttSettings(enabled=True, broker=settings.broker, client_id="stranger"), ("a/out", "b/out"), lasting=False
    )
    async with stranger, serving(link, "a", "b") as desk, asyncio.timeout(PATIENCE_S):
        a, b = desk.clerks
        while not (link.connected and stranger.connected and a.introduced and b.introduced):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for topic, text in (("a/in", "1"), ("b/in", "2"), ("b/more/a", "3")):
            await stranger.publish(topic, text.encode())
        while len(a.waiting() + b.waiting()) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (a.waiting(), b.waiting()) == (["1"], ["2", "3"])
        desk.router.wake()
        heard: list[str] = []
        async for message in stranger.messages():
            await message.done()
            heard.append(message.payload.decode())
            if "heard 3" in heard:
                break
        assert [each for each in heard if each != "hello"] == ["heard 1", "heard 2", "heard 3"]
        assert desk.journal.condition("BrokerReachable").holds  # type: ignore[union-attr]
    connections = [line for line in broker.log.read_text().splitlines() if "New client connected" in line]
    assert len([line for line in connections if " as device " in line]) == 1
    assert len(connections) == 2
