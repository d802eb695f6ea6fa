"""The engines that are held against the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .kits import DockerKit, Kit, MemoryKit


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.engine) for name in ("docker", "podman"))])
async def kit(request: pytest.FixtureRequest) -> AsyncIterator[Kit]:
    """An engine with images and nothing else."""
    it: Kit
    if request.param == "memory":
        it = MemoryKit()
    else:
        fixture = {"docker": "clean_dockerd", "podman": "clean_podman"}[request.param]
        it = DockerKit(request.getfixturevalue(fixture), request.getfixturevalue("registry"))
    yield it
    await it.close()
