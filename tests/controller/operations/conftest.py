"""Stories of a device with an update manager, on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.controller.operations.device import Device, played
from tests.controller.operations.talk import Talk

Play = Callable[..., None]
TalkPlay = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Play a story on a device that is on the broker, with 1 of everything; `settings`: as of `Device`."""
    return lambda story, *agents, **settings: played(story, lambda: Device(tmp_path, agents, **settings))


@pytest.fixture
def talk(tmp_path: Path) -> TalkPlay:
    """Play a story on a device whose agents say what the story tells them to; `settings`: as of `Talk`."""
    return lambda story, **settings: played(story, lambda: Talk(tmp_path, **settings))
