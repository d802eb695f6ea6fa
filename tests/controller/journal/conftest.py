"""A journal in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.journal.rig import Clock

from evenkeel.controller.journal.journal import Journal, open_journal


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return tmp_path / getattr(request, "param", "var") / "evenkeel"


@pytest.fixture
def journal(state: Path, clock: Clock) -> Iterator[Journal]:
    journal = open_journal(state, clock)
    yield journal
    journal.close()
