"""A clock, desired states and files for tests of the journal."""

from __future__ import annotations

from pathlib import Path

from evenkeel.specs.containers.container import Container
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.problem import Place


class Clock:
    """A date that a test sets."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def asking(*images: str, line: int = 1) -> DesiredState:
    place = Place("/etc/x.yaml", line, 1)
    return desired_state([Document("Container", image, Container(image, image), place) for image in images])


def content(state: Path) -> dict[str, bytes]:
    """Every file but the index of the log, which is shared memory: readers note in it how far they read."""
    return {file.name: file.read_bytes() for file in sorted(state.iterdir()) if not file.name.endswith("-shm")}
