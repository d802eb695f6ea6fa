"""The observation of a value: itself and its age, or the reason why it is unknown.

A value that is unknown, or older than its source allows, does not count, whatever it was. Preconditions fail closed: an update
waits rather than begin on a road.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct

from evenkeel.specs.codec import decode
from evenkeel.specs.preconditions.json_path import JsonPath, json_path_text
from evenkeel.specs.reading.sound import is_sound_text
from evenkeel.specs.visible import one_line, shortened

MOST_CONTENT = 65_536
"""The most bytes of a message or of a file that are looked into."""
MOST_VALUE = 4096
"""The most bytes of one value, as JSON."""
MOST_PARTS = 256
"""The most scalars and collections within one value. With the bounds of a text they bound the time of an evaluation."""

_SHOWN = 60
_INT64 = 2**63


class Observed(Struct, frozen=True):
    """A value at one moment. `age_s`: seconds since it was received, or since its file was changed; `None` for a value that is
    made when it is looked at. `max_age_s`: its source allows no more. `unknown`: why there is no value, "" when there is."""

    value: Any = None
    age_s: float | None = None
    max_age_s: float | None = None
    unknown: str = ""

    @property
    def is_stale(self) -> bool:
        """Whether it is older than its source allows."""
        return self.max_age_s is not None and self.age_s is not None and self.age_s > self.max_age_s

    @property
    def counts(self) -> bool:
        """Whether preconditions may go by the value."""
        return not self.unknown and not self.is_stale


def observed_text(observed: Observed) -> str:
    """The value, or why it does not count, in words that stand behind "is": `7`, `unknown: nothing was received on a/b`,
    `42 s old, at most 10 s are allowed`."""
    if observed.unknown:
        return f"unknown: {observed.unknown}"
    if observed.is_stale:
        return f"{_seconds(observed.age_s)} old, at most {_seconds(observed.max_age_s)} are allowed"
    return value_text(observed.value)


def value_text(value: object) -> str:
    """A value as JSON, shortened."""
    return one_line(shortened(json.dumps(value, ensure_ascii=False), _SHOWN))


def _seconds(seconds: float | None) -> str:
    seconds = seconds or 0.0
    return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"


class Lacking(Exception):
    """There is no value. Its text is why, in words that stand behind "unknown:"."""


def value_in(content: bytes, path: JsonPath | None) -> Any:
    """The value in a message or a file. `path`: in its JSON; without one the whole counts, as JSON where it is JSON, else as a
    text without the blanks around it. Raises Lacking."""
    if len(content) > MOST_CONTENT:
        raise Lacking(f"more than {MOST_CONTENT:,} bytes")
    try:
        value = decode(content, object)
    except (ValueError, RecursionError) as error:
        if path is not None:
            raise Lacking("no JSON") from error
        try:
            value = content.decode().strip()
        except UnicodeDecodeError as undecodable:
            raise Lacking("neither JSON nor a text in UTF-8") from undecodable
    return _bounded(_at(value, path or ()))


def _at(value: Any, path: JsonPath) -> Any:
    for count, step in enumerate(path, 1):
        is_there = (isinstance(value, dict) and step in value) or (
            isinstance(value, list) and isinstance(step, int) and step < len(value)
        )
        if not is_there:
            raise Lacking(f"there is no `{json_path_text(path[:count])}`")
        value = value[step]
    return value


def _bounded(value: Any) -> Any:
    """The value as CEL takes it. `null` is what programs write that do not know."""
    if value is None:
        raise Lacking("it is null")
    if value == "":
        raise Lacking("it is empty")
    room = [MOST_PARTS]
    kept = _part(value, room)
    if len(json.dumps(kept, ensure_ascii=False).encode()) > MOST_VALUE:
        raise Lacking(f"more than {MOST_VALUE:,} bytes")
    return kept


def _part(value: Any, room: list[int]) -> Any:
    room[0] -= 1
    if room[0] < 0:
        raise Lacking(f"more than {MOST_PARTS} values in one")
    if isinstance(value, dict):
        return {_sound(key): _part(item, room) for key, item in value.items()}
    if isinstance(value, list):
        return [_part(item, room) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -_INT64 <= value < _INT64:
        return float(value)
    return _sound(value) if isinstance(value, str) else value


def _sound(text: str) -> str:
    if not is_sound_text(text):
        raise Lacking("it has half of a surrogate pair, which is no character")
    return text
