"""Of evenkeel's answers beside those of Kanto's Containers Update Agent, what the transcripts do not compare."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest
from tests.controller.agents.harness import DEVICES
from tests.virtual import run

from .bench import play_in_memory
from .differences import difference
from .player import recorded
from .recording import recordings

RECORDINGS = recordings()


def _keys() -> dict[str, list[str]]:
    """Place of a mapping → its keys in the original's order; `progress` stands where the types of Kanto have it."""
    sorters: dict[str, TopologicalSorter[str]] = {}
    orders = {(".payload.actions", ("status", "progress")), (".payload.actions", ("progress", "message"))}
    for place, keys in orders.union(*(recorded(each).key_orders for each in RECORDINGS.values())):
        sorter = sorters.setdefault(place, TopologicalSorter())
        for before, key in zip(("", *keys), keys, strict=False):
            sorter.add(key, *filter(None, [before]))
    return {place: list(sorter.static_order()) for place, sorter in sorters.items()}


KEYS = _keys()


@pytest.fixture(autouse=True)
def _scrap() -> Iterator[None]:
    yield
    while DEVICES:
        DEVICES.pop().scrap()


def test_the_order_of_keys_is_known() -> None:
    assert KEYS[""] == ["activityId", "timestamp", "payload"]
    assert KEYS[".payload.actions"] == ["component", "status", "progress", "message"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_keys_stand_in_the_order_of_the_original(name: str) -> None:
    ours = run(play_in_memory(RECORDINGS[name]))
    assert not [(place, keys) for place, keys in ours.key_orders if list(keys) != sorted(keys, key=KEYS[place].index)]


@pytest.mark.parametrize("name", ["currentstate-get", "currentstate-get-verbose"])
def test_six_containers_are_reported_to_the_letter(name: str) -> None:
    """A container that ends with 1 at once is a failure here, and then all six are undone. One that does so after the
    activity is reported, and so are the others."""
    recording = RECORDINGS[name]
    assert difference(recorded(recording).lines, run(play_in_memory(recording, late="ended")).lines) == ()
