"""The engines that are held against the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .kits import DockerKit, Kit, MemoryKit


@pytest.fixture(params=["memory", pytest.param("docker", marks=pytest.mark.engine)])
async def kit(request: pytest.FixtureRequest) -> AsyncIterator[Kit]:
    """An engine with images and nothing else."""
    it: Kit
    if request.param == "memory":
        it = MemoryKit()
    else:
        it = DockerKit(request.getfixturevalue("clean_dockerd"), request.getfixturevalue("registry"))
    yield it
    await it.close()
