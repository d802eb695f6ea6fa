"""Changing values in the text of a JSON file of others: everything else in it stays as it was written, byte for byte.

A file that a tool shares with people has an order and an indentation of its own. So the text is changed at the place of a
value, and never written anew from its values. A new member is written as those around it are, and the text is the former one
when it is taken away again. Of a key that stands there twice the last one counts, as for the readers of such files;
`json_object` is for those who rather leave such a file alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from evenkeel.specs.problem import Path, path_text
from evenkeel.specs.reading.tree import MOST_DEPTH, Value

_BLANKS = " \t\n\r"
_TOO_DEEP = f"it is nested deeper than {MOST_DEPTH} levels"
_BLANK = re.compile(r"[ \t\n\r]*")
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_BARE = re.compile(r"[^\s,\]}]+")
_INDENT = re.compile(r"\n([ \t]+)\S")
_COLON = re.compile(r'"(\s*:\s*)')


class _Node(NamedTuple):
    """A value at `text[start:end]`. `kind`: its first character. `members`: key or index, begin of the key or item, value."""

    start: int
    end: int
    kind: str
    members: tuple[tuple[str | int, int, _Node], ...] = ()


def json_object(text: str) -> dict[str, Any]:
    """The object that a text is; an empty one for a blank text. Raises ValueError, with the reason as a sentence about `it`,
    for any other text, and for one that has a key twice in one object."""
    if not text.strip(_BLANKS):
        return {}
    try:
        value, end = _STRICT.raw_decode(text, _after(_BLANK, text, 0))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON (line {error.lineno}, column {error.colno}: {error.msg})") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _after(_BLANK, text, end) != len(text):
        raise ValueError("it is no JSON: something follows its end")
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    if text.count("{") + text.count("[") > MOST_DEPTH:
        _root(text)  # most files are not nested deeply, and this is slow
    return value


def object_text(text: str) -> str:
    """The text, or an object without members in the place of a blank one."""
    return text if text.strip(_BLANKS) else "{}\n"


def with_value(text: str, path: Path, value: Value) -> str:
    """The text with `value` at `path`; objects on the way are made. An index as long as its list adds an item. Raises
    ValueError when the text is no JSON, or when a value on the way is of another type."""
    node, spot = _root(text), 0
    for spot, part in enumerate(path):
        inner = _member(node, part)
        if inner is None:
            return _inserted(text, node, path, spot, value)
        node = inner
    if json.loads(text[node.start : node.end]) == value and _same_types(json.loads(text[node.start : node.end]), value):
        return text
    return text[: node.start] + _rendered(value, text, _line_indent(text, node.start)) + text[node.end :]


def without(text: str, path: Path) -> str:
    """The text without the member or item at `path`; unchanged when there is none. Raises ValueError for what is no JSON."""
    node = _root(text)
    for part in path[:-1]:
        inner = _member(node, part) if node.kind in "{[" else None
        if inner is None:
            return text
        node = inner
    while any(key == path[-1] for key, _, _ in node.members):
        text = _cut(text, node, path[-1])
        node = _at(_root(text), path[:-1])
        if isinstance(path[-1], int):
            break  # the next item has the index now
    return text


def with_item(text: str, path: Path, item: str) -> str:
    """The text with one more item at the end of the list at `path`, which is made where there is none, or `null`. Raises
    ValueError for what is no JSON, and for a value there that is no list."""
    items = _items(text, path)
    return with_value(text, path, [item]) if items is None else with_value(text, (*path, len(items)), item)


def without_item(text: str, path: Path, item: str) -> str:
    """The text without the items of the list at `path` that are equal to a text. A list that is empty stays. Raises ValueError
    as `with_item` does."""
    items = _items(text, path) or ()
    for spot in reversed([spot for spot, each in enumerate(items) if each == item]):
        text = without(text, (*path, spot))
    return text


def _items(text: str, path: Path) -> Sequence[object] | None:
    node = _root(text)
    for part in path:
        inner = _member(node, part)
        if inner is None:
            return None
        node = inner
    if node.kind == "n":
        return None
    if node.kind != "[":
        raise ValueError(f"expected a list at `{path_text(path)}`")
    found: list[object] = json.loads(text[node.start : node.end])
    return found


def _at(node: _Node, path: Path) -> _Node:
    for part in path:
        inner = _member(node, part)
        assert inner is not None
        node = inner
    return node


def _cut(text: str, node: _Node, key: str | int) -> str:
    spots = [spot for spot, (name, _, _) in enumerate(node.members) if name == key]
    spot, members = spots[-1], node.members
    if len(members) == 1:
        is_alone = text[members[0][2].end] == text[node.end - 1]  # it was put behind the blanks of an empty one
        return text[: members[0][1] if is_alone else node.start + 1] + text[node.end - 1 :]
    if spot == len(members) - 1:
        return text[: members[spot - 1][2].end] + text[members[spot][2].end :]
    return text[: members[spot][1]] + text[members[spot + 1][1] :]


def _same_types(one: object, other: object) -> bool:
    """Whether equal values are of the same types: in Python `1`, `1.0` and `True` are equal."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same_types(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return all(map(_same_types, one, other))
    return True


def _member(node: _Node, part: str | int) -> _Node | None:
    if (node.kind == "{") != isinstance(part, str) or node.kind not in "{[":
        raise ValueError(f"expected {'an object' if isinstance(part, str) else 'a list'} around `{path_text((part,))}`")
    return next((value for key, _, value in reversed(node.members) if key == part), None)


def _inserted(text: str, node: _Node, path: Path, spot: int, value: Value) -> str:
    """The text with a new last member of `node`, which leads to `value`."""
    part = path[spot]
    if isinstance(part, int) and part != len(node.members):
        raise ValueError(f"there is no item `{path_text((part,))}`")
    for outer in reversed(path[spot + 1 :]):
        if isinstance(outer, int) and outer:
            raise ValueError(f"there is no item `{path_text((outer,))}`")
        value = {outer: value} if isinstance(outer, str) else [value]
    here, unit = _line_indent(text, node.start), _unit(text)
    if node.members:
        begin, last = node.members[-1][1], node.members[-1][2].end
        before = node.members[-2][2].end if len(node.members) > 1 else node.start + 1
        lead = text[before:begin].lstrip(",") if len(node.members) == 1 else text[before:begin].partition(",")[2]
        if len(node.members) == 1 and "\n" not in lead:
            lead = " " if _is_spaced(text) else ""
        inside = lead.rpartition("\n")[2] if "\n" in lead else here
        return text[:last] + "," + lead + _named(part, value, text, inside, "\n" in lead) + text[last:]
    if unit and node.end - node.start == 2:
        end = "\r\n" if "\r\n" in text else "\n"
        lead, tail = f"{end}{here}{unit}", f"{end}{here}"
        return (
            text[: node.start + 1] + lead + _named(part, value, text, here + unit, True) + tail + text[node.end - 1 :]
        )
    return text[: node.end - 1] + _named(part, value, text, here, False) + text[node.end - 1 :]


def _named(part: str | int, value: Value, text: str, indent: str, is_open: bool) -> str:
    shown = _rendered(value, text, indent, is_open=is_open)
    if isinstance(part, int):
        return shown
    return f"{json.dumps(part, ensure_ascii=False)}{_colon(text)}{shown}"


def _rendered(value: Value, text: str, indent: str, *, is_open: bool = True) -> str:
    """A value as the text would have it. `is_open`: over several lines, where the text has more than one."""
    unit = _unit(text) if is_open else ""
    if not unit:
        separators = (", " if _is_spaced(text) else ",", _colon(text))
        return json.dumps(value, ensure_ascii=False, separators=separators)
    lines = json.dumps(value, ensure_ascii=False, indent=unit, separators=(",", _colon(text))).split("\n")
    end = "\r\n" if "\r\n" in text else "\n"
    return f"{end}{indent}".join(lines)


def _unit(text: str) -> str:
    """The indentation of one level; "" for a text in one line."""
    if found := _INDENT.search(text):
        return found[1]
    return "  " if "\n" in text.strip() or not text.strip().strip("{}[]").strip() else ""


def _colon(text: str) -> str:
    found = _COLON.search(text)
    return found[1] if found and "\n" not in found[1] else ": "


def _is_spaced(text: str) -> bool:
    return not _COLON.search(text) or _colon(text).endswith(" ")


def _line_indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _root(text: str) -> _Node:
    try:
        json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    return _scanned(text, _after(_BLANK, text, 0), 0)


def _after(what: re.Pattern[str], text: str, at: int) -> int:
    """The end of what stands at `at`; `at` itself when it is not there."""
    found = what.match(text, at)
    return found.end() if found else at


def _scanned(text: str, at: int, depth: int) -> _Node:
    """The value that begins at `at`, in a text that is JSON."""
    if depth > MOST_DEPTH:
        raise ValueError(_TOO_DEEP)
    kind = text[at]
    if kind == '"':
        return _Node(at, _after(_TEXT, text, at), kind)
    if kind not in "{[":
        return _Node(at, _after(_BARE, text, at), kind)
    members: list[tuple[str | int, int, _Node]] = []
    spot = _after(_BLANK, text, at + 1)
    while text[spot] not in "}]":
        begin, key = spot, len(members)
        name: str | int = key
        if kind == "{":
            end = _after(_TEXT, text, spot)
            name = json.loads(text[spot:end])
            spot = _after(_BLANK, text, _after(_BLANK, text, end) + 1)
        node = _scanned(text, spot, depth + 1)
        members.append((name, begin, node))
        spot = _after(_BLANK, text, node.end)
        if text[spot] == ",":
            spot = _after(_BLANK, text, spot + 1)
    return _Node(at, spot + 1, kind, tuple(members))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise ValueError(f"it has `{twice}` twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"it is no JSON: {name} is no number")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)
