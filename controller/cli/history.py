"""Entries of feedback as people read them later: with number, local time and place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from evenkeel.specs.visible import one_line
from evenkeel.templates.style import PLAIN, Role, Style, paint

if TYPE_CHECKING:
    from evenkeel.specs.feedback import Feedback

_ROLES: dict[str, Role] = {
    "revision-good": "good",
    "settled": "good",
    "source-broken": "bad",
    "source-empty": "bad",
    "revision-failed": "bad",
    "step-failed": "bad",
    "stalled": "bad",
    "engine-lost": "bad",
    "rolling-back": "change",
    "rolled-back": "change",
    "drift": "change",
    "step-retrying": "change",
}


def dated_line(entry: Feedback, style: Style = PLAIN) -> str:
    """One line, whatever the entry holds."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    kind = paint(f"{entry.kind:<17}", _ROLES.get(entry.kind), style)
    subject = f"{one_line(entry.subject)}: " if entry.subject else ""
    place = f"  {paint(one_line(entry.place), 'faint', style)}" if entry.place else ""
    took = f" ({entry.seconds:.1f} s)" if entry.seconds >= 0.1 else ""
    return f"{entry.seq:>6}  {at}  {kind} {subject}{one_line(entry.message)}{took}{place}"
