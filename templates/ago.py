"""Ages of moments, rounded as people do.

A device may find the time after it has begun to work, so an earlier entry may be dated 1970, or in the future. An
impossible age is not shown.
"""

from __future__ import annotations

FIRST_S = 1_735_689_600.0
"""2025: before, there was no evenkeel to date anything."""
LAST_S = 4_102_444_800.0
"""2100-01-01. No evenkeel of today runs then; a receiver or a battery clock that fails tells such dates."""
_FIRST_ENGINE_S = 1_356_998_400.0
"""2013: before, there was no engine either."""
_SET_S = 60.0
"""Clocks are corrected by so much all the time."""


def ago_text(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `4 d`."""
    seconds = max(seconds, 0.0)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def when_text(at: float, now: float) -> str:
    """`5 min ago`, or `at an unknown time`; both in epoch seconds."""
    return f"{ago_text(now - at)} ago" if _can_be(at, now, FIRST_S) else "at an unknown time"


def since_text(at: float, now: float) -> str:
    """`since 5 min`, or `since an unknown time`."""
    return f"since {ago_text(now - at)}" if _can_be(at, now, FIRST_S) else "since an unknown time"


def age_text(at: float, now: float) -> str:
    """`5 min`, or `unknown`, of a moment that an engine has dated."""
    return ago_text(now - at) if _can_be(at, now, _FIRST_ENGINE_S) else "unknown"


def _can_be(at: float, now: float, first: float) -> bool:
    return first <= at <= now + _SET_S
