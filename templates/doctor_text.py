"""The report of the doctor, for people by sections, and for programs.

The layout is that of Leda's `sdv-health` (provisioning.md §7), which people on such devices know: a line for each thing, with
its name, a label, and the evidence.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from evenkeel.specs.doctor.finding import Detail, Report, Result, State
from evenkeel.specs.visible import one_line
from evenkeel.templates.moment import iso_text
from evenkeel.templates.style import PLAIN, Role, Style, paint

LABELS: dict[State, tuple[str, Role | None]] = {
    "ok": ("OK", "good"),
    "warning": ("WARNING", "change"),
    "failed": ("FAILED!", "bad"),
    "skipped": ("N/A", "faint"),
    "unknown": ("UNKNOWN", "bad"),
}
NAME_WIDTH = 23
_INDENT = "      "
_LEAST_ROOM = 30
_SUMS: dict[State, str] = {
    "failed": "failed",
    "unknown": "unknown",
    "warning": "with a warning",
    "ok": "well",
    "skipped": "not applicable",
}


def labelled(name: str, label: str, detail: str, role: Role | None = None, style: Style = PLAIN) -> str:
    """One line: `  * name : LABEL (detail)`."""
    more = f" ({one_line(detail)})" if detail else ""
    return f"  * {one_line(name):<{NAME_WIDTH}} : {paint(label, role, style)}{more}"


def report_lines(report: Report, width: int = 80, style: Style = PLAIN) -> Iterator[str]:
    """All results by sections, each remedy below its line, and the sum."""
    section = ""
    for each in report.results:
        if each.section != section:
            if section:
                yield ""
            section = each.section
            yield paint(f"[{section}]", "strong", style)
        for detail in lines_of(each):
            label, role = LABELS[detail.state]
            yield labelled(detail.name, label, detail.evidence, role, style)
            yield from _remedy(detail.remedy, width, style)
    yield ""
    yield sum_text(report) + "."


def health_lines(
    title: str, details: Sequence[Detail], width: int = 80, style: Style = PLAIN, *, remedies: bool = False
) -> Iterator[str]:
    """A section in the words of `sdv-health`, which has no label for what could not be looked at."""
    yield paint(f"[{title}]", "strong", style)
    for each in details:
        label, role = LABELS["warning" if each.state == "unknown" else each.state]
        yield labelled(each.name, label, each.evidence, role, style)
        yield from _remedy(each.remedy if remedies else "", width, style)


def lines_of(result: Result) -> Sequence[Detail]:
    """The lines of a result: its details, or itself where it has none. A detail has the name of its check before its own,
    where it does not say by itself what it is about."""
    finding = result.finding
    if not finding.details:
        return (Detail(result.name, finding.state, finding.evidence, finding.remedy),)
    return tuple(
        Detail(f"{result.name}: {each.name}", each.state, each.evidence, each.remedy) for each in finding.details
    )


def sum_text(report: Report) -> str:
    """The number of checks in each state, the worst first."""
    states = [each.finding.state for each in report.results]
    return ", ".join(f"{states.count(state)} {words}" for state, words in _SUMS.items() if state in states)


def report_value(report: Report) -> dict[str, Any]:
    """The same as plain values; keys are only ever added (docs/reference/json.md)."""
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "Doctor",
        "state": report.state,
        "at": iso_text(report.at),
        "version": report.version,
        "checks": [
            {
                "section": each.section,
                "name": each.name,
                "state": each.finding.state,
                "evidence": each.finding.evidence,
                "remedy": each.finding.remedy or None,
                "seconds": round(each.seconds, 3),
                "details": [
                    {"name": one.name, "state": one.state, "evidence": one.evidence, "remedy": one.remedy or None}
                    for one in each.finding.details
                ],
            }
            for each in report.results
        ],
    }


def _remedy(text: str, width: int, style: Style) -> Iterator[str]:
    room = max(width - len(_INDENT), _LEAST_ROOM)
    wrapped = textwrap.wrap(f"remedy: {one_line(text)}", room, break_on_hyphens=False, break_long_words=False)
    for line in wrapped if text else ():
        yield _INDENT + paint(line, "faint", style)
