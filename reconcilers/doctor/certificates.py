"""When certificates begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from evenkeel.specs.doctor.finding import Detail
from evenkeel.templates.ago import ago_text
from evenkeel.templates.moment import iso_text

SOON_S = 30 * 86400.0
"""The time in which somebody can still renew a certificate on a device that nobody reaches by hand."""


class Period(NamedTuple):
    """The validity of a certificate, in seconds since the epoch."""

    begin: float
    end: float


def of_certificates(
    name: str,
    path: str,
    periods: Sequence[Period],
    now: float,
    *,
    is_bundle: bool,
    soon_s: float = SOON_S,
    renew: str = "",
) -> Detail:
    """The certificates of a file. `is_bundle`: they are authorities, of which those that have ended do no harm while another
    one counts. `soon_s`: so long before the end it has to be renewed; `renew`: how, "" is by hand."""
    counting = [each for each in periods if each.begin <= now < each.end]
    first = min((each.end for each in (counting if is_bundle else periods)), default=0.0)
    renew = renew or f"replace {path} by a new one"
    if not is_bundle and any(now < each.begin for each in periods):
        begin = max(each.begin for each in periods)
        return Detail(
            name, "failed", f"{path} is not valid before {_day(begin)}", "look at the clock first; then at the file"
        )
    if (is_bundle and not counting) or first <= now:
        end = max(each.end for each in periods) if is_bundle else first
        return Detail(name, "failed", f"{path} has ended on {_day(end)}", f"{renew}; look at the clock, too")
    if is_bundle:
        first = max(each.end for each in counting)
    if first - now < soon_s:
        return Detail(name, "warning", f"{path} ends on {_day(first)}, in {ago_text(first - now)}", renew)
    return Detail(name, "ok", f"{path} is valid until {_day(first)}")


def _day(at: float) -> str:
    return iso_text(at)[:10]
