"""A sample of the recordings with a real engine and registry: evenkeel says there what it says in memory.

The proof that a container stays up is cut short, because it is waited for in real time; everything else is as on a device.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.controller.agents.harness import DEVICES, Device, Hasty
from tests.engines import images
from tests.engines.dockerd import Dockerd
from tests.engines.registry import Registry
from tests.virtual import run

from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker import DockerEngine

from .bench import conduct_of, play_in_memory, settings_of
from .differences import difference
from .player import replayed
from .recording import recordings
from .transcript import Transcript

SAMPLE = (
    "five-actions",
    "update-in-place",
    "start-fails-rollback",
    "daemon-killed-after-update",
    "second-desired-state",
    "image-missing-second-of-three",
    "mount-source-missing",
)
OF_THE_ENGINE = ("image-missing-second-of-three", "mount-source-missing")
"""Here the reason of the failure is a text that belongs to the engine and its version."""
_PATIENCE = timedelta(seconds=1)


@pytest.fixture(scope="module")
def _pushed(registry: Registry) -> Registry:
    """The registry with the images of the recordings."""
    for name in ("lamp", "horn", "fog", "sleep"):
        registry.push(name, "1", images.sleeper("1", f"{name}:1"))
    for tag in ("1", "2"):
        registry.push("web", tag)
    registry.push("badstart", "1", images.build("badstart:1", ["/no/such/program"]))
    return registry


@pytest.fixture(autouse=True)
def _scrap() -> Iterator[None]:
    yield
    while DEVICES:
        DEVICES.pop().scrap()


@pytest.mark.parametrize("name", SAMPLE)
def test_docker_says_what_memory_says(name: str, clean_dockerd: Dockerd, _pushed: Registry) -> None:  # noqa: PT019
    recording = recordings()[name]

    async def play() -> Transcript:
        engine = DockerEngine(clean_dockerd.address, access=PullAccess(str(_pushed.docker_config)))
        try:
            device = Device(
                settings=settings_of(recording),
                conduct=conduct_of(recording),
                driver=Hasty(engine),
                clock=time.time,
                patience=_PATIENCE,
            )
            return await replayed(recording, device, {}, _pushed.host, paced=False)
        finally:
            await engine.close()

    in_memory, on_docker = _told_once(run(play_in_memory(recording)).lines), _told_once(asyncio.run(play()).lines)
    if name in OF_THE_ENGINE:
        in_memory, on_docker = _without_reason(in_memory), _without_reason(on_docker)
    assert "\n".join(difference(in_memory, on_docker)) == ""


def _told_once(transcript: Sequence[str]) -> list[str]:
    """Without messages that only repeat the one before: a pull that takes longer than a second tells how far it is."""
    messages: list[list[str]] = []
    for line in transcript:
        if messages and line.startswith("    "):
            messages[-1].append(line)
        else:
            messages.append([line])
    return [line for before, message in pairwise([[], *messages]) if message != before for line in message]


def _without_reason(transcript: Sequence[str]) -> list[str]:
    """Without the text of the first action that failed."""
    whole = "\n".join(transcript)
    found = re.search(r"^    \S+ \S+ (?:DOWNLOAD|ACTIVATION)_FAILURE: (.+)$", whole, re.MULTILINE)
    assert found is not None
    return whole.replace(found[1], "<reason>").splitlines()
