"""Write `differences.txt` and `self_update_differences.txt` anew, with the rows that they name now: `uv run --locked python -m
tests.replay`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.controller.agents.harness import DEVICES
from tests.virtual import run

from . import self_update
from .bench import play_in_memory
from .differences import FILE, SELF_UPDATE_FILE, Declared, declared, difference, write
from .player import recorded
from .recording import CONTAINERS, SELF_UPDATE, Recording, recordings


def _containers(recording: Recording) -> tuple[str, ...]:
    found = difference(recorded(recording).lines, run(play_in_memory(recording)).lines)
    while DEVICES:
        DEVICES.pop().scrap()
    return found


def _self_update(recording: Recording) -> tuple[str, ...]:
    with TemporaryDirectory() as folder:
        return difference(self_update.recorded(recording), run(self_update.played(recording, Path(folder))))


def _write(agent: str, file: Path, differs: Callable[[Recording], tuple[str, ...]]) -> None:
    known = declared(file) if file.exists() else {}
    sections = {}
    for name, recording in recordings(agent).items():
        found = differs(recording)
        if found:
            sections[name] = Declared(known[name].because if name in known else ("?",), found)
    write(sections, file)
    print(f"{len(sections)} of {len(recordings(agent))} recordings of the {agent} differ")


_write(SELF_UPDATE, SELF_UPDATE_FILE, _self_update)
_write(CONTAINERS, FILE, _containers)
