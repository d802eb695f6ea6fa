"""The engines that are held against the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .kits import DockerKit, Kit, MemoryKit

FIXTURES = {"docker": "clean_dockerd", "podman": "clean_podman", "podman without root": "clean_podman_without_root"}


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.engine) for name in FIXTURES)])
async def kit(request: pytest.FixtureRequest) -> AsyncIterator[Kit]:
    """An engine with images and nothing else."""
    it: Kit
    if request.param == "memory":
        it = MemoryKit()
    else:
        it = DockerKit(request.getfixturevalue(FIXTURES[request.param]), request.getfixturevalue("registry"))
    yield it
    await it.close()
