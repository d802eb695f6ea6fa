from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.controller.drivers.containers.docker.rig import Rig
from tests.engines.dockerd import Dockerd
from tests.engines.scripted import Server


@pytest.fixture
async def rig(clean_dockerd: Dockerd, tmp_path: Path) -> AsyncIterator[Rig]:
    """The driver with an engine that has nothing but images."""
    it = Rig(clean_dockerd.address, tmp_path)
    yield it
    await it.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """An engine that says what a test has it say."""
    it = Server(tmp_path / "engine.sock")
    await it.start()
    yield it
    await it.stop()
