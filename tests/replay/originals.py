"""The original agents whose recordings are played again, and what evenkeel answers differently from each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.controller.agents.harness import DEVICES
from tests.virtual import run

from . import self_update
from .bench import play_in_memory
from .differences import FILE, SELF_UPDATE_FILE, difference
from .player import recorded
from .recording import CONTAINERS, SELF_UPDATE, Recording


class Original(NamedTuple):
    """One agent. `file`: the differences that are declared; `named_as`: what stands before the name of a recording in
    docs/compatibility.md; `differs`: plays a recording, and what differs."""

    agent: str
    file: Path
    named_as: str
    differs: Callable[[Recording], tuple[str, ...]]

    def reference(self, name: str) -> str:
        """A recording in docs/compatibility.md."""
        return f"`{self.named_as}{name}`"


def _containers(recording: Recording) -> tuple[str, ...]:
    try:
        return difference(recorded(recording).lines, run(play_in_memory(recording)).lines)
    finally:
        while DEVICES:
            DEVICES.pop().scrap()


def _self_update(recording: Recording) -> tuple[str, ...]:
    with TemporaryDirectory() as folder:
        return difference(self_update.recorded(recording), run(self_update.played(recording, Path(folder))))


ORIGINALS = (
    Original(CONTAINERS, FILE, "", _containers),
    Original(SELF_UPDATE, SELF_UPDATE_FILE, f"{SELF_UPDATE}/", _self_update),
)
