"""What several tests of the controller share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.controller import device as devices
from tests.controller.device import Device, OnDevice
from tests.controller.stage import Stage, Work
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image


@pytest.fixture
def on_stage(tmp_path: Path) -> Callable[..., None]:
    """Run a scenario; keywords are arguments of the controller."""

    def play(work: Work, **settings: Any) -> None:
        async def scenario() -> None:
            stage = Stage(tmp_path, **settings)
            try:
                await work(stage)
            finally:
                stage.journal.close()
                stage.lock.release()

        run(scenario())

    return play


@pytest.fixture
def on_device(tmp_path: Path) -> OnDevice:
    """Run a scenario on a fresh device; keywords are images of the catalogue, `bad=Image(…)` is `bad:1`."""

    def play(work: devices.Work, **catalogue: Image) -> None:
        async def scenario() -> None:
            device = Device(tmp_path / "state", {f"{name}:1": image for name, image in catalogue.items()})
            try:
                await work(device)
            finally:
                device.journal.close()

        run(scenario())

    return play
