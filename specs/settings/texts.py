"""Texts in settings → values, with a flaw where one does not fit. Shared by the sections of `specs.settings.settings`."""

from __future__ import annotations

from datetime import timedelta

from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.quantity import duration_text, parse_duration

ONE_SECOND = timedelta(seconds=1)


def duration_from(text: str, path: Path, flaws: list[Flaw], shortest: timedelta = ONE_SECOND) -> timedelta:
    """A duration of at least `shortest`."""
    try:
        duration = parse_duration(text)
    except ValueError as error:
        flaws.append(Flaw(path, str(error)))
        return shortest
    if duration < shortest:
        flaws.append(Flaw(path, f"expected a duration of at least {duration_text(shortest)}, got {text}"))
    return duration


def file_from(text: str, path: Path, flaws: list[Flaw], others: tuple[str, ...] = ("",)) -> str:
    """An absolute path, or one of `others`. A wrong value is not repeated, because it may be the password itself."""
    if not text.startswith("/") and text not in others:
        flaws.append(Flaw(path, "expected an absolute path"))
    return text
