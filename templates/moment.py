"""Moments for programs: ISO 8601 in UTC with milliseconds, as `2026-11-26T18:40:36.123Z`."""

from __future__ import annotations

from datetime import UTC, datetime

_LAST_S = 253_402_300_799.0
"""The end of the year 9999, the last date that ISO 8601 can write."""


def iso_text(at: float) -> str:
    """`at`: seconds since the epoch."""
    moment = datetime.fromtimestamp(min(max(at, 0.0), _LAST_S), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock_text(now: float) -> str:
    """The time of day as a clock says it, in seconds since the epoch. One before 1970 is not given a date: `iso_text` would
    give it the wrong one."""
    return iso_text(now) if now >= 0 else "a time before 1970"


def iso_value(at: float) -> str | None:
    """The same; `None` where 0 stands for no moment at all."""
    return iso_text(at) if at else None
