"""Places in sources, and problems at them.

A `Place` points into a source: a line of a file, or a topic and the activity that arrived there. A `Problem` is one
thing wrong at one path. Both are plain values so that the same problem can be printed on a terminal, stored in the
journal and sent as feedback without being built three times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from evenkeel.specs.visible import shortened, visible

Path = tuple[str | int, ...]
"""Keys and indexes from the root of a document to a value."""

Severity = Literal["error", "warning"]

MOST_PROBLEMS = 200
"""The most problems of each severity that are listed of one file. Nobody reads more; the others are counted."""
MOST_IN_ALL = 500
"""The most problems of each severity that are listed of all files together."""
MOST_TOLD = 20
"""The most problems in one message."""

_LONGEST_WORD = 100
_LONGEST_TEXT = 1000
_MOST_CHOICES = 500
"""Beyond these bounds, looking for the nearest word takes longer than the reader would."""


class Place(Struct, frozen=True, order=True):
    """Where a value was asked for: `file` with 1-based `line` and `column`, or `topic` with `activity_id`."""

    file: str = ""
    line: int = 0
    column: int = 0
    topic: str = ""
    activity_id: str = ""


class Problem(Struct, frozen=True, order=True):
    """One thing wrong (or, as a warning, doubtful) at one path of one source; or a number of problems that are not
    listed, the first of which is at that place."""

    place: Place
    path: str
    message: str
    hint: str = ""
    severity: Severity = "error"
    stands_for: int = 1


class Flaw(Struct, frozen=True):
    """A problem at a path below `spec`, before its file is known. `lacks`: keys of which one should be there; such a flaw says
    nothing new where one of them is there and faulty, or mistyped."""

    path: Path
    message: str
    hint: str = ""
    warning: bool = False
    lacks: tuple[str, ...] = ()


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
    """`file:line:column`, or `topic (activity id)`; `short` keeps only the file's name and the line, or the activity."""
    if place.topic and place.activity_id and short:
        return f"activity {place.activity_id}"
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
    return shortened(visible(f"{text}; {problem.hint}" if problem.hint else text), _LONGEST_TEXT)


def problems_text(problems: Sequence[Problem], separator: str = "\n") -> str:
    """The first problems, and how many more there are."""
    told = [problem for problem in problems if problem.stands_for == 1][:MOST_TOLD]
    texts = [problem_text(problem) for problem in told]
    more = total(problems) - len(told)
    return separator.join([*texts, f"and {more:,} more"] if more else texts)


def total(problems: Iterable[Problem]) -> int:
    """The number of problems, including those that are not listed."""
    return sum(problem.stands_for for problem in problems)


def count_text(problems: Iterable[Problem]) -> str:
    """The number of problems that keep specs from being read, in words. Warnings do not count."""
    count = total(errors(problems))
    return f"{count:,} problem{'s' * (count != 1)}"


class Problems:
    """Problems, collected as they are found. Beyond `most` of a severity they are only counted, so that no content takes
    much memory."""

    def __init__(self, most: int = MOST_PROBLEMS) -> None:
        self._listed: list[Problem] = []
        self._room: dict[Severity, int] = {"error": most, "warning": most}
        self._more: dict[Severity, Problem] = {}
        self.errors = 0
        """The number of problems that are no warnings, those that are not listed, too."""

    def append(self, problem: Problem) -> None:
        """One more."""
        severity = problem.severity
        self.errors += problem.stands_for * (severity == "error")
        if self._room[severity] and problem.stands_for == 1:
            self._room[severity] -= 1
            self._listed.append(problem)
            return
        known = self._more.get(severity)
        place = known.place if known is not None else problem.place
        count = problem.stands_for + (known.stands_for if known is not None else 0)
        words = f"{count:,} more problem{'s' * (count != 1)} from here on"
        self._more[severity] = Problem(place, "", words, severity=severity, stands_for=count)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Some more."""
        for problem in problems:
            self.append(problem)

    def all(self) -> tuple[Problem, ...]:
        """All problems, in the order in which they were found."""
        return (*self._listed, *self._more.values())


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems that are no warnings."""
    return tuple(problem for problem in problems if problem.severity == "error")


def likely(word: str, choices: Iterable[str]) -> str:
    """A suggestion such as "did you mean `image`?"; "" when nothing is near."""
    import difflib

    known = sorted(choices)
    if len(word) > _LONGEST_WORD or len(known) > _MOST_CHOICES:
        return ""
    by_folded: Mapping[str, str] = {choice.lower(): choice for choice in known}
    found = difflib.get_close_matches(word.lower(), by_folded, n=1, cutoff=0.6)
    return f"did you mean `{by_folded[found[0]]}`?" if found else ""


def nearest(word: str, choices: Iterable[str]) -> str:
    """The `likely` suggestion, or what is allowed when nothing is near; "" without choices."""
    known = sorted(choices)
    if near := likely(word, known):
        return near
    if len(word) <= _LONGEST_WORD and 0 < len(known) <= 12:
        return "expected one of: " + ", ".join(f"`{choice}`" for choice in known)
    return ""
