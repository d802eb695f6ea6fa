"""Every test leaves nothing behind."""

from collections.abc import Iterator

import pytest
from tests.controller.agents.harness import DEVICES


@pytest.fixture(autouse=True)
def _scrap() -> Iterator[None]:
    yield
    while DEVICES:
        DEVICES.pop().scrap()
