"""What several tests of the controller share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.controller.stage import Stage, Work
from tests.virtual import run


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
