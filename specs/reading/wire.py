"""JSON from strangers → plain values, with every flaw and its path, in bounded size and depth.

Messages of Kanto's protocols come from anybody who may publish. No content raises an exception: wrong encoding, nesting
without end, numbers that are none, half characters, NUL and equal keys are flaws, and the rest is usable. Known keys
are brought into Kanto's spelling, because Go takes them in any case (update-manager.md §2.2).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.secrecy import key_words
from evenkeel.specs.reading.sound import is_sound_text, sound_text
from evenkeel.specs.reading.tree import MOST_DEPTH, Value

MOST_BYTES = 4 * 1024**2

_TOO_LARGE = f"the message is larger than {MOST_BYTES // 1024**2} MiB"

_KEYS = {
    key.casefold(): key
    for key in (
        *("activityId", "timestamp", "payload"),
        *("domains", "baselines", "id", "config", "components", "version", "key", "value"),
        *("title", "description", "preconditions"),
        *("command", "baseline"),
    )
}
"""Every key of the messages that are read."""

_ACTIVITY = re.compile(r'"activityId"[ \t\r\n]*:[ \t\r\n]*("(?:[^"\\]|\\.){0,1000}")', re.IGNORECASE)


def read_json(content: bytes, flaws: list[Flaw]) -> Value:
    """The value in `content`, as far as it is sound."""
    message = ""
    try:
        if len(content) > MOST_BYTES:
            message = _TOO_LARGE
        elif not content.strip():
            message = "the message is empty"
        else:
            return _sound(json.loads(content.decode(), object_pairs_hook=tuple), (), flaws)
    except UnicodeDecodeError:
        message = "expected UTF-8 text"
    except RecursionError:
        message = f"nested deeper than {MOST_DEPTH} levels"
    except json.JSONDecodeError as error:
        message = f"no valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except ValueError:
        message = "no valid JSON: a number has too many digits"
    flaws.append(Flaw((), message))
    return None


def too_large(size: int) -> str:
    """Why a message of so many bytes is not read."""
    return f"{_TOO_LARGE}: {size} bytes"


def _sound(value: Any, path: Path, flaws: list[Flaw]) -> Value:
    """Plain values with known keys in Kanto's spelling; mappings come as tuples of pairs. Depth is bounded by MOST_DEPTH."""
    if len(path) > MOST_DEPTH:
        flaws.append(Flaw(path[:3], f"nested deeper than {MOST_DEPTH} levels"))
        return None
    match value:
        case str():
            if "\0" in value:
                flaws.append(Flaw(path, "a text cannot hold the character NUL"))
            if not is_sound_text(value):
                flaws.append(Flaw(path, "half of a surrogate pair is no character"))
            return sound_text(value)
        case int() if value.bit_length() > 63:
            flaws.append(Flaw(path, "the number is too large"))
            return 0
        case float() if not math.isfinite(value):
            flaws.append(Flaw(path, "expected a number"))
            return 0
        case list():
            return [_sound(item, (*path, index), flaws) for index, item in enumerate(value)]
        case tuple():
            return dict(_sound_pairs(value, path, flaws))
        case _:
            return value  # type: ignore[no-any-return]


def _sound_pairs(pairs: tuple[tuple[str, Any], ...], path: Path, flaws: list[Flaw]) -> Iterator[tuple[str, Value]]:
    seen: set[str] = set()
    for written, item in pairs:
        key = _KEYS.get(written.casefold()) or sound_text(written)
        if key in seen:
            flaws.append(
                Flaw((*path, key), f"{key_words('the key', key, path)} stands here again", "leave one of them")
            )
        seen.add(key)
        yield key, _sound(item, (*path, key), flaws)


def rescued_activity(content: bytes) -> str:
    """The activity of a message that cannot be read, "" when it cannot be told."""
    found = _ACTIVITY.search(content[: 64 * 1024].decode(errors="replace"))
    try:
        return sound_text(str(json.loads(found[1], strict=False))) if found else ""
    except ValueError:
        return ""
