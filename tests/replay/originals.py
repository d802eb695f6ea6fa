"""The original agents and the original update manager whose recordings are played again, and what evenkeel answers
differently from each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.controller.agents.harness import DEVICES
from tests.virtual import run

from . import self_update, update_manager
from .bench import play_in_memory
from .differences import FILE, SELF_UPDATE_FILE, UPDATE_MANAGER_FILE, difference
from .player import recorded
from .recording import CONTAINERS, SELF_UPDATE, Recording, recordings
from .update_manager_recording import UPDATE_MANAGER, scenarios


class Played(NamedTuple):
    """What came of playing a recording. `differs`: the difference to what the original said; `misplaced`: the place and keys of
    each mapping whose keys stand in another order than in the original."""

    differs: tuple[str, ...]
    misplaced: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Original(NamedTuple):
    """One agent, or the update manager. `file`: the differences that are declared; `named_as`: what stands before the name of a
    recording in docs/compatibility.md; `play`: plays a recording; `recordings`: all of them, by name."""

    agent: str
    file: Path
    named_as: str
    play: Callable[[Recording], Played]
    recordings: Callable[[], Mapping[str, Recording]]

    def reference(self, name: str) -> str:
        """A recording in docs/compatibility.md."""
        return f"`{self.named_as}{name}`"


@cache
def key_orders() -> dict[str, list[str]]:
    """Place of a mapping → its keys in the order of Kanto's agent; `progress` stands where the types of Kanto have it."""
    sorters: dict[str, TopologicalSorter[str]] = {}
    orders = {(".payload.actions", ("status", "progress")), (".payload.actions", ("progress", "message"))}
    for place, keys in orders.union(*(recorded(each).key_orders for each in recordings().values())):
        sorter = sorters.setdefault(place, TopologicalSorter())
        for before, key in zip(("", *keys), keys, strict=False):
            sorter.add(key, *filter(None, [before]))
    return {place: list(sorter.static_order()) for place, sorter in sorters.items()}


def _containers(recording: Recording) -> Played:
    try:
        ours = run(play_in_memory(recording))
    finally:
        while DEVICES:
            DEVICES.pop().scrap()
    orders = key_orders()
    wrong = ((place, keys) for place, keys in ours.key_orders if list(keys) != sorted(keys, key=orders[place].index))
    return Played(difference(recorded(recording).lines, ours.lines), tuple(wrong))


def _self_update(recording: Recording) -> Played:
    with TemporaryDirectory() as folder:
        return Played(difference(self_update.recorded(recording), run(self_update.played(recording, Path(folder)))))


def _update_manager(recording: Recording) -> Played:
    with TemporaryDirectory() as folder:
        ours = run(update_manager.played(recording, Path(folder)))
    return Played(difference(update_manager.recorded(recording), ours))


ORIGINALS = (
    Original(CONTAINERS, FILE, "", _containers, recordings),
    Original(SELF_UPDATE, SELF_UPDATE_FILE, f"{SELF_UPDATE}/", _self_update, partial(recordings, SELF_UPDATE)),
    Original(UPDATE_MANAGER, UPDATE_MANAGER_FILE, f"{UPDATE_MANAGER}/", _update_manager, scenarios),
)
