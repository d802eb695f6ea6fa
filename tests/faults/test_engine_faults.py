"""Every request of a story × every fault of an engine: some of them here, all of them in `make faults`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from tests.engines.dockerd import Dockerd
from tests.engines.engine_faults import ALL, BODY, CONNECTION, NO, TIME, Fault
from tests.engines.proxy import Proxy
from tests.engines.registry import Registry
from tests.sampling import sampled
from tests.until import soon

from evenkeel.controller.drivers.containers.docker import DockerEngine, fetch

from .activity_story import Activity
from .bench import CALL_TIMEOUT_S, Bench, Story
from .engine_story import CutOff, FirstAndLast, Fleet, InPlace, Switch

KINDS = {"connection": CONNECTION, "no": NO, "body": BODY, "time": TIME}
LOCAL = ("sleeper:1", "sleeper:2")
Tell = Callable[[Dockerd, Proxy, Path], Story]
STORIES: dict[str, Tell] = {"in place": InPlace, "first and last": FirstAndLast, "cut off": CutOff}


@asynccontextmanager
async def a_bench(dockerd: Dockerd, folder: Path, tell: Tell) -> AsyncIterator[Bench]:
    with Proxy(folder / "proxy.sock", dockerd.socket) as proxy:
        story = tell(dockerd, proxy, folder)
        bench = Bench(dockerd, proxy, story)
        try:
            await bench.begin()
            yield bench
        finally:
            await story.close()


async def every_fault(bench: Bench, name: str, faults: dict[str, Fault], most: int = 3) -> None:
    """All faults at all requests, or `most` that are drawn."""
    requests = await bench.requests()
    every = [(number, fault) for fault in faults for number in range(len(requests))]
    met, failures = 0, list[str]()
    for done, (number, fault) in enumerate(drawn := sampled(every, most, f"engine faults {name}"), start=1):
        try:
            met += bool(await bench.disturbed(number, ALL[fault]))
        except AssertionError as error:
            failures.append(f"{fault} at {number} ({requests[number]}): {error}")
            print(failures[-1], flush=True)
        if done % 100 == 0:
            print(f"{name}: {done} of {len(drawn)}", flush=True)
    print(f"{name}: {len(requests)} requests × {len(faults)} faults, {met} disturbed, {len(failures)} went wrong")
    assert not failures, "\n".join(failures)
    assert met > 0


@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_update_converges_whatever_happens_to_one_request(
    clean_dockerd: Dockerd, tmp_path: Path, kind: str
) -> None:
    def tell(dockerd: Dockerd, proxy: Proxy, folder: Path) -> Story:
        return Switch(dockerd, proxy, folder, LOCAL)

    async with a_bench(clean_dockerd, tmp_path, tell) as bench:
        await every_fault(bench, kind, KINDS[kind])


async def test_a_stop_that_is_only_claimed_lets_no_successor_run_beside_it(
    clean_dockerd: Dockerd, tmp_path: Path
) -> None:
    def tell(dockerd: Dockerd, proxy: Proxy, folder: Path) -> Story:
        return Switch(dockerd, proxy, folder, LOCAL)

    async with a_bench(clean_dockerd, tmp_path, tell) as bench:
        writes = [asked for asked in await bench.requests() if asked.startswith("POST /containers/")]
        stop = next(number for number, asked in enumerate(writes) if asked.endswith("/stop"))
        assert (await bench.disturbed(stop, ALL["304"], only="POST /containers/")).endswith("/stop")


@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("name", STORIES)
async def test_whatever_is_no_switch_stops_nothing(clean_dockerd: Dockerd, tmp_path: Path, name: str) -> None:
    async with a_bench(clean_dockerd, tmp_path, STORIES[name]) as bench:
        await every_fault(bench, name, ALL)


@pytest.mark.timeout(6 * 3600)
async def test_twenty_updates_at_once_converge_whatever_happens_to_one_request(
    clean_dockerd: Dockerd, tmp_path: Path
) -> None:
    async with a_bench(clean_dockerd, tmp_path, Fleet) as bench:
        await every_fault(bench, "twenty", ALL, most=2)


@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_activity_completes_whatever_happens_to_one_request(
    clean_dockerd: Dockerd, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for limit in ("_PULL_SILENCE_S", "_UNPACKING_SILENCE_S"):
        monkeypatch.setattr(fetch, limit, CALL_TIMEOUT_S)
    registry.push("web", "1")
    images = (*pushed(registry), registry.reference("web", "1"))

    def tell(dockerd: Dockerd, proxy: Proxy, folder: Path) -> Story:
        return Activity(dockerd, proxy, images, str(registry.docker_config))

    async with a_bench(clean_dockerd, tmp_path, tell) as bench:
        await every_fault(bench, f"activity, {kind}", KINDS[kind])


def pushed(registry: Registry) -> tuple[str, str]:
    for tag in ("1", "2"):
        registry.push("sleeper", tag)
    return registry.reference("sleeper", "1"), registry.reference("sleeper", "2")


PULLING = ("POST /images/create", "GET /images/", "GET /distribution/")


@pytest.mark.timeout(6 * 3600)
async def test_a_pull_goes_on_whatever_happens_to_it(
    clean_dockerd: Dockerd, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("_PULL_SILENCE_S", "_UNPACKING_SILENCE_S"):
        monkeypatch.setattr(fetch, limit, CALL_TIMEOUT_S)
    images = pushed(registry)

    def tell(dockerd: Dockerd, proxy: Proxy, folder: Path) -> Story:
        return Switch(dockerd, proxy, folder, images, str(registry.docker_config))

    async with a_bench(clean_dockerd, tmp_path, tell) as bench:
        every = [(asked, name) for asked in PULLING for name in ALL]
        met = 0
        for asked, name in sampled(every, 3, "faults of pulls"):
            met += bool(await bench.disturbed(0, ALL[name], only=asked))
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
