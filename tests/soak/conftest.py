"""Where a soak has its files: a journal syncs every write, and ten thousand revisions on a disk are a test of the disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.agents.harness import DEVICES

_FAST = "/dev/shm"


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder in memory, where there is one."""
    with tempfile.TemporaryDirectory(prefix="ek-soak-", dir=_FAST if Path(_FAST).is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def _scrap() -> Iterator[None]:
    yield
    while DEVICES:
        DEVICES.pop().scrap()
