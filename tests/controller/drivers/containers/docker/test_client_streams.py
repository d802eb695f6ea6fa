"""The engine client's streams against a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from tests.engines.scripted import CHUNKED, Peer, Server, answer, chunk, mute, until

from evenkeel.controller.drivers.containers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.containers.docker.events import events
from evenkeel.specs.errors import TimedOut, Unavailable

pytestmark = pytest.mark.virtual


@pytest.fixture
async def client(server: Server) -> AsyncIterator[EngineClient]:
    it = EngineClient(server.address)
    yield it
    await it.close()


async def _listen(client: EngineClient, heard: list[Any], **options: Any) -> list[Any]:
    async with client.stream("GET", "/events", **options) as lines:
        async for line in lines:
            heard.append(line)  # noqa: PERF401 - what came before an error counts
    return heard


async def _all(client: EngineClient, **options: Any) -> list[Any]:
    return await _listen(client, [], **options)


@pytest.mark.parametrize(
    "pieces",
    [
        [b'{"a":1}\n{"b":"\xc3\xa9"}\r\n[2]\n'],
        [b'{"a":1}\n', b'{"b":"\xc3\xa9"}\r\n', b"[2]\n"],
        [bytes([each]) for each in b'{"a":1}\r\n{"b":"\xc3\xa9"}\r\n\r\n[2]'],
        [b'{"a"', b':1}\n{"b":"\xc3', b'\xa9"}', b"\n\n\n[2", b"]"],
    ],
    ids=["together", "one by one", "byte by byte", "split anywhere, last line open"],
)
async def test_a_stream_is_cut_into_objects_wherever_its_pieces_end(
    server: Server, client: EngineClient, pieces: list[bytes]
) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(CHUNKED, *map(chunk, pieces), b"0\r\n\r\n")

    server.reply = reply
    assert await _all(client) == [{"a": 1}, {"b": "é"}, [2]]


async def test_an_object_is_there_as_soon_as_its_line_is(server: Server, client: EngineClient) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(CHUNKED + chunk(b'{"n":1}\n{"n"'))
        await peer.until_gone()

    server.reply = reply
    async with client.stream("GET", "/events") as lines:
        assert await asyncio.wait_for(anext(lines), 60) == {"n": 1}


async def test_leaving_a_stream_closes_its_connection(server: Server, client: EngineClient) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(CHUNKED + chunk(b'{"n":1}\n{"n":2}\n'))
        await peer.until_gone()

    server.reply = reply
    async with client.stream("GET", "/events") as lines:
        async for _ in lines:
            break
    await asyncio.wait_for(server.peers[0].is_gone.wait(), 60)
    task = asyncio.create_task(_all(client))
    await until(lambda: len(server.asked) == 3)
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.peers[1].is_gone.wait(), 60)


async def test_streams_do_not_take_places_of_calls(server: Server) -> None:
    async def reply(peer: Peer) -> None:
        if "/events" in server.first_lines[-1]:
            await peer.send(CHUNKED)
            await peer.until_gone()
        await server._ok(peer)

    server.reply = reply
    client = EngineClient(server.address, limit=1)
    async with client.stream("GET", "/events"), client.stream("GET", "/events"):
        assert await client.call("GET", "/x", timeout_s=60) == (200, {"connection": 3})
    await client.close()


@pytest.mark.parametrize(
    "sent", [chunk(b'{"n":1}\n'), chunk(b'{"n":1}\n') + b"1f\r\n{", chunk(b'{"n":1}\nnonsense\n') + b"0\r\n\r\n"]
)
async def test_a_stream_that_breaks_off_says_so_after_what_came(
    server: Server, client: EngineClient, sent: bytes
) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(CHUNKED + sent)
        peer.drop()

    server.reply = reply
    heard: list[Any] = []
    with pytest.raises(Unavailable, match="GET /events: "):
        await _listen(client, heard)
    assert heard == [{"n": 1}]


@pytest.mark.parametrize("told", [b"", chunk(b"{}\n")], ids=["silent", "with an event"])
async def test_events_that_end_at_once_are_asked_for_less_and_less_often(
    server: Server, client: EngineClient, told: bytes
) -> None:
    """A proxy may accept each request and end each answer at once. One that has lasted makes the next wait short again."""
    now, lasts_s, answers = asyncio.get_running_loop().time, 0.0, list[tuple[float, float]]()

    async def reply(peer: Peer) -> None:
        begun_s = now()
        await peer.send(CHUNKED + told)
        await asyncio.sleep(lasts_s)
        answers.append((begun_s, now()))
        await peer.send(b"0\r\n\r\n")

    server.reply = reply
    async with aclosing(events(client, lambda _: True)) as heard:
        async for _ in heard:
            if now() >= 300:
                break
        assert 20 < len(answers) < 40
        answers.clear()
        lasts_s = 60.0
        async for _ in heard:
            if len(answers) == 4:
                break
    assert answers[3][0] - answers[2][1] < 1


async def test_a_stream_that_begins_with_a_no(server: Server, client: EngineClient) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(answer({"message": "manifest unknown"}, "404 Not Found"))

    server.reply = reply
    with pytest.raises(EngineAnswer, match="manifest unknown") as caught:
        await _all(client)
    assert caught.value.status == 404


async def test_a_stream_has_to_begin_in_time(server: Server, client: EngineClient) -> None:
    server.reply = mute
    with pytest.raises(TimedOut):
        await _all(client, timeout_s=0.05)


async def test_a_line_without_end_is_not_kept_for_ever(server: Server, client: EngineClient) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(CHUNKED)
        while True:
            await peer.send(chunk(b"x" * 100_000))

    server.reply = reply
    with pytest.raises(Unavailable, match="more than 1048576 bytes"):
        await _all(client)


async def test_an_error_of_the_one_who_reads_a_stream_passes_through(server: Server, client: EngineClient) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(CHUNKED + chunk(b"{}\n"))
        await peer.until_gone()

    async def read() -> None:
        async with client.stream("GET", "/events") as lines:
            async for _ in lines:
                raise OSError("mine")

    server.reply = reply
    with pytest.raises(OSError, match="mine"):
        await read()
