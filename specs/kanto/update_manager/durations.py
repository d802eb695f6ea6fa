"""Durations in the configuration of Kanto's update manager.

They are texts as Go writes them. One that cannot be read, or is negative, is the default with a warning in the log, as with the
original (update-manager.md §3.8). A whole number is milliseconds: releases before 2023-08-30 and Leda's page have them. The
original refuses them, here they are a warning (§4.3).
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.quantity import duration_text
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import in_words

_UNITS_US = {
    "ns": Fraction(1, 1000),
    "us": Fraction(1),
    "µs": Fraction(1),
    "μs": Fraction(1),
    "ms": Fraction(1000),
    "s": Fraction(1_000_000),
    "m": Fraction(60_000_000),
    "h": Fraction(3_600_000_000),
}
_NUMBER = r"(\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})"
_PART = re.compile(rf"{_NUMBER}(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE = re.compile(rf"\+?({_PART.pattern})+", re.ASCII)
_LONGEST_TEXT = 100
_MOST_MS = 10 * 365 * 24 * 3_600_000


def duration_of(value: Value, path: Path, default: str, empty: str, flaws: list[Flaw]) -> str | None:
    """The duration as evenkeel writes it; `None` for the default. `empty`: the meaning of an empty text, "" for the
    default. Flaws have `path`."""
    match value:
        case None:
            return None
        case bool() | float() | list() | dict():
            flaws.append(Flaw(path, f"expected a duration, got {in_words(value)}", f'for example "{default}"'))
            return None
        case int():
            return _of_number(value, path, default, flaws)
        case "":
            return empty or None
        case _:
            text = go_duration(value)
            if text is None:
                message = f"{in_words(value)} is no duration; the default counts, as with Kanto"
                flaws.append(Flaw(path, message, _meant(value, default), warning=True))
            return text


def go_duration(text: str) -> str | None:
    """`1.5h` → `1h30m`, `0` → `0s`; `None` for a text that is no duration, or a negative one."""
    if text in ("0", "+0", "-0"):
        return "0s"
    if len(text) > _LONGEST_TEXT or not _WHOLE.fullmatch(text):
        return None
    micros = sum(Fraction(number) * _UNITS_US[unit] for number, unit in _PART.findall(text))
    if micros > _MOST_MS * 1000:
        return None
    return duration_text(timedelta(microseconds=int(micros)))


def _of_number(number: int, path: Path, default: str, flaws: list[Flaw]) -> str | None:
    if not 0 <= number <= _MOST_MS:
        message = f"expected a duration, got {in_words(number)}"
        flaws.append(Flaw(path, message, f'for example "{default}"'))
        return None
    text = duration_text(timedelta(milliseconds=number))
    message = f"expected a duration, got {in_words(number)}; it is taken for milliseconds"
    flaws.append(Flaw(path, message, f'write "{text}"', warning=True))
    return text


def _meant(text: str, default: str) -> str:
    return f'write "{text}s" or "{text}ms"' if re.fullmatch("[0-9]{1,9}", text) else f'for example "{default}"'
