"""A place in a JSON value: a part of JSONPath (RFC 9535), for one value and not for many.

`$` is the whole, `.name` and `['any name']` a member, `[0]` an item. Wildcards, filters, slices, negative indexes and `..` are
refused, because a precondition needs one value.
"""

from __future__ import annotations

import re

JsonPath = tuple[str | int, ...]
"""Members and indexes from the root; empty for the whole."""

MOST_STEPS = 32
"""The most steps of a path. JSON of other programs is rarely deeper than ten."""
_LONGEST = 500
_NAME = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)")
_INDEX = re.compile(r"\[(0|[1-9][0-9]{0,8})\]")
_QUOTED = re.compile(r"""\[(?:'([^'\\]*)'|"([^"\\]*)")\]""")
_REFUSED = (
    (re.compile(r"\.\."), "`..` finds many values, and one is needed"),
    (re.compile(r"\.\*|\[\*"), "`*` finds many values, and one is needed"),
    (re.compile(r"\[\?"), "a filter finds many values, and one is needed"),
    (re.compile(r"\[-"), "an index counts from the beginning, from 0"),
    (re.compile(r"\[[0-9]*:"), "a slice finds many values, and one is needed"),
)


class BadPath(ValueError):
    """A text is no path. `column` is where, from 1."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column


def parse_json_path(text: str) -> JsonPath:
    """The path that a text means. Raises BadPath."""
    if len(text) > _LONGEST:
        raise BadPath(1, f"expected at most {_LONGEST} characters")
    if not text.startswith("$"):
        raise BadPath(1, f"a path begins with `$`; write `$.{text}`" if _is_plain(text) else "a path begins with `$`")
    steps: list[str | int] = []
    at = 1
    while at < len(text):
        step, end = _step(text, at)
        steps.append(step)
        at = end
    if len(steps) > MOST_STEPS:
        raise BadPath(1, f"expected at most {MOST_STEPS} steps")
    return tuple(steps)


def _is_plain(text: str) -> bool:
    return _NAME.match(f".{text}") is not None


def _step(text: str, at: int) -> tuple[str | int, int]:
    if found := _NAME.match(text, at):
        return found[1], found.end()
    if found := _INDEX.match(text, at):
        return int(found[1]), found.end()
    if found := _QUOTED.match(text, at):
        return (found[1] if found[1] is not None else found[2]), found.end()
    for pattern, why in _REFUSED:
        if pattern.match(text, at):
            raise BadPath(at + 1, why)
    raise BadPath(at + 1, "expected `.name`, `['name']` or `[0]`")


def json_path_text(path: JsonPath) -> str:
    """The path as people write it."""
    return "$" + "".join(map(_step_text, path))


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _NAME.fullmatch(f".{step}"):
        return f".{step}"
    return f'["{step}"]' if "'" in step else f"['{step}']"
