"""Changes of a JSON file as text: what is changed is changed where it stands, and every other letter stays.

All functions are pure. A text is an object; a blank one counts as an object without members. Text that is none, or that has
a key twice in one object, raises ValueError with the reason and is never changed.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

_SPACE = re.compile(r"[ \t\r\n]*")
_DEEPEST = "it is nested too deeply"


class _Item(NamedTuple):
    """A member of an object, or an element of an array, by positions: of its beginning, of its value, and behind it."""

    key: str
    start: int
    value: int
    end: int


def parsed(text: str) -> dict[str, Any]:
    """The value of a text."""
    if not text.strip(" \t\r\n"):
        return {}
    try:
        value, end = _DECODER.raw_decode(text, _after_space(text, 0))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON (line {error.lineno}, column {error.colno}: {error.msg})") from None
    except RecursionError:
        raise ValueError(_DEEPEST) from None
    if _after_space(text, end) != len(text):
        raise ValueError("it is no JSON: something follows its end")
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    return value


def put(text: str, path: tuple[str, ...], value: object) -> str:
    """The text with a value at a path of keys. Objects on the way are made; the last key is put behind its neighbours."""
    text = _begun(text)
    at = _after_space(text, 0)
    for depth, key in enumerate(path):
        found = next((each for each in _items(text, at)[0] if each.key == key), None)
        rest = path[depth + 1 :]
        if found is None:
            for name in reversed(rest):
                value = {name: value}
            return _inserted(text, at, f"{json.dumps(key)}: {json.dumps(value)}")
        if not rest:
            return text[: found.value] + json.dumps(value) + text[found.end :]
        if text[found.value] != "{":
            raise ValueError(f"`{key}` is no object")
        at = found.value
    return text


def drop(text: str, path: tuple[str, ...]) -> str:
    """The text without the member at a path of keys; the same text when there is none."""
    text, (at, found) = _begun(text), _at(text, path)
    return text if found is None else _without(text, at, found)


def add_item(text: str, key: str, item: str) -> str:
    """The text with one more element at the end of the array at a key, which is made when it is not there."""
    text, (_, found) = _begun(text), _at(text, (key,))
    if found is None:
        return put(text, (key,), [item])
    return _inserted(text, _array(text, found, key), json.dumps(item))


def drop_item(text: str, key: str, item: str) -> str:
    """The text without the elements of the array at a key that are equal to a text. An array that is empty stays."""
    text, (_, found) = _begun(text), _at(text, (key,))
    if found is None:
        return text
    at = _array(text, found, key)
    while (of := next((each for each in _items(text, at)[0] if each.key == item), None)) is not None:
        text = _without(text, at, of)
    return text


def _begun(text: str) -> str:
    """A text that can be changed."""
    return text if parsed(text) or text.strip(" \t\r\n") else "{}\n"


def _at(text: str, path: tuple[str, ...]) -> tuple[int, _Item | None]:
    """The beginning of the object that has the last key of a path, and the member."""
    text = _begun(text)
    at, found = _after_space(text, 0), None
    for depth, key in enumerate(path):
        found = next((each for each in _items(text, at)[0] if each.key == key), None)
        if found is None or (depth < len(path) - 1 and text[found.value] != "{"):
            return at, None
        at = at if depth == len(path) - 1 else found.value
    return at, found


def _array(text: str, found: _Item, key: str) -> int:
    if text[found.value] != "[":
        raise ValueError(f"`{key}` is no list")
    return found.value


def _items(text: str, at: int) -> tuple[list[_Item], int]:
    """The items of the object or array that begins at a position, and the position of its closing bracket. The key of an
    element that is a text is the text."""
    closing = "}" if text[at] == "{" else "]"
    found, here = [], _after_space(text, at + 1)
    while text[here] != closing:
        start, key = here, ""
        if closing == "}":
            key, here = _DECODER.raw_decode(text, here)
            here = _after_space(text, _after_space(text, here) + 1)
        value, end = _DECODER.raw_decode(text, here)
        if closing == "]" and isinstance(value, str):
            key = value
        found.append(_Item(key, start, here, end))
        here = _after_space(text, end)
        if text[here] == ",":
            here = _after_space(text, here + 1)
    return found, here


def _inserted(text: str, at: int, piece: str) -> str:
    """The text with one more item at the end of the object or array that begins at a position, as its neighbours stand."""
    items, close = _items(text, at)
    if not items:
        return text[:close] + piece + text[close:]
    before = text[at + 1 : items[0].start]
    if "\n" not in before:
        between = text[items[0].end : items[1].start] if len(items) > 1 else ", "
        before = between.partition(",")[2]
    return f"{text[: items[-1].end]},{before}{piece}{text[items[-1].end :]}"


def _without(text: str, at: int, item: _Item) -> str:
    items, _ = _items(text, at)
    index = items.index(item)
    if index > 0:
        return text[: items[index - 1].end] + text[item.end :]
    return text[: item.start] + text[items[1].start if len(items) > 1 else item.end :]


def _after_space(text: str, here: int) -> int:
    found = _SPACE.match(text, here)
    return found.end() if found else here


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise ValueError(f"it has `{twice}` twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"it is no JSON: {name} is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_number)
