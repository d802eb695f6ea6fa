"""Two domains: containers of two engines, each a domain of its own, under one controller on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.virtual import run

from .two import Two, Work


@pytest.fixture
def on_two(tmp_path: Path) -> Callable[[Work], None]:
    """Run a scenario."""

    def play(work: Work) -> None:
        async def scenario() -> None:
            two = Two(tmp_path)
            try:
                await work(two)
            finally:
                two.journal.close()

        run(scenario())

    return play
