"""Stories of a device with slots, on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.controller.selfupdate.device import Device, Story
from tests.virtual import run

from evenkeel.controller.drivers.slots.memory import World

Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Play a story on a device that is on the broker. `world`: the device as it is before; `settings`: of the agent."""

    def playing(story: Story, world: World | None = None, **settings: Any) -> None:
        async def whole() -> None:
            device = Device(tmp_path, world, **settings)
            await device.starts()
            try:
                await story(device)
            finally:
                if device.is_on:
                    await device.dies()

        run(whole())

    return playing
