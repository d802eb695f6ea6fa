"""A simulated host, and the device on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.provisioning_kits import SimulatedKit

from .device import Device


@pytest.fixture
def kit(tmp_path: Path) -> SimulatedKit:
    return SimulatedKit(tmp_path)


@pytest.fixture
def device(kit: SimulatedKit) -> Iterator[Device]:
    it = Device(kit.root, kit.driver)
    yield it
    asyncio.run(it.driver.close())
