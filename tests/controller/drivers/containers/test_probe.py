"""One try of a network probe against servers of all tempers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.engines.machine import free_port

from evenkeel.controller.drivers.containers.probe import Probes, fault
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, ExecProbe, Health, HttpProbe, Port, TcpProbe
from evenkeel.specs.containers.observed import ContainerSeen

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HERE = "127.0.0.1"


def http(port: int, path: str = "/", timeout_s: float = 5.0) -> Health:
    return Health(HttpProbe(port, path), timeout=timedelta(seconds=timeout_s))


@asynccontextmanager
async def serving(answer: bytes, address: str = HERE, *, hang: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A port that says `answer` to every request, and what it was asked."""
    asked: list[bytes] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(4096))
        writer.write(answer)
        if hang:
            await done.wait()
        writer.close()

    server = await asyncio.start_server(serve, address, 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        done.set()
        server.close()


def answer(status: int, head: str = "") -> bytes:
    return f"HTTP/1.1 {status} x\r\n{head}Content-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(200), ""),
        (answer(204), ""),
        (answer(301, "Location: /login\r\n"), ""),
        (answer(399), ""),
        (answer(400), " answered 400"),
        (answer(404, "X: hunter2\r\n"), " answered 404"),
        (answer(500), " answered 500"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(200), ""),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(503), " answered 503"),
        (b"HTTP/1.0 200 OK\r\n\r\nand a body without a length", ""),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ": the answer is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, ": the answer is no HTTP"),
        (b"HTTP/1.1 200", ": the answer is no HTTP"),
        (b"", ": the connection was closed without an answer"),
    ],
)
async def test_an_http_probe(said: bytes, why: str) -> None:
    """S5: and which answer it was, without anything that may be secret."""
    async with serving(said) as (port, _):
        found = await fault(http(port, "/live?token=hunter2 hunter2"), HERE)
        assert found == (f"GET :{port}/live?(hidden){why}" if why else "")


async def test_what_an_http_probe_asks() -> None:
    async with serving(answer(200)) as (port, asked):
        assert not await fault(http(port, "/live?a=b&c=%20d e/é"), HERE)
    first, *headers = asked[0].decode().split("\r\n")
    assert first == "GET /live?a=b&c=%20d%20e/%C3%A9 HTTP/1.1"
    assert f"Host: {HERE}:{port}".lower() in [header.lower() for header in headers]


async def test_ipv6() -> None:
    async with serving(answer(200), "::1") as (port, asked):
        assert not await fault(http(port), "::1")
        assert not await fault(Health(TcpProbe(port)), "::1")
    assert f"[::1]:{port}".encode() in asked[0]


async def test_silence_lasts_no_longer_than_the_timeout() -> None:
    async with serving(b"", hang=True) as (port, _):
        begun = asyncio.get_running_loop().time()
        assert await fault(http(port, timeout_s=0.2), HERE) == f"GET :{port}/ timed out after 0.2 s"
        assert asyncio.get_running_loop().time() - begun < 20
        assert not await fault(Health(TcpProbe(port)), HERE)


async def test_nobody_listens() -> None:
    port = free_port()
    assert await fault(http(port), HERE) == f"GET :{port}/: connection refused"
    assert await fault(Health(TcpProbe(port)), HERE) == f"TCP :{port}: connection refused"
    assert await fault(Health(TcpProbe(9)), "256.0.0.1") == "TCP :9: the connection failed", "no error of a system"
    async with serving(b"") as (own, _):
        assert len(await fault(http(own, "/" + "x" * 10_000), HERE)) < 200


async def test_a_container_without_an_address_is_not_the_host_itself() -> None:
    async with serving(answer(200)) as (port, asked):
        assert await fault(http(port), "") == f"GET :{port}/: the container has no address"
        assert await fault(Health(TcpProbe(port)), "") == f"TCP :{port}: the container has no address"
    assert asked == []


async def test_a_probe_that_takes_long_holds_up_no_look() -> None:
    """Looks of every container waited for it, as long as a spec had made it, and the watchdog ended the controller."""
    asked_again: list[str] = []
    probes = Probes(lambda: asked_again.append("again"))
    seen = ContainerSeen("c1", "slow", "slow", "sha256:1", "running", address=HERE)
    async with serving(b"", hang=True) as (silent, asked), serving(answer(200)) as (well, _):
        async with asyncio.timeout(240):
            for _look in range(3):
                assert (await probes.over_time(seen, http(silent, timeout_s=86400), 100)).health == "starting"
            assert len(asked) == 1, "the same probe goes on beside the looks"
            assert (await probes.over_time(seen, http(well), 100)).health == "healthy", "what is asked for now counts"
            await probes.close()


async def test_why_the_newest_probe_failed_is_part_of_what_is_seen() -> None:
    probes = Probes(lambda: None)
    seen = ContainerSeen("c1", "web", "web", "sha256:1", "running", address=HERE)
    async with serving(answer(404)) as (port, _):
        found = [await probes.once(seen, http(port)), await probes.over_time(seen, http(port), 100)]
    await probes.close()
    assert [(each.health, each.check and each.check.cause) for each in found] == [
        ("unhealthy", f"GET :{port}/ answered 404")
    ] * 2


async def test_where_addresses_cannot_be_reached_the_port_that_is_published_is_asked() -> None:
    """Another container may be at that address."""
    probes = Probes(lambda: None)
    probes.at_host = True
    async with serving(answer(200)) as (port, _), serving(answer(500), "127.0.0.2") as (other, _):
        web = Container("web", "web:1", ports=(Port(port, 80), Port(port, other, protocol="udp")))
        seen = ContainerSeen("c1", "web", "web", "sha256:1", "running", web, address="127.0.0.2")
        assert (await probes.once(seen, http(80))).health == "healthy"
        hidden = await probes.once(seen, http(other))
        assert (hidden.health, hidden.check and hidden.check.cause) == (
            "unhealthy",
            f"GET :{other}/: the container has no address",
        )
        six = changed(web, ports=(Port(port, 80, "127.0.0.3"),))
        assert (await probes.once(changed(seen, container=six), http(80))).health == "unhealthy", "only there"


async def test_commands_are_the_engines() -> None:
    with pytest.raises(ValueError, match="engine"):
        await fault(Health(ExecProbe(("/bin/true",))), HERE)
