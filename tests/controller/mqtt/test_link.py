"""The link, against a real broker that is stopped, killed and frozen; and against a false one that sends nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.engines.broker import Broker
from tests.engines.mqtt_proxy import PUBACK, SUBACK, Fault, MqttProxy
from tests.places import ROOT
from tests.until import PATIENCE_S
from tests.until import until as wait_until

from evenkeel.controller.mqtt import Message, MqttLink
from evenkeel.controller.mqtt.access import client_id_of, read_access
from evenkeel.specs.errors import Refused, TooLarge, Unavailable
from evenkeel.specs.settings.mqtt import MqttSettings, MqttVersion, TlsSettings, WillSettings
from evenkeel.specs.settings.settings import Backoff

Mosquitto = Callable[..., Broker]
SOON = Backoff(timedelta(milliseconds=20), timedelta(milliseconds=200))
VERSIONS: tuple[MqttVersion, ...] = ("3.1.1", "5")


def link(
    broker: Broker, /, *topics: str, client: str = "evenkeel-test", most_bytes: int = 10_000, **more: Any
) -> MqttLink:
    settings = MqttSettings(
        **{"enabled": True, "broker": f"tcp://127.0.0.1:{broker.port}", "client_id": client, **more}
    )
    return MqttLink(settings, topics, backoff=SOON, most_bytes=most_bytes)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - there is no event for what a test looks at
            await asyncio.sleep(0.01)


async def up(it: MqttLink) -> None:
    await until(lambda: it.connected)


async def next_of(messages: AsyncIterator[Message]) -> Message:
    return await asyncio.wait_for(anext(messages), PATIENCE_S)


async def take(it: MqttLink, count: int) -> list[str]:
    """The payloads of the next messages, each of them done."""
    messages, found = it.messages(), []
    for _ in range(count):
        message = await next_of(messages)
        found.append(message.payload.decode())
        await message.done()
    return found


def tool(broker: Broker, *arguments: str) -> str:
    program, *rest = arguments
    command = [program, "-p", str(broker.port), *rest]
    return subprocess.run(command, check=True, timeout=PATIENCE_S, capture_output=True, text=True).stdout


def pub(broker: Broker, topic: str, text: str, *more: str) -> None:
    tool(broker, "mosquitto_pub", "-q", "1", "-t", topic, "-m", text, *more)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    import threading

    yield
    wait_until(
        lambda: not any(thread.name == "mqtt-link" for thread in threading.enumerate()), what="no thread is left"
    )


# ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", VERSIONS)
async def test_messages_go_and_come_in_order(mosquitto: Mosquitto, version: MqttVersion) -> None:
    broker = mosquitto()
    texts = [f"{number}" for number in range(300)]
    async with link(broker, "a/#", version=version) as it:
        await up(it)
        for text in texts:
            await it.publish("a/b", text.encode())
        assert await take(it, 300) == texts


async def test_many_at_once_go_in_order_too(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    texts = [f"{number}" for number in range(300)]
    async with link(broker, "t") as it:
        await up(it)
        await asyncio.gather(*(it.publish("t", text.encode()) for text in texts), take(it, 0))
        assert await take(it, 300) == texts


async def test_a_message_is_as_it_was_sent(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    async with link(broker, "t/ü") as it:
        await up(it)
        await it.publish("t/ü", b"")
        await it.publish("t/ü", b"\0\xff", qos=0)
        messages = it.messages()
        empty, binary = await next_of(messages), await next_of(messages)
        assert (empty.topic, empty.payload, empty.retained, empty.duplicate) == ("t/ü", b"", False, False)
        assert binary.payload == b"\0\xff"
        await empty.done()
        await binary.done()


async def test_retained_messages_are_kept_and_told(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    async with link(broker) as it:
        await it.publish("state", b"now", retain=True)
    async with link(broker, "state", client="another") as it:
        message = await next_of(it.messages())
        assert (message.payload, message.retained) == (b"now", True)
        await message.done()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("lost", [PUBACK, SUBACK], ids=["PUBACK", "SUBACK"])
async def test_an_answer_that_is_lost_on_a_connection_that_lives_is_waited_for_no_longer_than_a_silent_network(
    mosquitto: Mosquitto, version: MqttVersion, lost: int
) -> None:
    """MQTT repeats nothing while a connection lives: one lost acknowledgement kept everything behind it back for ever."""
    broker = mosquitto()
    with MqttProxy(broker.port, Fault("swallow", 1, type=lost), five=version == "5") as proxy:
        settings: dict[str, Any] = {"version": version, "broker": f"tcp://127.0.0.1:{proxy.port}"}
        async with link(broker, "t", keep_alive=timedelta(seconds=1), **settings) as it:
            await asyncio.wait_for(it.publish("t", b"here"), 100)
            await asyncio.wait_for(up(it), 100)
            assert "here" in await take(it, 1)
    assert proxy.struck is not None


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_sent_while_nobody_is_here_waits(mosquitto: Mosquitto, version: MqttVersion) -> None:
    broker = mosquitto(persistent=True)
    async with link(broker, "t", version=version) as it:
        await up(it)
    for number in range(3):
        pub(broker, "t", f"{number}")
    broker.restart()
    async with link(broker, "t", version=version) as it:
        assert await take(it, 3) == ["0", "1", "2"]


async def test_what_was_not_done_is_delivered_again_and_in_order(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    async with link(broker, "t") as it:
        await up(it)
        for number in range(4):
            pub(broker, "t", f"{number}")
        messages = it.messages()
        first, second, third = [await next_of(messages) for _ in range(3)]
        await first.done()
        await third.done()  # does not overtake the second, which is not done
    async with link(broker, "t") as it:
        messages = it.messages()
        again = [await next_of(messages) for _ in range(3)]
        assert [message.payload for message in again] == [b"1", b"2", b"3"]
        assert again[0].duplicate
        for message in again:
            await message.done()
        await second.done()  # of a connection that is gone: means nothing
    async with link(broker, "t") as it:
        await up(it)
        pub(broker, "t", "new")
        assert await take(it, 1) == ["new"]


CONSUMER = """
import asyncio, sys
from evenkeel.controller.mqtt import MqttLink
from evenkeel.specs.settings.mqtt import MqttSettings, WillSettings

async def main():
    will = WillSettings("gone", "silent")
    async with MqttLink(MqttSettings(broker=sys.argv[1], client_id="victim", will=will), ["t"]) as link:
        await anext(link.connections())
        print("ready", flush=True)
        async for message in link.messages():
            if message.payload == b"first":
                await message.done()
            print(message.payload.decode(), flush=True)

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def victim(broker: Broker) -> AsyncIterator[Any]:
    """A consumer in a process of its own, that is killed in the end."""
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", CONSUMER, f"tcp://127.0.0.1:{broker.port}"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT / ".dev")},
    )
    assert process.stdout is not None
    try:
        assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
        process.stdout.close()


async def test_a_consumer_that_is_killed_gets_again_what_it_had_not_done(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    async with victim(broker) as killed:
        for text in ("first", "second"):
            pub(broker, "t", text)
            assert await asyncio.to_thread(killed.stdout.readline) == f"{text}\n"
            await until(lambda: "Received PUBACK from victim" in broker.log.read_text())  # of the first
    async with link(broker, "t", client="victim") as it:
        message = await next_of(it.messages())
        assert (message.payload, message.duplicate) == (b"second", True)
        await message.done()


async def test_messages_of_other_days_subscriptions_are_dropped(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    broker = mosquitto()
    async with link(broker, "old", "new") as it:
        await up(it)
    pub(broker, "old", "x")
    pub(broker, "new", "y")
    async with link(broker, "new") as it:
        assert await take(it, 1) == ["y"]
    assert "message dropped" in caplog.messages


async def test_a_payload_beyond_the_limit_is_dropped_and_reported(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    broker = mosquitto()
    async with link(broker, "t") as it:
        await up(it)
        pub(broker, "t", "x" * 10_001)
        pub(broker, "t", "y")
        assert await take(it, 1) == ["y"]
    (dropped,) = [record for record in caplog.records if record.message == "message dropped"]
    assert dropped.__dict__["fields"]["bytes"] == 10_001
    async with link(broker, "t") as it:  # it was acknowledged
        await up(it)
        pub(broker, "t", "z")
        assert await take(it, 1) == ["z"]


async def test_a_payload_beyond_the_limit_is_handed_over_in_part_to_who_wants_that(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    settings = MqttSettings(enabled=True, broker=f"tcp://127.0.0.1:{broker.port}", client_id="evenkeel-test")
    async with MqttLink(settings, ["t"], backoff=SOON, most_bytes=100_000, beginnings=True) as it:
        await up(it)
        async with link(broker, client="another") as sender:
            for size in (100_000, 100_001):
                await sender.publish("t", bytes(size))
        messages = it.messages()
        whole, cut = await next_of(messages), await next_of(messages)
        assert (len(whole.payload), whole.cut_from) == (100_000, 0)
        assert (len(cut.payload), cut.cut_from) == (64 * 1024, 100_001)
        await whole.done()
        await cut.done()


@pytest.mark.parametrize("retained", [False, True])
async def test_a_huge_message_costs_no_memory_and_no_connection(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture, retained: bool
) -> None:
    """MQTT 3.1.1 has no way to tell a broker what is too large. This fails when paho reads packets in another way."""
    import tracemalloc

    size, broker = 32 * 1024**2, mosquitto()
    huge = tmp_path / "huge"
    huge.write_bytes(b"begins" + bytes(size - 6))
    settings = MqttSettings(enabled=True, broker=f"tcp://127.0.0.1:{broker.port}", client_id="evenkeel-test")
    caplog.set_level(logging.WARNING)
    publish = ["mosquitto_pub", "-q", "1", "-t", "t", "-f", str(huge), *(["-r"] if retained else [])]
    for connection in range(2):
        tracemalloc.start()
        try:
            async with MqttLink(settings, ["t"], backoff=SOON, most_bytes=100_000, beginnings=True) as it:
                await up(it)
                if connection == 0:
                    await asyncio.to_thread(tool, broker, *publish)
                await asyncio.to_thread(pub, broker, "t", "behind it")
                messages = it.messages()
                if connection == 0 or retained:
                    cut = await next_of(messages)
                    assert (cut.cut_from, cut.retained) == (size, connection == 1)
                    assert (len(cut.payload), cut.payload[:6]) == (64 * 1024, b"begins")
                    await cut.done()
                behind = await next_of(messages)
                assert (behind.payload, behind.cut_from) == (b"behind it", 0)
                await behind.done()
            assert tracemalloc.get_traced_memory()[1] < 8 * 1024**2
        finally:
            tracemalloc.stop()
    assert "no connection to the broker" not in [record.message for record in caplog.records]


async def test_topics_may_be_added_later(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    async with link(broker, "a") as it:
        states = it.connections()
        assert await asyncio.wait_for(anext(states), PATIENCE_S)
        it.subscribe("b")
        assert not it.connected
        assert await asyncio.wait_for(anext(states), PATIENCE_S)
        pub(broker, "b", "x")
        assert await take(it, 1) == ["x"]
        await states.aclose()  # type: ignore[attr-defined]


# ── publishing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", VERSIONS)
async def test_publishing_waits_for_the_broker_to_be_started(mosquitto: Mosquitto, version: MqttVersion) -> None:
    broker = mosquitto(persistent=True)
    async with link(broker, "t", version=version, client="listener") as it:
        await up(it)
    broker.stop()
    async with link(broker, version=version) as it:
        publishing = asyncio.gather(*(it.publish("t", f"{number}".encode()) for number in range(3)))
        await until(lambda: "refused" in it.why)
        assert not publishing.done()
        broker.start()
        await asyncio.wait_for(publishing, PATIENCE_S)
    async with link(broker, "t", version=version, client="listener") as it:
        assert await take(it, 3) == ["0", "1", "2"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_nothing_is_lost_when_the_broker_is_killed_while_publishing(
    mosquitto: Mosquitto, version: MqttVersion
) -> None:
    """Retained, because a killed mosquitto forgets sessions; every topic must hold its message in the end."""
    broker = mosquitto()
    acknowledged: list[int] = []
    async with link(broker, version=version) as it:

        async def publish(number: int) -> None:
            await it.publish(f"t/{number}", b"x", retain=True)
            acknowledged.append(number)

        await up(it)
        broker.freeze()
        work = asyncio.gather(*(publish(number) for number in range(50)))
        await asyncio.sleep(0.2)
        assert not acknowledged
        broker.kill()
        broker.start()
        await asyncio.wait_for(work, PATIENCE_S)
    found = tool(broker, "mosquitto_sub", "-t", "t/#", "-F", "%t", "-C", "50", "-W", f"{PATIENCE_S:g}").split()
    assert sorted(found) == sorted(f"t/{number}" for number in range(50))
    assert acknowledged == sorted(acknowledged)


async def test_publishing_can_be_cancelled_before_anything_was_sent(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    broker.stop()
    async with link(broker, "t") as it:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(it.publish("t", b"no"), 0.1)
        broker.start()
        await up(it)
        await it.publish("t", b"yes")
        assert await take(it, 1) == ["yes"]


async def test_publishing_to_a_broker_that_does_not_let_us_is_refused_with_mqtt_5(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic read #\n")
    broker = mosquitto(settings=f"acl_file {rules}")
    async with link(broker, version="5") as it:
        await up(it)
        with pytest.raises(Refused, match="not authorized"):
            await asyncio.wait_for(it.publish("t", b"x"), PATIENCE_S)


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_larger_than_the_broker_takes_is_given_up_and_what_waits_behind_goes(
    mosquitto: Mosquitto, version: MqttVersion
) -> None:
    broker = mosquitto(settings="max_packet_size 3000")
    async with link(broker, "t", "other", version=version) as it:
        await up(it)
        large = asyncio.create_task(it.publish("t", b"x" * 3001))
        behind = asyncio.create_task(it.publish("t", b"behind"))
        with pytest.raises(TooLarge, match=r"larger than the broker takes|the broker ended 5 connections right after"):
            await asyncio.wait_for(large, PATIENCE_S)
        await asyncio.wait_for(behind, PATIENCE_S)
        assert await take(it, 1) == ["behind"]
        await up(it)
        connects = broker.log.read_text().count("New client connected")
        assert connects == (1 if version == "5" else 6)
        with pytest.raises(TooLarge):  # learned
            await asyncio.wait_for(it.publish("t", b"x" * 3001), PATIENCE_S)
        await it.publish("t", b"y" * 2900)
        assert await take(it, 1) == ["y" * 2900]
        assert broker.log.read_text().count("New client connected") == connects


async def test_the_largest_message_that_the_broker_takes_is_sent(mosquitto: Mosquitto) -> None:
    """To the byte: a packet of PUBLISH with QoS 1 has 9 bytes beside the payload and a topic of one character."""
    broker = mosquitto(settings="max_packet_size 3000")
    async with link(broker, "t", version="5") as it:
        await up(it)
        with pytest.raises(TooLarge, match="3001 of 3000 bytes"):
            await asyncio.wait_for(it.publish("t", b"x" * 2992), PATIENCE_S)
        await asyncio.wait_for(it.publish("t", b"x" * 2991), PATIENCE_S)
        assert await take(it, 1) == ["x" * 2991]


async def test_a_broker_that_ends_every_connection_costs_no_message(mosquitto: Mosquitto) -> None:
    """It lets us in and is gone, again and again; nothing shows that the message would be the reason."""
    broker = mosquitto()
    broker.stop()
    ended = 0

    async def false_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal ended
        await reader.read(1000)
        writer.write(ACCEPTED)
        await asyncio.sleep(0.05)
        writer.close()
        ended += 1

    async with link(broker) as it:
        publishing = asyncio.create_task(it.publish("t", b"x", retain=True))
        server = await asyncio.start_server(false_broker, "127.0.0.1", broker.port)
        await until(lambda: ended > 8 or publishing.done())
        server.close()
        await server.wait_closed()
        broker.start()
        await asyncio.wait_for(publishing, PATIENCE_S)
    assert tool(broker, "mosquitto_sub", "-t", "t", "-C", "1", "-W", f"{PATIENCE_S:g}") == "x\n"


async def test_closing_ends_what_waits(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    broker.stop()
    it = link(broker, "t")
    it.start()
    publishing = asyncio.create_task(it.publish("t", b"x"))
    consuming = asyncio.create_task(take(it, 1))
    watching = asyncio.create_task(_all(it.connections()))
    await asyncio.sleep(0.1)
    await it.close()
    with pytest.raises(Unavailable, match="the link was closed"):
        await publishing
    with pytest.raises(Unavailable, match="the link was closed"):
        await it.publish("t", b"x")
    with pytest.raises(StopAsyncIteration):
        await consuming
    assert await watching == []


@pytest.mark.parametrize("topic", ["", "a/#", "+", "a\0b", "x" * 65536, "\ud800"])
async def test_a_topic_to_publish_to_has_no_wildcards(topic: str) -> None:
    with pytest.raises(ValueError, match=r"expected a topic|surrogates"):
        await MqttLink(MqttSettings()).publish(topic, b"x")


@pytest.mark.parametrize("topic", ["", "a#", "#/a", "a+/b", "a\0b", "x" * 65536, "\ud800"])
def test_wildcards_stand_where_they_mean_something(topic: str) -> None:
    with pytest.raises(ValueError, match=r"expected a topic|surrogates"):
        MqttLink(MqttSettings(), [topic])
    MqttLink(MqttSettings(), ["#", "+/a", "a/+/b/#", "$SYS/#"])


def test_paho_is_imported_when_a_connection_is_made() -> None:
    program = "import sys, evenkeel.controller.mqtt; print('paho' in sys.modules)"
    path = {"PYTHONPATH": str(ROOT / ".dev")}
    done = subprocess.run([sys.executable, "-c", program], env=path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("persistent", [True, False])
async def test_connections_are_made_again_with_their_subscriptions(mosquitto: Mosquitto, persistent: bool) -> None:
    broker = mosquitto(persistent=persistent)
    async with link(broker, "t") as it:
        states = it.connections()
        assert await asyncio.wait_for(anext(states), PATIENCE_S)
        for _ in range(3):
            broker.restart()
            assert not await asyncio.wait_for(anext(states), PATIENCE_S)
            assert await asyncio.wait_for(anext(states), PATIENCE_S)
            pub(broker, "t", "x")
            assert await take(it, 1) == ["x"]
        await states.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_refused_subscription_is_no_connection_and_is_tried_again(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture, version: MqttVersion
) -> None:
    broker = mosquitto(hearable=["open"])
    async with link(broker, "open", "secret", version=version) as it:
        states = it.connections()
        await until(lambda: it.why == "the broker refuses the subscription to secret")
        assert not it.connected
        pub(broker, "open", "x")
        assert await take(it, 1) == ["x"], "what was not refused is heard"
        await it.publish("t", b"x")
        await until(lambda: broker.log.read_text().count("Received SUBSCRIBE from evenkeel-test") > 3)
        assert not it.connected
        broker.allow_all_topics()
        assert await asyncio.wait_for(anext(states), PATIENCE_S)
        assert (it.connected, it.why) == (True, "")
        pub(broker, "secret", "y")
        assert await take(it, 1) == ["y"]
        await states.aclose()  # type: ignore[attr-defined]
    assert broker.log.read_text().count("Sending CONNACK to evenkeel-test") == 1
    assert caplog.messages.count("subscription refused") == 1


async def test_a_topic_that_is_added_later_and_refused_takes_the_connection_down(mosquitto: Mosquitto) -> None:
    broker = mosquitto(hearable=["open"])
    async with link(broker, "open") as it:
        await up(it)
        it.subscribe("secret")
        await until(lambda: it.why == "the broker refuses the subscription to secret")
        assert not it.connected
        await asyncio.to_thread(broker.restart)
        await until(lambda: broker.log.read_text().count("Sending CONNACK to evenkeel-test") == 2)
        await until(lambda: it.why == "the broker refuses the subscription to secret")
        assert not it.connected


async def test_a_silent_network_is_noticed(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    it = link(broker, "t", keep_alive=timedelta(seconds=1), connect_timeout=timedelta(seconds=1))
    async with it:
        await up(it)
        seen = list[str]()
        it.on_change = lambda: seen.append(it.why)
        broker.freeze()
        await until(lambda: "no answer from the broker" in seen)
        assert next(why for why in seen if why) == "the broker fell silent"
        broker.thaw()
        await up(it)


async def test_closing_ends_soon_though_the_broker_does_not_answer(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evenkeel.controller.mqtt.link._CLOSE_S", 0.5)
    broker = mosquitto()
    async with link(broker, "t") as it:
        await up(it)
        broker.freeze()
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 60, "it waited for the broker"


async def test_the_last_will_is_spoken_by_who_dies_and_not_by_who_leaves(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    will = WillSettings("gone", "silent", retain=True)
    async with link(broker, "gone", client="watcher") as watcher:
        await up(watcher)
        async with link(broker, client="victim", will=will) as it:
            await up(it)
            await it.publish("gone", b"I leave")
        async with victim(broker) as killed:
            pub(broker, "t", "are you there?")
            assert await asyncio.to_thread(killed.stdout.readline) == "are you there?\n"
        assert await take(watcher, 2) == ["I leave", "silent"]


async def test_two_with_one_name_do_not_storm_the_broker(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    async with link(broker) as one, link(broker) as other:
        started = asyncio.get_running_loop().time()
        await until(lambda: broker.log.read_text().count("New client connected") > 2)
        await asyncio.sleep(2)
        await until(lambda: bool(one.why or other.why))
        took_s = asyncio.get_running_loop().time() - started
    connects = broker.log.read_text().count("New client connected")
    assert connects / took_s < 30


@pytest.mark.parametrize("version", VERSIONS)
async def test_who_is_taken_for_another_again_and_again_says_so(mosquitto: Mosquitto, version: MqttVersion) -> None:
    """This broker only ends the connection of the older one, with either version."""
    broker = mosquitto()
    it, seen = link(broker, "t", version=version), list[str]()
    it.on_change = lambda: seen.append(it.why)
    async with it:
        await up(it)
        async with link(broker, "t", version=version):
            await until(lambda: seen[-1].endswith("; another client may use the clientId evenkeel-test"))
        await up(it)
        broker.stop()
        await until(lambda: seen[-1] == "connection refused")
        broker.start()
        await up(it)
        broker.stop()
        await until(lambda: bool(seen[-1]))
        assert "another client" not in seen[-1]
    assert seen.count("the connection was lost") >= 2


async def test_what_is_too_large_is_not_taken_for_another_client(mosquitto: Mosquitto) -> None:
    broker = mosquitto(settings="max_packet_size 2000")
    it, seen = link(broker, "t"), list[str]()
    it.on_change = lambda: seen.append(it.why)
    async with it:
        with pytest.raises(TooLarge):
            await it.publish("t", bytes(3000))
    assert "the connection was lost" in seen
    assert not [why for why in seen if "another client" in why]


async def test_a_broker_that_says_who_took_the_session_is_believed(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    broker.stop()

    async def false_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read(1000)
            writer.write(b"\x20\x03\x00\x00\x00" + b"\xe0\x02\x8e\x00")  # accepted, and taken over
            await reader.read()
        writer.close()

    server = await asyncio.start_server(false_broker, "127.0.0.1", broker.port)
    async with link(broker, "t", version="5") as it:
        told = "ended by the broker: session taken over; another client uses the clientId evenkeel-test"
        await until(lambda: it.why == told)
    server.close()
    await server.wait_closed()


async def test_every_change_is_told(mosquitto: Mosquitto) -> None:
    broker = mosquitto(hearable=["open"])
    broker.stop()
    it, seen = link(broker, "secret"), list[tuple[bool, str]]()
    it.on_change = lambda: seen.append((it.connected, it.why))
    async with it:
        await until(lambda: bool(seen))
        assert seen[-1] == (False, "connection refused")
        broker.start()
        await until(lambda: seen[-1] == (False, "the broker refuses the subscription to secret"))
        broker.allow_all_topics()
        await until(lambda: seen[-1] == (True, ""))


async def test_nothing_hinders_a_start_and_an_end_without_broker(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    broker.stop()
    async with link(broker, "t") as it:
        await until(lambda: it.why != "not started")
        assert not it.connected
    unstarted = link(broker, "t")
    await unstarted.close()


# ── being let in ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", VERSIONS)
async def test_passwords_are_read_at_every_connection_and_never_told(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture, version: MqttVersion
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = mosquitto(users={"me": "old s3cret: ü"})
    user, password = tmp_path / "user", tmp_path / "password"
    user.write_text("me\n")
    files: dict[str, Any] = {"username_file": str(user), "password_file": str(password)}
    async with link(broker, version=version, **files) as it:
        await until(lambda: it.why == f"{password} cannot be read: No such file or directory")
        password.write_text("wrong s3cret\n")
        await until(
            lambda: (
                it.why in ("refused by the broker: not authorized", "refused by the broker: bad user name or password")
            )
        )
        password.write_text("old s3cret: ü\n")
        states = it.connections()
        assert await asyncio.wait_for(anext(states), PATIENCE_S)
        broker.set_users({"me": "new s3cret"})
        password.write_text("new s3cret")
        broker.restart()
        assert not await asyncio.wait_for(anext(states), PATIENCE_S)
        assert await asyncio.wait_for(anext(states), PATIENCE_S)
        await states.aclose()  # type: ignore[attr-defined]
    assert "s3cret" not in "".join(f"{record.__dict__}" for record in caplog.records)


async def test_a_password_may_stand_inside_of_json(mosquitto: Mosquitto, tmp_path: Path) -> None:
    broker = mosquitto(users={"me": "s3cret"})
    file = tmp_path / "config.json"
    file.write_text('{"connection": {"client_password": "s3cret"}, "other": [1]}')
    access: dict[str, Any] = {"username": "me", "password_file": str(file)}
    async with link(broker, password_key="connection.client_password", **access) as it:
        await up(it)
    async with link(broker, password_key="other.client_password", **access) as it:
        await until(lambda: it.why == f"{file} does not hold what it should")
    file.write_text('{"connection": s3cret}')
    async with link(broker, password_key="connection.client_password", **access) as it:
        await until(lambda: it.why == f"{file} is no valid JSON")


def certificates(broker: Broker, **other: str) -> TlsSettings:
    files = {"root_ca": "ca.crt", "client_cert": "client.crt", "client_key": "client.key", **other}
    return TlsSettings(**{name: f"{broker.folder}/{file}" if file else "" for name, file in files.items()})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scheme", ["ssl", "ws", "wss"])
async def test_brokers_are_reached_through_tls_and_websocket(
    mosquitto: Mosquitto, scheme: str, version: MqttVersion
) -> None:
    broker = mosquitto(secure=True)
    port = {"ssl": broker.tls_port, "ws": broker.ws_port, "wss": broker.wss_port}[scheme]
    tls = certificates(broker) if scheme != "ws" else TlsSettings()
    async with link(broker, "t", broker=f"{scheme}://localhost:{port}", tls=tls, version=version) as it:
        await up(it)
        text = "x" * 9_000
        await it.publish("t", text.encode())
        assert await take(it, 1) == [text]


def sends_at_once(port: int) -> list[bool]:
    """Of each connection of this process to the port: whether the system sends small packets at once."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        if not entry.is_socket():
            continue
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(entry.name))) as own:  # some have no peer
            if own.getpeername()[1:2] == (port,):
                found.append(bool(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
    return found


@pytest.mark.parametrize("scheme", ["tcp", "ssl", "ws", "wss"])
async def test_a_small_packet_does_not_wait_for_the_acknowledgement_of_another(
    mosquitto: Mosquitto, scheme: str
) -> None:
    """On the first connection and on the next one."""
    broker = mosquitto(secure=True)
    port = {"tcp": broker.port, "ssl": broker.tls_port, "ws": broker.ws_port, "wss": broker.wss_port}[scheme]
    tls = certificates(broker) if scheme in ("ssl", "wss") else TlsSettings()
    async with link(broker, "t", broker=f"{scheme}://localhost:{port}", tls=tls) as it:
        await up(it)
        assert sends_at_once(port) == [True]
        broker.stop()
        await until(lambda: not it.connected)
        broker.start()
        await up(it)
        assert sends_at_once(port) == [True]


@pytest.mark.parametrize(
    ("files", "host", "why"),
    [
        ({"root_ca": "another-ca.crt"}, "localhost", "self-signed certificate in certificate chain"),
        ({"root_ca": ""}, "localhost", "self-signed certificate in certificate chain"),
        ({}, "127.0.0.1", "ip address mismatch, certificate is not valid for '127.0.0.1'."),
        ({"root_ca": "no.crt"}, "localhost", "no.crt: cannot be used: No such file or directory"),
        ({"root_ca": "ca.key"}, "localhost", "ca.key: cannot be used: NO_CERTIFICATE_OR_CRL_FOUND"),
        ({"client_key": "server.key"}, "localhost", "server.key: cannot be used: KEY_VALUES_MISMATCH"),
        (
            {"client_cert": "", "client_key": ""},
            "localhost",
            "lost before the broker let anybody in; does it want a client certificate (`mqtt.tls.clientCert`)?",
        ),
    ],
)
async def test_cfg_8_who_is_not_who_it_should_be_is_not_talked_to(
    mosquitto: Mosquitto, files: dict[str, str], host: str, why: str
) -> None:
    broker = mosquitto(secure=True)
    tls = certificates(broker, **files)
    async with link(broker, broker=f"ssl://{host}:{broker.tls_port}", tls=tls) as it:
        await until(lambda: it.why != "not started")
        assert it.why.endswith(why)


def test_cfg_8_the_broker_is_verified_and_old_tls_is_not_spoken(mosquitto: Mosquitto) -> None:
    broker = mosquitto(secure=True)
    tls = read_access(MqttSettings(broker="ssl://localhost", tls=certificates(broker))).tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_who_speaks_in_clear_to_a_port_for_tls_is_asked_whether_it_is_one(mosquitto: Mosquitto) -> None:
    broker = mosquitto(secure=True)
    async with link(broker, broker=f"tcp://localhost:{broker.tls_port}") as it:
        await until(lambda: it.why != "not started")
        assert it.why == "the connection was lost before the broker let anybody in; does it expect TLS (`ssl://`)?"


async def test_who_speaks_tls_to_a_port_that_does_not_is_asked_whether_it_does(mosquitto: Mosquitto) -> None:
    """N29: `connection reset by peer`, and nothing else."""
    broker = mosquitto(secure=True)
    async with link(broker, broker=f"ssl://localhost:{broker.port}", tls=certificates(broker)) as it:
        await until(lambda: it.why != "not started")
        assert it.why.endswith(f"; does the broker speak TLS at port {broker.port}?")


async def test_a_renewed_certificate_is_used_at_the_next_connection(mosquitto: Mosquitto, tmp_path: Path) -> None:
    broker = mosquitto(secure=True)
    ca = tmp_path / "ca.crt"
    ca.write_bytes((broker.folder / "another-ca.crt").read_bytes())
    tls = TlsSettings(str(ca), f"{broker.folder}/client.crt", f"{broker.folder}/client.key")
    async with link(broker, broker=f"ssl://localhost:{broker.tls_port}", tls=tls) as it:
        await until(lambda: "self-signed" in it.why)
        ca.write_bytes((broker.folder / "ca.crt").read_bytes())
        await up(it)


def test_the_name_of_the_session_stays_and_tells_nothing(tmp_path: Path) -> None:
    machine = tmp_path / "machine-id"
    machine.write_text("0123456789abcdef0123456789abcdef\n")
    name = client_id_of(MqttSettings(), machine)
    assert name == client_id_of(MqttSettings(), machine)
    assert name.startswith("evenkeel-")
    assert len(name) <= 23
    assert "0123" not in name
    assert client_id_of(MqttSettings(), tmp_path / "none") != name
    assert client_id_of(MqttSettings(client_id="mine")) == "mine"


# ── nonsense ────────────────────────────────────────────────────────────────────────────────────────────────────────────

ACCEPTED, SUBSCRIBED = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01"


def publish_packet(topic: bytes, payload: bytes, mid: int) -> bytes:
    body = len(topic).to_bytes(2) + topic + mid.to_bytes(2) + payload
    return bytes([0x32, len(body)]) + body


NONSENSE = [
    b"",
    b"\x00" * 20,
    b"\xff" * 20,
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x20\x02\x00\x05",
    b"\x20\x02\x00\x63",
    b"\x20\x01\x00",
    ACCEPTED + b"\x90\x00",
    ACCEPTED + b"\x90\x02\x00\x07" + b"\x90\x03\x00\x01\x80",
    ACCEPTED + SUBSCRIBED + b"\x40\x02\xff\xff" + b"\x40\x00",
    ACCEPTED + SUBSCRIBED + b"\x32\x03\x00\x09a",
    ACCEPTED + SUBSCRIBED + b"\x36\x05\x00\x01a\x00\x01",
    ACCEPTED + SUBSCRIBED + b"\x30\xff\xff\xff\xff\x7f",
    ACCEPTED + SUBSCRIBED + b"\xd0\x05hello",
    ACCEPTED + ACCEPTED + SUBSCRIBED + SUBSCRIBED + b"\xe0\x00",
]


@pytest.mark.parametrize("version", VERSIONS)
async def test_whatever_a_broker_says_the_link_goes_on(mosquitto: Mosquitto, version: MqttVersion) -> None:
    """A false broker says all kinds of things; then a true one takes its place."""
    broker = mosquitto()
    broker.stop()
    said: list[bytes] = []

    async def false_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            await asyncio.wait_for(reader.read(1000), 5)
            said.append(NONSENSE[len(said) % len(NONSENSE)])
            writer.write(said[-1])
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.close()

    async with link(broker, "t", version=version, connect_timeout=timedelta(milliseconds=500)) as it:
        server = await asyncio.start_server(false_broker, "127.0.0.1", broker.port)
        await until(lambda: len(said) > len(NONSENSE))
        server.close()
        await server.wait_closed()
        broker.start()
        await up(it)
        await it.publish("t", b"x")
        assert await take(it, 1) == ["x"]


async def test_a_topic_that_is_no_text_is_reported_and_acknowledged(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    broker = mosquitto()
    broker.stop()
    heard = bytearray()

    async def false_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(ACCEPTED + SUBSCRIBED + publish_packet(b"t\xff", b"bad", 7) + publish_packet(b"t", b"good", 8))
        with contextlib.suppress(OSError):
            while some := await reader.read(1000):
                heard.extend(some)
        writer.close()

    server = await asyncio.start_server(false_broker, "127.0.0.1", broker.port)
    async with link(broker, "t") as it:
        assert await take(it, 1) == ["good"]
        await until(lambda: heard.endswith(b"\x40\x02\x00\x07\x40\x02\x00\x08"))
    server.close()
    await server.wait_closed()
    assert heard.endswith(b"\xe0\x00")  # DISCONNECT
    (dropped,) = [record for record in caplog.records if record.message == "message dropped"]
    assert dropped.__dict__["fields"]["why"] == "the topic is no UTF-8 text"


async def test_a_server_that_is_no_broker_leaves_no_socket_open(mosquitto: Mosquitto) -> None:
    """Python would warn of a socket that nobody closed, and a warning fails the test."""
    broker = mosquitto()
    for scheme in ("ws", "ssl", "wss"):
        async with link(
            broker, broker=f"{scheme}://127.0.0.1:{broker.port}", connect_timeout=timedelta(seconds=1)
        ) as it:
            await until(lambda: it.why != "not started")


# ── tools ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _all(states: AsyncIterator[bool]) -> list[bool]:
    return [state async for state in states]
