"""The engine client against a real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from tests.engines.dockerd import Dockerd
from tests.engines.gate import Gate
from tests.engines.images import build, sleeper
from tests.engines.registry import Registry
from tests.engines.scripted import until

from evenkeel.controller.drivers.containers.docker.client import NOTHING, EngineAnswer, EngineClient
from evenkeel.specs.errors import TimedOut, Unavailable


@pytest.fixture
async def engine(clean_dockerd: Dockerd) -> AsyncIterator[EngineClient]:
    it = EngineClient(clean_dockerd.address)
    yield it
    await it.close()


async def test_makes_runs_and_removes_a_container(engine: Any, clean_dockerd: Dockerd) -> None:
    status, made = await engine.call("POST", "/containers/create", {"name": "it"}, {"Image": "sleeper:1"})
    assert (status, made["Warnings"]) == (201, [])
    assert await engine.call("POST", "/containers/it/start") == (204, NOTHING)
    assert await engine.call("POST", "/containers/it/start") == (304, NOTHING)
    assert clean_dockerd.containers() == {"it": "running"}
    _, listed = await engine.call("GET", "/containers/json", {"all": True, "filters": {"name": ["^/it$"]}})
    assert [each["Id"] for each in listed] == [made["Id"]]
    with pytest.raises(EngineAnswer, match="running container") as caught:
        await engine.call("DELETE", "/containers/it")
    assert caught.value.status == 409
    assert await engine.call("DELETE", "/containers/it", {"force": True}) == (204, NOTHING)
    assert clean_dockerd.containers() == {}


async def test_many_calls_at_once(engine: Any, clean_dockerd: Dockerd) -> None:
    for number in range(5):
        await engine.call("POST", "/containers/create", {"name": f"c{number}"}, {"Image": "sleeper:1"})
    found = await asyncio.gather(*(engine.call("GET", f"/containers/c{n % 5}/json") for n in range(50)))
    assert [answer["Name"] for _, answer in found] == [f"/c{n % 5}" for n in range(50)]


async def test_reads_go_on_over_a_restart_of_the_engine(engine: Any, clean_dockerd: Dockerd) -> None:
    await asyncio.gather(*(engine.call("GET", "/info") for _ in range(4)))
    await asyncio.to_thread(clean_dockerd.stop)
    with pytest.raises(Unavailable):
        await engine.call("GET", "/containers/json")
    await asyncio.to_thread(clean_dockerd.start)
    assert (await engine.call("GET", "/containers/json"))[0] == 200


async def test_hears_events_until_the_engine_ends(engine: Any, clean_dockerd: Dockerd) -> None:
    heard: list[str] = []
    with suppress(Unavailable):
        async with asyncio.timeout(60), engine.stream("GET", "/events", {"filters": {"type": ["container"]}}) as events:
            await asyncio.to_thread(clean_dockerd.run, "it", "sleeper:1")
            async for event in events:
                heard.append(event["Action"])
                if event["Action"] == "start":
                    await asyncio.to_thread(clean_dockerd.kill)
    assert heard == ["create", "start"]
    await asyncio.to_thread(clean_dockerd.start)


async def test_pulls_with_progress(engine: Any, clean_dockerd: Dockerd, registry: Registry) -> None:
    registry.push("progress", "1", build("progress", ["/bin/true"], size=3_000_000))
    query = {"fromImage": registry.reference("progress"), "tag": "1"}
    async with engine.stream("POST", "/images/create", query, {"X-Registry-Auth": registry.auth()}) as lines:
        statuses = [line["status"] async for line in lines]
    assert statuses[0] == "Pulling from progress"
    assert {"Downloading", "Pull complete"} <= set(statuses)
    assert registry.reference("progress", "1") in clean_dockerd.images()


async def test_leaving_a_pull_cancels_it(engine: Any, clean_dockerd: Dockerd, registry: Registry) -> None:
    registry.push("left", "1", build("left", ["/bin/true"], size=12_000_000))
    with Gate(registry.port, 6_000_000) as gate:
        reference = f"localhost:{gate.port}/left"
        query = {"fromImage": reference, "tag": "1"}
        async with engine.stream("POST", "/images/create", query, {"X-Registry-Auth": registry.auth()}) as lines:
            async for line in lines:
                if line["status"] == "Downloading" and line["progressDetail"]["total"] > 10_000_000:
                    break
        await until(lambda: "pull after error: context canceled" in clean_dockerd.log.read_text())
    assert f"{reference}:1" not in clean_dockerd.images()


async def test_a_pull_from_a_registry_that_hangs_is_given_up(
    engine: Any, clean_dockerd: Dockerd, registry: Registry
) -> None:
    registry.push("hangs", "1", sleeper("1"))
    registry.freeze()
    query = {"fromImage": registry.reference("hangs"), "tag": "1"}
    try:
        with pytest.raises(TimedOut):
            async with engine.stream(
                "POST", "/images/create", query, {"X-Registry-Auth": registry.auth()}, timeout_s=0.5
            ):
                pass
    finally:
        registry.thaw()


async def test_says_what_the_engine_says_about_a_wrong_password(engine: Any, registry: Registry) -> None:
    registry.push("secret", "1", sleeper("1"))
    query = {"fromImage": registry.reference("secret"), "tag": "1"}
    with pytest.raises(EngineAnswer, match="unauthorized: authentication required"):
        async with engine.stream("POST", "/images/create", query, {"X-Registry-Auth": registry.auth("wrong")}):
            pass
