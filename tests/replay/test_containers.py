"""Of evenkeel's answers beside those of Kanto's Containers Update Agent, what the transcripts do not compare."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.controller.agents.harness import DEVICES
from tests.virtual import run

from .bench import play_in_memory
from .differences import difference
from .originals import key_orders
from .player import recorded
from .recording import recordings

RECORDINGS = recordings()


@pytest.fixture(autouse=True)
def _scrap() -> Iterator[None]:
    yield
    while DEVICES:
        DEVICES.pop().scrap()


def test_the_order_of_keys_is_known() -> None:
    orders = key_orders()
    assert orders[""] == ["activityId", "timestamp", "payload"]
    assert orders[".payload.actions"] == ["component", "status", "progress", "message"]


@pytest.mark.parametrize("name", ["currentstate-get", "currentstate-get-verbose"])
def test_six_containers_are_reported_to_the_letter(name: str) -> None:
    """A container that ends with 1 at once is a failure here, and then all six are undone. One that does so after the
    activity is reported, and so are the others."""
    recording = RECORDINGS[name]
    assert difference(recorded(recording).lines, run(play_in_memory(recording, late="ended")).lines) == ()
