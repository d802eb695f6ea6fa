"""Sizes and durations as people write them, and back.

A size is a number and one unit letter, binary (`64M` is 64 · 1024² bytes), as Kanto accepts it
(container-management.md §1.6, note 2). A duration is Go's text form (`1m30s`, `500ms`), which Kanto's inventory prints.
Inside evenkeel sizes are `int` bytes and durations are `timedelta`; nothing compares texts, so `64M` equals `65536K`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache

SIZE_PATTERN = r"^[0-9]{1,18}(\.[0-9]{1,18})? ?[kKmMgG]$"
PERCENT_PATTERN = r"^([1-9][0-9]?|100)%$"
SWAP_PATTERN = r"^(\d+(\.\d+)? ?[kKmMgG]|-1|unlimited)$"
DURATION_PATTERN = r"^([0-9]{1,18}(\.[0-9]{1,18})?(h|m|s|ms|us))+$"

_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([kKmMgG])")
_DURATION = re.compile(DURATION_PATTERN)
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|us|h|m|s)")
_BYTES = {"k": 1024, "m": 1024**2, "g": 1024**3}
_MICROSECONDS = {"h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1000, "us": 1}
_LARGEST = 1024**5
_LONGEST_TEXT = 100
_LONGEST_US = 10 * 365 * 24 * 3_600_000_000


@lru_cache(256)
def parse_size(text: str) -> int:
    """Bytes; ValueError with an example when `text` is no size, or one of more than 1048576G."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("expected a size with a unit, for example 64M, 1.5G or 512K")
    size = int(Fraction(match[1]) * _BYTES[match[2].lower()])
    if size > _LARGEST:
        raise ValueError(f"expected a size of at most {_LARGEST // 1024**3}G")
    return size


def size_text(size: int) -> str:
    """The shortest exact text: 67108864 → `64M`; a size that is no whole number of KiB is printed in bytes."""
    for letter, unit in (("G", 1024**3), ("M", 1024**2), ("K", 1024)):
        if size and size % unit == 0:
            return f"{size // unit}{letter}"
    return f"{size}B"


def rough_size_text(size: int) -> str:
    """Decimal and rounded, as people read traffic: 43_200_000 → `43 MB`."""
    for name, unit in (("GB", 1000**3), ("MB", 1000**2), ("kB", 1000)):
        if size >= unit:
            value = size / unit
            return f"{value:.1f} {name}" if value < 10 else f"{value:.0f} {name}"
    return f"{size} B"


def fetched_text(done: int, total: int, seconds: float, *, since: int = 0) -> str:
    """How much was fetched, and the rate: `43 MB of 60 MB, 2.1 MB/s`. `total`: 0 when it is not known. `since`: the bytes that
    were there so many `seconds` ago. Without a rate in the first second."""
    far = f"{rough_size_text(done)} of {rough_size_text(total)}" if total else rough_size_text(done)
    return f"{far}, {rough_size_text(int((done - since) / seconds))}/s" if done and seconds >= 1 else far


@lru_cache(256)
def parse_duration(text: str) -> timedelta:
    """ValueError with an example when `text` is no duration, or one of more than ten years."""
    if len(text) > _LONGEST_TEXT or not _DURATION.fullmatch(text):
        raise ValueError("expected a duration with a unit, for example 30s, 1m30s or 500ms")
    total = sum(Fraction(number) * _MICROSECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    if total > _LONGEST_US:
        raise ValueError("expected a duration of at most ten years")
    return timedelta(microseconds=int(total))


def duration_text(duration: timedelta) -> str:
    """Go's form without needless zeros: 90 s → `1m30s`, 0 → `0s`, 1.5 s → `1.5s`, 250 ms → `250ms`."""
    micros = duration // timedelta(microseconds=1)
    if micros == 0:
        return "0s"
    if micros < 1000:
        return f"{micros}us"
    if micros < 1_000_000:
        return f"{decimal_text(micros, 1000)}ms"
    hours, rest = divmod(micros, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if minutes else ""
    return text + (f"{decimal_text(rest, 1_000_000)}s" if rest else "")


def decimal_text(value: int, unit: int) -> str:
    """`value` in units of `unit`, a power of ten, without needless zeros: 1500 of 1000 → `1.5`."""
    whole, rest = divmod(value, unit)
    digits = len(str(unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0") if rest else str(whole)
