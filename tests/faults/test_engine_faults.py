"""Every request of an update × every fault of an engine: some of them here, all of them in `make faults`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.engines.dockerd import Dockerd
from tests.engines.engine_faults import ALL, BODY, CONNECTION, NO, TIME
from tests.engines.proxy import Proxy
from tests.sampling import sampled

from .engine_story import Story

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
    clean_dockerd: Dockerd, tmp_path: Path, kind: str, record_property: pytest.TestReport
) -> None:
    async with a_story(clean_dockerd, tmp_path) as story:
        requests = await story.requests()
        every = [(number, name) for name in KINDS[kind] for number in range(len(requests))]
        met = 0
        for number, name in sampled(every, 7, f"engine faults {kind}"):
            met += bool(await story.disturbed(number, ALL[name]))
        print(f"{kind}: {met} of {len(every)} disturbed")
        assert met > 0
