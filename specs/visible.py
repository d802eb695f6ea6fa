"""Texts of unknown origin, as they may be shown: nothing in them acts on a screen, and none is too long.

Names, values, file names, answers of engines and messages of a broker are not trusted by a terminal. A character that
is not printed as itself (control, C1, DEL, bidi, line separators, halves of surrogate pairs, unassigned ones) is shown
as its escape sequence, so that one sees what is there. In JSON the same characters are escaped as JSON does it: the
value stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

MOST_CHARACTERS = 4096
"""In one message; the middle of a longer one is left out."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BREAKS = re.compile("[\r\n\t]")


def visible(text: str) -> str:
    """`text` with an escape sequence in the place of each character that is not printed as itself."""
    return _replaced(text, _escape, "")


def one_line(text: str) -> str:
    """The text on one line: like `visible`, and line breaks and tabs become blanks."""
    return visible(_BREAKS.sub(" ", text))


def visible_lines(text: str) -> str:
    """The text of whole lines of our own making: like `visible`, but their line breaks stay."""
    return _replaced(text, _escape, "\n")


def visible_json(text: str) -> str:
    """JSON of the same value that is safe to show."""
    return _replaced(text, _json_escape, "\n")


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """`text`, or its beginning and its end with the length of what is missing between them: at most `most` characters."""
    if len(text) <= most:
        return text
    room = most - len(_gap(len(text)))
    begin = room * 3 // 4
    left_out = len(text) - room
    return text[:begin] + _gap(left_out) + text[len(text) - (room - begin) :]


def _gap(left_out: int) -> str:
    return f" […{left_out:,} characters left out…] "


def _replaced(text: str, escape: Callable[[str], str], kept: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in kept or _is_blank(char) else escape(char) for char in text)


def _is_blank(char: str) -> bool:
    """Blanks of any width, which Python does not call printable."""
    return unicodedata.category(char) == "Zs"


def _escape(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
