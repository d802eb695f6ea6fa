"""Where a value of preconditions comes from: a topic, a file or a part of the day."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from evenkeel.specs.preconditions.json_path import JsonPath
from evenkeel.specs.window import Window


class TopicSource(Struct, frozen=True, tag="topic"):
    """The last message on a topic of the broker. `path`: of the value in its JSON; `None` for the whole message. `max_age`: an
    older message does not count; `None` for any age."""

    topic: str
    path: JsonPath | None = None
    max_age: timedelta | None = None


class FileSource(Struct, frozen=True, tag="file"):
    """The content of a file; the rest is as with a topic. The age is that of the last change."""

    file: str
    path: JsonPath | None = None
    max_age: timedelta | None = None


class WindowSource(Struct, frozen=True, tag="window"):
    """`true` while the window is open, by the local clock of the device, and `false` otherwise."""

    window: Window


ValueSource = TopicSource | FileSource | WindowSource


def source_text(source: ValueSource) -> str:
    """Where it comes from, in a word: `vehicle/speed`, `/run/speed`, `02:00-04:30`."""
    match source:
        case TopicSource():
            return source.topic
        case FileSource():
            return source.file
        case WindowSource():
            return source.window.text
