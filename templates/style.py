"""Colours as a value.

The command that prints decides once whether there are colours (a terminal, no `NO_COLOR`) and passes a `Style` on. The
same functions make the text either way, and widths are always those of the bare text.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from evenkeel.specs.visible import visible_lines

Role = Literal["add", "change", "remove", "good", "bad", "faint", "strong"]

_CODES: dict[Role, str] = {
    "add": "32",
    "change": "33",
    "remove": "31",
    "good": "32",
    "bad": "1;31",
    "faint": "2",
    "strong": "1",
}

_PAINT = re.compile(rf"(\x1b\[(?:0|{'|'.join(sorted(set(_CODES.values())))})m)")


class Style(NamedTuple):
    """The use of ANSI sequences."""

    coloured: bool = False


PLAIN = Style()
COLOURED = Style(coloured=True)


def paint(text: str, role: Role | None, style: Style) -> str:
    """`text` in the colour of its role, or as it is."""
    if not style.coloured or role is None or not text:
        return text
    return f"\x1b[{_CODES[role]}m{text}\x1b[0m"


def clean(text: str) -> str:
    """Lines in which only sequences of `paint` act on a terminal."""
    return "".join(part if index % 2 else visible_lines(part) for index, part in enumerate(_PAINT.split(text)))
