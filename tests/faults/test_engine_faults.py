"""Every request of an update × every fault of an engine: some of them here, all of them in `make faults`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from tests.engines.dockerd import Dockerd
from tests.engines.engine_faults import ALL, BODY, CONNECTION, NO, TIME, Fault
from tests.engines.proxy import Proxy
from tests.engines.registry import Registry
from tests.sampling import sampled
from tests.until import soon

from evenkeel.controller.drivers.docker import DockerEngine, engine

from .engine_story import CALL_TIMEOUT_S, Story

KINDS = {"connection": CONNECTION, "no": NO, "body": BODY, "time": TIME}
LOCAL = ("sleeper:1", "sleeper:2")


@asynccontextmanager
async def a_story(
    dockerd: Dockerd, folder: Path, images: tuple[str, str] = LOCAL, docker_config: str = ""
) -> AsyncIterator[Story]:
    with Proxy(folder / "proxy.sock", dockerd.socket) as proxy:
        story = Story(dockerd, proxy, folder, images, docker_config)
        await story.begin()
        try:
            yield story
        finally:
            await story.rig.close()


@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_update_converges_whatever_happens_to_one_request(
    clean_dockerd: Dockerd, tmp_path: Path, kind: str
) -> None:
    async with a_story(clean_dockerd, tmp_path) as story:
        requests = await story.requests()
        every = [(number, name) for name in KINDS[kind] for number in range(len(requests))]
        met = 0
        for number, name in sampled(every, 3, f"engine faults {kind}"):
            met += bool(await story.disturbed(number, ALL[name]))
        print(f"{kind}: {met} of {len(every)} disturbed")
        assert met > 0


PULLING = ("POST /images/create", "GET /images/", "GET /distribution/")


@pytest.mark.timeout(6 * 3600)
async def test_a_pull_goes_on_whatever_happens_to_it(
    clean_dockerd: Dockerd, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PULL_SILENCE_S", CALL_TIMEOUT_S)
    for tag in ("1", "2"):
        registry.push("sleeper", tag)
    images = (registry.reference("sleeper", "1"), registry.reference("sleeper", "2"))
    async with a_story(clean_dockerd, tmp_path, images, str(registry.docker_config)) as story:
        every = [(asked, name) for asked in PULLING for name in ALL]
        met = 0
        for asked, name in sampled(every, 3, "faults of pulls"):
            met += bool(await story.disturbed(0, ALL[name], only=asked))
        print(f"pulls: {met} of {len(every)} disturbed")
        assert met > 0


@pytest.mark.timeout(3600)
async def test_events_are_followed_again_whatever_happens_to_them(clean_dockerd: Dockerd, tmp_path: Path) -> None:
    clean_dockerd.run("stranger", "sleeper:1")
    with Proxy(tmp_path / "proxy.sock", clean_dockerd.socket) as proxy:
        for name in sampled(list(ALL), 3, "faults of events"):
            await follows_again(clean_dockerd, proxy, ALL[name])


async def follows_again(dockerd: Dockerd, proxy: Proxy, fault: Fault) -> None:
    driver = DockerEngine(proxy.address, call_timeout_s=CALL_TIMEOUT_S)
    proxy.arm(0, fault, only="GET /events")
    heard = 0

    async def listen() -> None:
        nonlocal heard
        async with aclosing(driver.nudges()) as nudges:  # type: ignore[type-var]
            async for _ in nudges:
                heard += 1

    listening = asyncio.ensure_future(listen())
    try:
        asked = proxy.asked.count("GET /events")
        await soon(lambda: proxy.asked.count("GET /events") >= asked + 2, what="another try")
        before = heard
        dockerd.api("POST", "/containers/stranger/restart", t=0)
        await soon(lambda: heard > before, what="word of the restart")
        assert not listening.done()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await driver.close()
