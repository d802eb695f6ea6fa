"""Two domains: containers of two engines, each a domain of its own, under one controller on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.virtual import run

from .mixed import Mixed
from .mixed import Work as MixedWork
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


@pytest.fixture
def on_mixed(tmp_path: Path) -> Callable[[MixedWork], None]:
    """Run a scenario on a device of files and containers."""

    def play(work: MixedWork) -> None:
        async def scenario() -> None:
            mixed = Mixed(tmp_path)
            try:
                await work(mixed)
            finally:
                mixed.journal.close()

        run(scenario())

    return play
