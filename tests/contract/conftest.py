"""The engines that are held against the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from zlib import crc32

import pytest
from tests.engines.podman_grounds import why_not_rootless
from tests.sampling import THOROUGH

from evenkeel.controller.settings.provided import Provided

from .kits import DockerKit, Kit, MemoryKit

FIXTURES = {"docker": "clean_dockerd", "podman": "clean_podman", "podman without root": "clean_podman_without_root"}
_PODMEN = ("podman", "podman without root")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Podman is one program with root and without. A test that is not marked `rights` would find the same on both, and has one
    of them to run on, always the same. With `make thorough`, and where there is no Podman without root, each runs on both."""
    if THOROUGH or why_not_rootless():
        return
    left_out = [item for item in items if _is_elsewhere(item)]
    items[:] = [item for item in items if not _is_elsewhere(item)]
    config.hook.pytest_deselected(items=left_out)


def _is_elsewhere(item: pytest.Item) -> bool:
    """Whether a test leaves its Podman to the same test on the other."""
    spec = getattr(item, "callspec", None)
    kind = spec.params.get("kit") if spec is not None else None
    if kind not in _PODMEN or item.get_closest_marker("rights"):
        return False
    return _PODMEN[crc32(item.name.replace(kind, "", 1).encode()) % 2] != kind


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.engine) for name in FIXTURES)])
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kit]:
    """An engine with images and nothing else."""
    it: Kit
    provided = Provided(tmp_path / "values.json")
    if request.param == "memory":
        it = MemoryKit(provided)
    else:
        it = DockerKit(request.getfixturevalue(FIXTURES[request.param]), request.getfixturevalue("registry"), provided)
    yield it
    await it.close()
