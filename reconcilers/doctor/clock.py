"""Whether the time of day can be true. A wrong clock breaks TLS, dates and windows of time, and says nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.specs.doctor.finding import Detail
from evenkeel.templates.ago import FIRST_S, LAST_S, ago_text
from evenkeel.templates.moment import clock_text, iso_text

_JITTER_S = 60.0
"""Clocks are corrected by so much all the time."""
_SET_IT = "set the clock, or let systemd-timesyncd, chrony or a GPS receiver do it; certificates fail until then"


def of_clock(now: float, newest: float) -> Iterator[Detail]:
    """`now`, and the time of the newest entry of the journal (0: none), in seconds since the epoch."""
    if now > LAST_S:
        yield Detail("time", "failed", f"it is {iso_text(now)} here, which cannot be", _SET_IT)
    elif now < FIRST_S:
        yield Detail("time", "failed", f"it is {clock_text(now)} here, before there was any evenkeel", _SET_IT)
    elif newest > now + _JITTER_S:
        told = f"it is {iso_text(now)} here, and the newest entry of the journal is from {ago_text(newest - now)} later"
        yield Detail("time", "warning", told, f"one of them was written with a wrong clock: {_SET_IT}")
    else:
        yield Detail("time", "ok", iso_text(now))


def of_synchronisation(is_kept: bool | None, has_ntp: bool | None) -> Detail:
    """`is_kept`: the kernel's clock is synchronised, by whom ever; `has_ntp`: systemd's own service is enabled. `None`: not
    told (timedated, org.freedesktop.timedate1(5))."""
    if is_kept is None:
        return Detail("synchronisation", "skipped", "systemd-timedated does not tell")
    if is_kept:
        return Detail("synchronisation", "ok", "the clock is synchronised")
    why = "time synchronisation is on, and has not succeeded yet" if has_ntp else "nothing synchronises the clock"
    return Detail("synchronisation", "warning", why, "see `timedatectl`")
