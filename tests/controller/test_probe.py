"""One try of a network probe against servers of all tempers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.engines.machine import free_port

from evenkeel.controller.probe import Probes, is_healthy
from evenkeel.specs.container import ExecProbe, Health, HttpProbe, TcpProbe
from evenkeel.specs.observed import ContainerSeen

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
    ("said", "healthy"),
    [
        (answer(200), True),
        (answer(204), True),
        (answer(301, "Location: /login\r\n"), True),
        (answer(399), True),
        (answer(400), False),
        (answer(404), False),
        (answer(500), False),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(200), True),
        (b"HTTP/1.0 200 OK\r\n\r\nand a body without a length", True),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, False),
        (b"", False),
    ],
)
async def test_an_http_probe(said: bytes, healthy: bool) -> None:
    async with serving(said) as (port, _):
        assert await is_healthy(http(port), HERE) is healthy


async def test_what_an_http_probe_asks() -> None:
    async with serving(answer(200)) as (port, asked):
        assert await is_healthy(http(port, "/live?a=b&c=%20d e/é"), HERE)
    first, *headers = asked[0].decode().split("\r\n")
    assert first == "GET /live?a=b&c=%20d%20e/%C3%A9 HTTP/1.1"
    assert f"Host: {HERE}:{port}".lower() in [header.lower() for header in headers]


async def test_ipv6() -> None:
    async with serving(answer(200), "::1") as (port, asked):
        assert await is_healthy(http(port), "::1")
        assert await is_healthy(Health(TcpProbe(port)), "::1")
    assert f"[::1]:{port}".encode() in asked[0]


async def test_silence_lasts_no_longer_than_the_timeout() -> None:
    async with serving(b"", hang=True) as (port, _):
        begun = asyncio.get_running_loop().time()
        assert not await is_healthy(http(port, timeout_s=0.2), HERE)
        assert asyncio.get_running_loop().time() - begun < 20
        assert await is_healthy(Health(TcpProbe(port)), HERE)


async def test_nobody_listens() -> None:
    port = free_port()
    assert not await is_healthy(http(port), HERE)
    assert not await is_healthy(Health(TcpProbe(port)), HERE)


async def test_a_container_without_an_address_is_not_the_host_itself() -> None:
    async with serving(answer(200)) as (port, asked):
        assert not await is_healthy(http(port), "")
        assert not await is_healthy(Health(TcpProbe(port)), "")
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


async def test_commands_are_the_engines() -> None:
    with pytest.raises(ValueError, match="engine"):
        await is_healthy(Health(ExecProbe(("/bin/true",))), HERE)
