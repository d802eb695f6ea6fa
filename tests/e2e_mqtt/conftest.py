"""Devices and managers for a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .commanding import Manager
from .rig import Device


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Callable[..., Device]]:
    """`device(port)`: its settings are written, nothing runs."""
    made: list[Device] = []

    def make(port: int, **options: Any) -> Device:
        it = Device(tmp_path / f"device-{len(made)}", port, **options)
        made.append(it)
        return it

    yield make
    for each in made:
        each.close()


@pytest.fixture
def manager() -> Iterator[Callable[..., Manager]]:
    """`manager(port)`: connected and listening."""
    made: list[Manager] = []

    def make(port: int, **options: Any) -> Manager:
        it = Manager(port, **options)
        made.append(it)
        return it

    yield make
    for each in made:
        each.close()
