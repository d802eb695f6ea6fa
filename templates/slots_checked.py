"""Findings of checks, as text and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from evenkeel.specs.slots.finding import Finding, Level
from evenkeel.specs.visible import one_line
from evenkeel.templates.style import PLAIN, Role, Style, paint

_MARKS: dict[Level, tuple[str, Role | None]] = {
    "ok": ("✓", "good"),
    "unknown": ("?", "faint"),
    "warning": ("!", "change"),
    "error": ("✗", "bad"),
}
_LEAST_ROOM = 30


def finding_lines(findings: Sequence[Finding], width: int = 80, style: Style = PLAIN) -> Iterator[str]:
    """One block for each finding, with its remedy below; then the sum."""
    begin = max((len(each.about) for each in findings), default=0) + 6
    room = max(width - begin, _LEAST_ROOM)
    for each in findings:
        mark, role = _MARKS[each.level]
        head = f"  {mark} {each.about}"
        for text in _wrapped(each.text, room):
            yield paint(head, role, style) + " " * (begin - len(head)) + text
            head = ""
        for text in _wrapped(f"remedy: {each.remedy}", room) if each.remedy else ():
            yield " " * begin + paint(text, "faint", style)
    levels = [each.level for each in findings]
    counts = [(levels.count(level), level) for level in ("error", "warning") if level in levels]
    told = " and ".join(f"{count} {level}{'s' * (count != 1)}" for count, level in counts)
    yield f"{told}." if told else "Nothing is in the way of an update."


def findings_value(findings: Sequence[Finding]) -> dict[str, Any]:
    """The same for programs (docs/reference/json.md)."""
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "SlotsCheck",
        "findings": [
            {"about": each.about, "level": each.level, "text": each.text, "remedy": each.remedy or None}
            for each in findings
        ],
    }


def _wrapped(text: str, room: int) -> list[str]:
    return textwrap.wrap(one_line(text), room, break_on_hyphens=False, break_long_words=False)
