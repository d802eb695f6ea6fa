"""The connection to the system bus, on a real one: what is there, what is not, and what goes away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from dbus_fast import Message, Variant
from tests.engines.dbus import PrivateBus, private_bus
from tests.engines.dbus_double import Answer, Double, No, unknown_method
from tests.until import soon

from evenkeel.controller.dbus.bus import Absent, BusAnswer, Peer, Signal, SystemBus, changes, owners, variant
from evenkeel.specs.errors import TimedOut, Unavailable

ECHO = Peer("test.Echo", "/", "test.Echo")


class Echo(Double):
    """It answers with what it was given, refuses, waits, or says something by itself."""

    def __init__(self, address: str) -> None:
        super().__init__(address, ECHO.name, self._echo)

    async def _echo(self, message: Message) -> Answer:
        match message.member:
            case "Echo":
                return message.signature, list(message.body)
            case "Wait":
                await asyncio.sleep(3600)
            case "No":
                raise No("test.Error.No", "no means no")
            case "Speak":
                self.emit("/", ECHO.interface, "Spoke", "s", list(message.body))
                self.changed("/", ECHO.interface, {"Word": Variant("s", message.body[0])})
                return "", []
        raise unknown_method(message)


@pytest.fixture
def echo(bus_daemon: PrivateBus) -> Iterator[Echo]:
    it = Echo(bus_daemon.address)
    it.start()
    yield it
    it.close()


@pytest.fixture
async def bus(bus_daemon: PrivateBus) -> AsyncIterator[SystemBus]:
    it = SystemBus(bus_daemon.address)
    yield it
    await it.close()


async def test_values_come_and_go_without_variants(bus: SystemBus, echo: Echo) -> None:
    given = {"name": variant("s", "A"), "inner": variant("a{sv}", {"count": variant("u", 3)})}
    assert await bus.call(ECHO, "Echo", "sa{sv}", "x", given) == ["x", {"name": "A", "inner": {"count": 3}}]


async def test_a_no_has_its_name_and_text(bus: SystemBus, echo: Echo) -> None:
    with pytest.raises(BusAnswer, match="no means no") as caught:
        await bus.call(ECHO, "No")
    assert (caught.value.name, caught.value.lacks_method) == ("test.Error.No", False)
    with pytest.raises(BusAnswer) as caught:
        await bus.call(ECHO, "Never")
    assert caught.value.lacks_method


async def test_a_name_that_is_not_there(bus: SystemBus) -> None:
    with pytest.raises(Absent, match=r"no test\.Echo on D-Bus; is it installed and running\?"):
        await bus.call(ECHO, "Echo")
    assert await bus.owner(ECHO.name) == ""


async def test_a_service_that_does_not_answer(bus: SystemBus, echo: Echo) -> None:
    with pytest.raises(TimedOut, match=r"test\.Echo did not answer test\.Echo\.Wait within 0\.1 s"):
        await bus.call(ECHO, "Wait", timeout_s=0.1)
    assert await bus.call(ECHO, "Echo", "s", "still there") == ["still there"]


async def test_a_service_that_crashes_in_the_middle(bus: SystemBus, echo: Echo) -> None:
    waiting = asyncio.create_task(bus.call(ECHO, "Wait"))
    await soon(lambda: len(echo._tasks) > 0)
    await asyncio.to_thread(echo.crash)
    with pytest.raises(Unavailable, match=r"test\.Echo ended before an answer to test\.Echo\.Wait"):
        await waiting
    echo.start()
    assert await bus.call(ECHO, "Echo", "s", "again") == ["again"]


async def test_no_bus_at_all(tmp_path: Path) -> None:
    bus = SystemBus(f"unix:path={tmp_path}/nothing")
    with pytest.raises(Unavailable, match="there is no such socket; is D-Bus running"):
        await bus.call(ECHO, "Echo")
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="nobody listens there"):
        await SystemBus(f"unix:path={tmp_path}/file").call(ECHO, "Echo")
    with pytest.raises(Unavailable, match="no connection to D-Bus"):
        await SystemBus("nonsense").call(ECHO, "Echo")


async def test_the_bus_ends_and_comes_back() -> None:
    with private_bus() as bus_daemon:
        bus, echo, heard = SystemBus(bus_daemon.address), Echo(bus_daemon.address), list[Signal | None]()
        echo.start()
        async with bus.hearing(ECHO, "Spoke", heard.append):
            waiting = asyncio.create_task(bus.call(ECHO, "Wait"))
            await soon(lambda: len(echo._tasks) > 0)
            bus_daemon.kill()
            with pytest.raises(Unavailable, match="the connection to D-Bus ended before an answer"):
                await waiting
            await soon(lambda: heard == [None])
            with pytest.raises(Unavailable, match="there is no such socket"):
                await bus.call(ECHO, "Echo")
            bus_daemon.start()
            await asyncio.to_thread(echo.close)
            echo.start()
            assert await bus.call(ECHO, "Echo", "s", "again") == ["again"]
        await bus.close()
        await asyncio.to_thread(echo.close)


async def test_a_bus_that_is_frozen() -> None:
    with private_bus() as bus_daemon:
        bus = SystemBus(bus_daemon.address)
        assert await bus.owner(ECHO.name) == ""
        bus_daemon.freeze()
        with pytest.raises(TimedOut):
            await bus.call(ECHO, "Echo", timeout_s=0.1)
        bus_daemon.thaw()
        with pytest.raises(Absent):
            await bus.call(ECHO, "Echo")
        await bus.close()


async def test_signals_are_heard_from_the_moment_on(bus: SystemBus, echo: Echo) -> None:
    spoken, changed, come = list[Signal | None](), list[Signal | None](), list[Signal | None]()
    async with (
        bus.hearing(ECHO, "Spoke", spoken.append),
        changes(bus, ECHO, changed.append),
        owners(bus, ECHO.name, come.append),
    ):
        await bus.call(ECHO, "Speak", "s", "hello")
        await soon(lambda: spoken and changed)
        assert spoken[0] is not None
        assert (spoken[0].body, spoken[0].sender) == (["hello"], await bus.owner(ECHO.name))
        assert [each.body for each in changed if each] == [[ECHO.interface, {"Word": "hello"}, []]]
        await asyncio.to_thread(echo.crash)
        await soon(lambda: come)
        echo.start()
        await soon(lambda: len(come) == 2)
    await bus.call(ECHO, "Speak", "s", "nobody listens")
    await bus.call(ECHO, "Echo")
    assert len(spoken) == 1


async def test_nothing_is_left_of_a_closed_connection(bus_daemon: PrivateBus) -> None:
    bus = SystemBus(bus_daemon.address)
    await bus.owner(ECHO.name)
    await bus.close()
    await bus.close()
    assert await bus.owner(ECHO.name) == ""  # it connects anew
    await bus.close()
