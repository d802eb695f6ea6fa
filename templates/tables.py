"""Plain tables: columns as wide as their widest cell, two spaces between, nothing drawn, so that `awk` reads them, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evenkeel.specs.visible import one_line
from evenkeel.templates.fitting import cut
from evenkeel.templates.style import PLAIN, Role, Style, paint

Colour = Callable[[str, str], Role | None]
"""`(column, cell)` → the role in which the cell is painted."""


def table_lines(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int = 0,
    style: Style = PLAIN,
    colour: Colour = lambda column, cell: None,
) -> tuple[str, ...]:
    """Header and rows. `width`: the last column is cut to it; 0 cuts nothing. An empty cell is shown as `-`."""
    cells = [[one_line(cell) or "-" for cell in row] for row in rows]
    widths = [max([len(column), *(len(row[index]) for row in cells)]) for index, column in enumerate(columns)]
    lines = [_line(columns, widths, width, lambda index, text: paint(text, "strong", style))]
    lines += [
        _line(row, widths, width, lambda index, text: paint(text, colour(columns[index], text), style)) for row in cells
    ]
    return tuple(lines)


def _line(row: Sequence[str], widths: Sequence[int], width: int, painted: Callable[[int, str], str]) -> str:
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    parts = []
    for index, cell in enumerate(row):
        if index == len(row) - 1:
            parts.append(painted(index, cut(cell, max(width - before, 8)) if width else cell))
        else:
            parts.append(painted(index, cell) + " " * (widths[index] - len(cell) + 2))
    return "".join(parts).rstrip()
