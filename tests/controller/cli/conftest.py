"""A device for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .command import Device
from .inside import DeviceInside


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    it = DeviceInside(tmp_path)
    yield it
    it.close()
