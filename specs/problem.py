"""Where something was asked, and what is wrong with it.

A `Place` points into a source: a line of a file, or a topic and the activity that arrived there. A `Problem` is one thing
wrong at one path. Both are plain values so that the same problem can be printed on a terminal, stored in the journal and
sent as feedback without being built three times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

Path = tuple[str | int, ...]
"""Keys and indexes from the root of a document to a value."""

Severity = Literal["error", "warning"]

_LONGEST_WORD = 100
_MOST_CHOICES = 500
"""Beyond these, looking for the nearest word takes longer than the reader would."""


class Place(Struct, frozen=True, order=True):
    """Where a value was asked for: `file` with 1-based `line` and `column`, or `topic` with `activity_id`."""

    file: str = ""
    line: int = 0
    column: int = 0
    topic: str = ""
    activity_id: str = ""


class Problem(Struct, frozen=True, order=True):
    """One thing wrong (or, as a warning, doubtful) at one path of one source."""

    place: Place
    path: str
    message: str
    hint: str = ""
    severity: Severity = "error"


class Flaw(Struct, frozen=True):
    """What is wrong at a path below `spec`, before anybody knows the file it stands in."""

    path: Path
    message: str
    hint: str = ""
    warning: bool = False


def path_text(path: Sequence[str | int]) -> str:
    """`("spec", "ports", 0, "hostPort")` → `spec.ports[0].hostPort`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def place_text(place: Place, *, short: bool = False) -> str:
    """`file:line:column`, or `topic (activity id)`; `short` keeps only the file's name and the line."""
    if place.topic:
        return f"{place.topic} ({place.activity_id})" if place.activity_id else place.topic
    name = place.file.rsplit("/", 1)[-1] if short else place.file
    if not place.line:
        return name
    return f"{name}:{place.line}" if short else f"{name}:{place.line}:{place.column}"


def problem_text(problem: Problem) -> str:
    """One line for people: place, path, what was expected, and the nearest valid choice."""
    parts = [part for part in (place_text(problem.place), problem.path) if part]
    text = ": ".join([*parts, problem.message])
    if problem.severity == "warning":
        text = f"{text} (warning)"
    return f"{text}; {problem.hint}" if problem.hint else text


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems that are no warnings."""
    return tuple(problem for problem in problems if problem.severity == "error")


def nearest(word: str, choices: Iterable[str]) -> str:
    """A suggestion such as "did you mean `image`?", or what is allowed when nothing is near; "" without choices."""
    import difflib

    known = sorted(choices)
    if len(word) > _LONGEST_WORD or len(known) > _MOST_CHOICES:
        return ""
    by_folded: Mapping[str, str] = {choice.lower(): choice for choice in known}
    found = difflib.get_close_matches(word.lower(), by_folded, n=1, cutoff=0.6)
    if found:
        return f"did you mean `{by_folded[found[0]]}`?"
    if 0 < len(known) <= 12:
        return "expected one of: " + ", ".join(f"`{choice}`" for choice in known)
    return ""
