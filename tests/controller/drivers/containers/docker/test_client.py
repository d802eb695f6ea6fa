"""The engine client against a server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.engines.scripted import CHUNKED, NO_CONTENT, PING, Peer, Server, answer, chunk, mute, until

from evenkeel.controller.drivers.containers.docker.client import NOTHING, EngineAnswer, EngineClient
from evenkeel.specs.errors import SettingsError, TimedOut, Unavailable

pytestmark = pytest.mark.virtual


@pytest.fixture
async def client(server: Server) -> AsyncIterator[EngineClient]:
    it = EngineClient(server.address)
    yield it
    await it.close()


# -- what is sent ------------------------------------------------------------------------------------------------------


async def test_speaks_the_engines_version_and_asks_for_it_once(server: Server, client: EngineClient) -> None:
    for _ in range(2):
        await client.call(
            "GET", "/containers/json", {"all": True, "filters": {"label": ["a=b"]}, "t": 3, "name": "x y"}
        )
    expected = "GET /v1.41/containers/json?all=true&filters=%7B%22label%22%3A+%5B%22a%3Db%22%5D%7D&t=3&name=x+y"
    assert server.first_lines == ["GET /_ping", expected, expected]


@pytest.mark.parametrize(("engine", "spoken"), [("1.40", "1.40"), ("1.41", "1.41"), ("1.44", "1.44"), ("1.52", "1.44")])
async def test_speaks_no_newer_version_than_it_knows(
    server: Server, client: EngineClient, engine: str, spoken: str
) -> None:
    server.ping = PING.replace(b"1.41", engine.encode())
    await client.call("GET", "/info")
    assert server.first_lines[-1] == f"GET /v{spoken}/info"


async def test_refuses_an_engine_that_is_too_old(server: Server, client: EngineClient) -> None:
    server.ping = PING.replace(b"1.41", b"1.9")
    with pytest.raises(Unavailable, match=r"too old: it speaks API 1\.9; evenkeel needs 1\.40"):
        await client.call("GET", "/info")
    server.ping = PING
    assert (await client.call("GET", "/info"))[0] == 200, "it was replaced"


async def test_a_server_that_is_no_engine_is_unavailable(server: Server, client: EngineClient) -> None:
    server.ping = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
    with pytest.raises(Unavailable, match="does not say which engine API"):
        await client.call("GET", "/info")


async def test_asks_for_the_version_again_when_the_engine_was_replaced(server: Server, client: EngineClient) -> None:
    await client.call("POST", "/x")
    await server.stop()
    server.ping = PING.replace(b"1.41", b"1.43")
    await server.start()
    await client.call("POST", "/y")
    assert server.first_lines == ["GET /_ping", "POST /v1.41/x", "GET /_ping", "POST /v1.43/y"]


async def test_sends_a_body_as_json_and_headers(server: Server, client: EngineClient) -> None:
    await client.call("POST", "/containers/create", {"name": "web"}, {"Image": "é"}, {"X-Registry-Auth": "e30="})
    first, *headers, body = server.asked[-1].split("\n")
    assert first == "POST /v1.41/containers/create?name=web HTTP/1.1"
    assert headers == [
        "content-length: 19",
        "content-type: application/json",
        "host: engine",
        "x-registry-auth: e30=",
    ]
    assert json.loads(body) == {"Image": "é"}


async def test_a_path_cannot_smuggle_a_query_or_a_second_request(server: Server, client: EngineClient) -> None:
    await client.call("DELETE", "/images/a.b:1/c@sha256:0?force=1#x\r\nHost: y")
    assert server.first_lines[-1] == "DELETE /v1.41/images/a.b:1/c@sha256:0%3Fforce%3D1%23x%0D%0AHost%3A%20y".replace(
        "%3A", ":"
    )


async def test_an_empty_body_is_sent_as_what_it_is(server: Server, client: EngineClient) -> None:
    await client.call("POST", "/x", body={})
    assert server.asked[-1].endswith("\n{}")
    await client.call("POST", "/x")
    assert "content-length: 0" in server.asked[-1]
    assert "content-type" not in server.asked[-1]


@pytest.mark.parametrize("address", ["", "/run/docker.sock", "unix://", "unix://a", "tcp://127.0.0.1:1", "http://a:1"])
def test_a_wrong_address_is_the_operators_mistake(address: str) -> None:
    with pytest.raises(SettingsError, match="an engine's address is unix:///path"):
        EngineClient(address)


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (NO_CONTENT, (204, NOTHING)),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", (304, NOTHING)),
        (answer(None), (200, None)),
        (answer([1, {"a": None}]), (200, [1, {"a": None}])),
        (answer({"Id": "x"}, "201 Created"), (201, {"Id": "x"})),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK", (200, NOTHING)),
        (CHUNKED + chunk(b'{"a"') + chunk(b":1}") + b"0\r\n\r\n", (200, {"a": 1})),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + NO_CONTENT, (204, NOTHING)),
    ],
)
async def test_understands(server: Server, client: EngineClient, sent: bytes, expected: object) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(sent)

    server.reply = reply
    assert await client.call("GET", "/x") == expected
    assert await client.call("GET", "/x") == expected
    assert len(server.peers) == 1


async def test_understands_an_answer_that_comes_byte_by_byte(server: Server, client: EngineClient) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(*(bytes([each]) for each in answer({"a": "é"})))

    server.reply = reply
    assert await client.call("GET", "/x") == (200, {"a": "é"})


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (answer({"message": "No such container: x"}, "404 Not Found"), 404, "No such container: x"),
        (answer({"message": "Conflict."}, "409 Conflict"), 409, "Conflict."),
        (answer({"message": "driver failed"}, "500 Internal Server Error"), 500, "driver failed"),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 8\r\n\r\ntoo old\n", 400, "too old"),
        (answer([1], "400 Bad Request"), 400, "[1]"),
        (answer({"message": 1}, "400 Bad Request"), 400, '{"message": 1}'),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", 502, "Bad Gateway"),
    ],
)
async def test_a_no_carries_status_and_text(
    server: Server, client: EngineClient, sent: bytes, status: int, message: str
) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(sent)

    server.reply = reply
    with pytest.raises(EngineAnswer) as caught:
        await client.call("GET", "/x")
    assert (caught.value.status, caught.value.message) == (status, message)
    assert caught.value.element == f"engine:{server.address}"
    with pytest.raises(EngineAnswer):
        await client.call("GET", "/x")
    assert len(server.peers) == 1  # a no is a complete answer: the connection is kept


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"\x00\xff" * 100,
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        CHUNKED + b"5\r\n[1,",
        CHUNKED + b"nonsense\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(20_000)) + b"\r\n",
        answer({}).replace(b"{}", b"{x"),
        answer({}).replace(b"{}", b"\xff\xfe"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n" + b"x" * 40_000_000,
    ],
    ids=["ssh", "bytes", "short", "cut head", "cut chunk", "chunk", "long header", "headers", "json", "utf8", "huge"],
)
async def test_garbage_is_unavailable_and_the_next_call_is_well(
    server: Server, client: EngineClient, sent: bytes
) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(sent)
        peer.drop()

    server.reply = reply
    with pytest.raises(Unavailable):
        await client.call("GET", "/x", timeout_s=60)
    server.reply = server._ok
    assert (await client.call("GET", "/x"))[0] == 200


async def test_what_follows_an_answer_unasked_is_not_taken_for_the_next_one(
    server: Server, client: EngineClient
) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(answer("first") + answer("forged"))

    server.reply = reply
    await client.call("GET", "/x")
    server.reply = server._ok
    assert await client.call("GET", "/x") == (200, {"connection": 2})


# -- connections -------------------------------------------------------------------------------------------------------


async def test_keeps_one_connection_for_calls_after_each_other(server: Server, client: EngineClient) -> None:
    assert [await client.call("POST", "/x") for _ in range(5)] == [(200, {"connection": 1})] * 5


async def test_opens_no_more_connections_than_allowed(server: Server) -> None:
    busy = most = 0

    async def reply(peer: Peer) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.01)
        busy -= 1
        await peer.send(NO_CONTENT)

    server.reply = reply
    client = EngineClient(server.address, limit=3)
    await asyncio.gather(*(client.call("GET", "/x") for _ in range(20)))
    assert most == 3
    assert len(server.peers) == 3
    await client.close()


async def test_a_connection_that_the_engine_does_not_keep_is_not_kept(server: Server, client: EngineClient) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(answer(peer.number, more=b"Connection: close\r\n"))

    server.reply = reply
    assert [await client.call("POST", "/x") for _ in range(2)] == [(200, 1), (200, 2)]


async def test_an_idle_connection_that_was_closed_is_replaced_even_for_a_post(
    server: Server, client: EngineClient
) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(answer(peer.number))
        peer.drop()

    server.reply = reply
    assert await client.call("POST", "/x") == (200, 1)
    await asyncio.sleep(0.05)  # until the end of the connection has arrived
    assert await client.call("POST", "/x") == (200, 2)


class Dropping:
    """Answers once on every connection and drops it at the next request, having read it: a restart in the wrong moment."""

    def __init__(self, before: bytes = b"") -> None:
        self._seen: set[int] = set()
        self._before = before

    async def __call__(self, peer: Peer) -> None:
        if peer.number in self._seen:
            await peer.send(self._before)
            peer.drop()
            raise ConnectionResetError
        self._seen.add(peer.number)
        await peer.send(answer(peer.number))


async def test_a_read_is_repeated_once_when_a_kept_connection_is_dropped(server: Server, client: EngineClient) -> None:
    server.reply = Dropping()
    assert [await client.call("GET", f"/{n}") for n in "ab"] == [(200, 1), (200, 2)]
    assert server.first_lines == ["GET /_ping", "GET /v1.41/a", "GET /v1.41/b", "GET /_ping", "GET /v1.41/b"]


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_what_changes_the_world_is_never_repeated(server: Server, client: EngineClient, method: str) -> None:
    server.reply = Dropping()
    await client.call("GET", "/a")
    with pytest.raises(Unavailable, match=f"{method} /b: "):
        await client.call(method, "/b")
    assert [line for line in server.first_lines if "/b" in line] == [f"{method} /v1.41/b"]


async def test_nothing_is_repeated_when_an_answer_had_begun(server: Server, client: EngineClient) -> None:
    server.reply = Dropping(before=b"HTTP/1.1 20")
    await client.call("GET", "/a")
    with pytest.raises(Unavailable):
        await client.call("GET", "/b")
    assert len([line for line in server.first_lines if "/b" in line]) == 1


async def test_a_new_connection_that_is_dropped_is_not_tried_again(server: Server, client: EngineClient) -> None:
    async def reply(peer: Peer) -> None:
        raise ConnectionResetError

    server.reply = reply
    with pytest.raises(Unavailable):
        await client.call("GET", "/a")
    assert len(server.peers) == 1


@pytest.mark.parametrize(
    ("given", "context", "told"),
    [
        ({}, "", ""),
        ({}, "default", ""),
        ({"DOCKER_CONTEXT": "far"}, "", "; evenkeel does not look at $DOCKER_CONTEXT"),
        ({}, "far", "; evenkeel does not look at the context of the docker command"),
        (
            {"DOCKER_CONTEXT": "near"},
            "far",
            "; evenkeel does not look at $DOCKER_CONTEXT and the context of the docker command",
        ),
    ],
)
async def test_where_docker_would_look_is_said_while_the_engine_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], context: str, told: str
) -> None:
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": context} if context else {}))
    with pytest.raises(Unavailable) as caught:
        await EngineClient(f"unix://{tmp_path}/none.sock").call("GET", "/info")
    assert caught.value.message.endswith(f"`--docker-address` says where it is{told}")


async def test_says_why_the_engine_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    missing = EngineClient(f"unix://{tmp_path}/none.sock")
    with pytest.raises(Unavailable) as caught:
        await missing.call("GET", "/info")
    hint = "is Docker running? `engine.address` or `--docker-address` says where it is"
    assert str(caught.value) == f"engine:unix://{tmp_path}/none.sock: GET /info: there is no such socket; {hint}"
    left = await asyncio.start_unix_server(lambda _r, _w: None, tmp_path / "left.sock")
    left.close()
    with pytest.raises(Unavailable, match="nobody listens there; is Docker running"):
        await EngineClient(f"unix://{tmp_path}/left.sock").call("GET", "/info")


# -- time --------------------------------------------------------------------------------------------------------------


async def test_gives_up_in_time_and_closes_the_connection(server: Server, client: EngineClient) -> None:
    server.reply = mute
    with pytest.raises(TimedOut, match=r"GET /x: no answer within 0\.05 s"):
        await client.call("GET", "/x", timeout_s=0.05)
    await asyncio.wait_for(server.peers[0].is_gone.wait(), 60)
    server.reply = server._ok
    assert await client.call("GET", "/x") == (200, {"connection": 2})


async def test_gives_up_on_amute_ping(server: Server, client: EngineClient) -> None:
    server.ping = b""
    with pytest.raises(TimedOut):
        await client.call("GET", "/x", timeout_s=0.05)


async def test_an_answer_that_drips_does_not_extend_the_time(server: Server, client: EngineClient) -> None:
    async def reply(peer: Peer) -> None:
        await peer.send(CHUNKED)
        while True:
            await peer.send(chunk(b" "))

    server.reply = reply
    with pytest.raises(TimedOut):
        await client.call("GET", "/x", timeout_s=0.1)


async def test_waiting_for_a_place_counts(server: Server) -> None:
    server.reply = mute
    client = EngineClient(server.address, limit=1)
    slow = asyncio.create_task(client.call("GET", "/slow"))
    await asyncio.sleep(0.01)
    with pytest.raises(TimedOut):
        await client.call("GET", "/quick", timeout_s=0.05)
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)


async def test_a_cancelled_call_is_cancelled_and_frees_its_place(server: Server) -> None:
    server.reply = mute
    client = EngineClient(server.address, limit=1)
    task = asyncio.create_task(client.call("POST", "/x"))
    await until(lambda: len(server.asked) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.peers[0].is_gone.wait(), 60)
    server.reply = server._ok
    assert await client.call("GET", "/x") == (200, {"connection": 2})
    await client.close()


async def test_the_time_of_a_caller_is_the_callers(server: Server, client: EngineClient) -> None:
    server.reply = mute
    with pytest.raises(TimeoutError):  # not TimedOut: the call did not give up
        async with asyncio.timeout(0.05):
            await client.call("GET", "/x")
