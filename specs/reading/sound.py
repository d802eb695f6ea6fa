"""Texts that UTF-8 can express, from any origin.

JSON can hold half of a surrogate pair (`"\\ud800"`), and Python decodes it, as it does file names and environments that
are not UTF-8. No journal, socket or screen takes such a text. So every text from elsewhere is made sound where it comes
in: JSON by `foreign_json`, all else by `sound_text`. Half characters become U+FFFD, as in Go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")


def sound_text(text: str) -> str:
    """`text` as UTF-8 can express it."""
    return text if text.isascii() else _HALF.sub("\ufffd", text)


def is_sound_text(text: str) -> bool:
    """Whether UTF-8 can express the text."""
    return text.isascii() or not _HALF.search(text)


def sound(value: Any) -> Any:
    """Plain values with sound texts only."""
    match value:
        case str():
            return sound_text(value)
        case list() | tuple():
            return [sound(item) for item in value]
        case dict():
            return {sound_text(key) if isinstance(key, str) else key: sound(item) for key, item in value.items()}
        case _:
            return value


def unsound_paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths, in plain values, of the texts that `sound` changes; a key that it changes is the end of one. The paths
    themselves are sound."""
    match value:
        case str():
            if not is_sound_text(value):
                yield path
        case list() | tuple():
            for index, item in enumerate(value):
                yield from unsound_paths(item, (*path, index))
        case dict():
            for key, item in value.items():
                inner = (*path, sound_text(str(key)))
                if isinstance(key, str) and not is_sound_text(key):
                    yield inner
                yield from unsound_paths(item, inner)
        case _:
            pass


def foreign_json(content: bytes) -> Any:
    """The plain values in JSON of an engine, a registry or another program. Raises ValueError and RecursionError for
    content that is not JSON."""
    text = content.decode()
    value = json.loads(text)
    return sound(value) if _ESCAPED.search(text) else value
