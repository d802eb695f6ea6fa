"""A document as plain values, with the line and column of everything in it."""

from __future__ import annotations

from msgspec import Struct

from evenkeel.specs.problem import Path

Value = dict[str, "Value"] | list["Value"] | str | int | float | bool | None
Position = tuple[int, int]
"""Line and column, both from 1."""

MOST_DEPTH = 64
MOST_VALUES = 500_000
"""Per file, aliases expanded."""


class Tree(Struct, frozen=True):
    """One document: its value, and by path the position of each value in it (for keys of mappings: of the key)."""

    value: Value
    positions: dict[Path, Position]
    start: Position
    doubled: tuple[Path, ...] = ()
    """Keys that stand there more than once. Their value is the last one, and nothing else can be said of their
    meaning."""


def nearest_position(tree: Tree, path: Path) -> Position:
    """The position of a value, or of the nearest one around it that is there."""
    while path and path not in tree.positions:
        path = path[:-1]
    return tree.positions.get(path, tree.start)


class Unreadable(Exception):
    """Why a file cannot be read any further, and where."""

    def __init__(self, message: str, position: Position, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.position, self.hint = message, position, hint
