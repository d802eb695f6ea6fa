"""Stories of a device with an update manager, on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.controller.operations.device import Device
from tests.controller.operations.talk import Talk
from tests.virtual import run

Play = Callable[..., None]
TalkPlay = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Play a story on a device that is on the broker, with 1 of everything; `settings`: as of `Device`."""

    def playing(story: Any, *agents: Any, **settings: Any) -> None:
        async def whole() -> None:
            device = Device(tmp_path, agents, **settings)
            await device.starts()
            try:
                await story(device)
            finally:
                await device.dies()

        run(whole())

    return playing


@pytest.fixture
def talk(tmp_path: Path) -> TalkPlay:
    """Play a story on a device whose agents say what the story tells them to; `settings`: as of `Talk`."""

    def playing(story: Any, **settings: Any) -> None:
        async def whole() -> None:
            device = Talk(tmp_path, **settings)
            await device.starts()
            try:
                await story(device)
            finally:
                await device.dies()

        run(whole())

    return playing
