"""States that recur: told the first time, then the second, fourth, eighth, … time.

A container that crashes every few seconds changes its state at each look: the number of its restarts, or whether it is
just up. If each change were told, they would fill the journal within a day, and the entries of last week's update would
be lost. So a change is told when it leads to a state that was not told lately. The count of a state, and a number
within its text, are news only when they have doubled. A state that lasts is told in any case, so that the end of
trouble is never kept back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_LATELY_S = 3600.0
"""A state that did not hold for so long is told as if for the first time."""
_LASTING_S = 600.0
"""A state that has held for so long is told, however often it was told before."""
_MOST_KINDS = 8
"""The most kinds of texts of one subject that are told apart; further texts count as one kind."""

_NUMBER = re.compile(r"[0-9a-f]{12,}|\d+")


@dataclass
class _Kind:
    """One kind of state: how often it began, when it last held, and the number that was told."""

    times: int = 0
    last_at: float = 0.0
    number: int = 0


@dataclass
class _Subject:
    kind: str = ""
    since: float = 0.0
    is_told: bool = True
    kinds: dict[str, _Kind] = field(default_factory=dict)


class Recurrences:
    """The states of some subjects, "" for well. `numbers`: texts that differ in these alone are of one kind.
    `most_kinds`: the most kinds of a subject that are told apart."""

    def __init__(self, *, numbers: bool = True, most_kinds: int = _MOST_KINDS) -> None:
        self._numbers, self._most_kinds = numbers, most_kinds
        self._subjects: dict[str, _Subject] = {}

    def is_news(self, states: Mapping[str, str], at: float) -> bool:
        """Whether any of these states is news. `at`: seconds on one clock. Subjects that are not named are well."""
        found = [self._is_news(name, states.get(name, ""), at) for name in {**self._subjects, **states}]
        for name in [name for name, known in self._subjects.items() if _is_over(known, at)]:
            del self._subjects[name]
        return any(found)

    def _is_news(self, name: str, text: str, at: float) -> bool:
        if name not in self._subjects and not text:
            return False
        known = self._subjects.setdefault(name, _Subject())
        words = _NUMBER.sub("#", text) if self._numbers else text
        if words not in known.kinds and len(known.kinds) >= self._most_kinds:
            words = "…"
        kind = known.kinds.setdefault(words, _Kind())
        digits = re.findall(r"\d{1,9}", text) if self._numbers else ()
        number = max(map(int, digits), default=0)
        begins, lately = words != known.kind, at - kind.last_at <= _LATELY_S
        kind.last_at = at
        if begins:
            kind.times = kind.times + 1 if lately else 1
            known.kind, known.since = words, at
            known.is_told = kind.times & (kind.times - 1) == 0
            is_news = known.is_told
        else:
            lasts = not known.is_told and at - known.since >= _LASTING_S
            is_news = lasts or number >= 2 * kind.number > 0
            known.is_told |= is_news
        if is_news:
            kind.number = number
        return is_news


def _is_over(known: _Subject, at: float) -> bool:
    return known.kind == "" and known.is_told and at - known.since > _LATELY_S
