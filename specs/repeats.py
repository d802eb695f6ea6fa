"""Entries that say the same again and again, for people who look at the newest few.

A step that is tried for hours says the same two entries at every try. Unfolded they leave no room for what happened before.
The journal and everything that follows it by number keep each of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from evenkeel.specs.feedback import Feedback

_TURN = 4
"""The most entries in a row that may be repeated as one: a step begins and fails, and so does another one beside it."""


class Repeated(Struct, frozen=True):
    """An entry that came `times` times with nothing else in between: the newest one, and when the first came (epoch
    seconds)."""

    entry: Feedback
    times: int
    since: float


def folded(entries: Iterable[Feedback]) -> list[Repeated]:
    """In the order of the newest entries."""
    found: list[Repeated] = []
    for entry in entries:
        recent = range(max(len(found) - _TURN, 0), len(found))
        index = next((index for index in recent if _what(found[index].entry) == _what(entry)), None)
        before = found.pop(index) if index is not None else Repeated(entry, 0, entry.at)
        found.append(Repeated(entry, before.times + 1, before.since))
    return found


def _what(entry: Feedback) -> tuple[str, ...]:
    return entry.kind, entry.subject, entry.message, entry.revision
