"""A pull that stands still is given up, so that it can be begun again while somebody still has the patience for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from tests.controller.drivers.containers.docker.test_pull import layer
from tests.engines.scripted import CHUNKED, Peer, Server, chunk

from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.drivers.containers.docker.answers import PullLine
from evenkeel.specs.containers.actions import Pull
from evenkeel.specs.plan import Retry

pytestmark = pytest.mark.virtual
FETCHING, UNPACKING = 30.0, 120.0


async def pulled(server: Server, lines: Sequence[PullLine], again: PullLine | None = None) -> tuple[str, float, int]:
    """How a pull ends of which the engine says these lines, 10 s apart, and then nothing, or the same again and again: why,
    how many seconds after the last of them, and how often it was told how far it has come."""
    last_s, told = 0.0, 0

    async def reply(peer: Peer) -> None:
        nonlocal last_s
        await peer.say(CHUNKED)
        for line in lines:
            await asyncio.sleep(10)
            await peer.say(chunk(json.dumps(line).encode() + b"\n"))
        last_s = asyncio.get_running_loop().time()
        while again is not None:
            await peer.say(chunk(json.dumps(again).encode() + b"\n"))
            await asyncio.sleep(1)
        await peer.until_gone()

    def progress(message: str, done: int, total: int) -> None:
        nonlocal told
        told += total > 0

    server.reply = reply
    driver = DockerEngine(server.address)
    try:
        outcome = await driver.perform(Pull("reg.example/web:1", "Always"), progress)
    finally:
        await driver.close()
    assert isinstance(outcome, Retry)
    assert outcome.outside
    return outcome.message, asyncio.get_running_loop().time() - last_s, told


BEGUN = [layer("Pulling fs layer", "a"), layer("Downloading", "a", current=40, total=100)]
COMPLETE = [*BEGUN, layer("Download complete", "a"), layer("Extracting", "a", current=100, total=100)]


@pytest.mark.parametrize(
    ("lines", "silence_s", "come"),
    [
        ([], FETCHING, "0 of 0 bytes"),
        ([{"status": "Pulling from web", "id": "1"}], FETCHING - 10, "0 of 0 bytes"),
        (BEGUN, FETCHING, "40 of 100 bytes"),
        ([*BEGUN, layer("Pulling fs layer", "b"), *COMPLETE], FETCHING, "100 of 100 bytes"),
        (COMPLETE, UNPACKING, "100 of 100 bytes"),
    ],
    ids=["nothing", "image", "layer", "another layer", "disk"],
)
async def test_a_pull_that_stands_still_is_given_up(
    server: Server, lines: Sequence[PullLine], silence_s: float, come: str
) -> None:
    """A registry sooner than a disk, which is slow and not away."""
    why, after_s, _ = await pulled(server, lines)
    limit_s = UNPACKING if silence_s == UNPACKING else FETCHING
    assert why == f"reg.example/web:1 cannot be pulled: nothing has come for {limit_s:g} s, after {come}"
    assert after_s == pytest.approx(silence_s, abs=0.5)


async def test_the_same_again_is_nothing_new(server: Server) -> None:
    """An engine that keeps images in containerd says again and again how far it has come."""
    why, after_s, told = await pulled(server, BEGUN, BEGUN[-1])
    assert why.endswith("40 of 100 bytes")
    assert after_s == pytest.approx(FETCHING, abs=0.5)
    assert told == 1


async def test_an_engine_that_waits_before_it_asks_again_is_left_to_it(server: Server) -> None:
    """It resumes where it was. That no bytes come is known all the same."""
    retrying = [layer(f"Retrying in {25 - second} seconds", "a") for second in range(5)]
    _, after_s, told = await pulled(server, [*BEGUN, *retrying])
    assert after_s == pytest.approx(FETCHING, abs=0.5)
    assert told == 1
