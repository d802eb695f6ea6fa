"""A part of the day, and how people write it: `02:00-04:30`."""

from __future__ import annotations

import re

from msgspec import Struct

from evenkeel.specs.problem import Flaw, Path

WINDOW_PATTERN = "^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"


class Window(Struct, frozen=True):
    """A part of each day, in minutes since midnight by the local clock of the device. With `end` before `start`, or equal, it
    ends on the next day."""

    start: int
    end: int

    def wait_s(self, second: float) -> float:
        """Seconds from this second of the day until the window is open; 0 while it is."""
        start, end = self.start * 60, self.end * 60
        is_open = start <= second < end if start < end else second >= start or second < end
        return 0.0 if is_open else (start - second) % 86400

    @property
    def text(self) -> str:
        """`02:00-04:30`."""
        return f"{_clock(self.start)}-{_clock(self.end)}"


class BadWindow(ValueError):
    """A text is no window. `hint` says what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def parse_window(text: str) -> Window:
    """The window that a text means. Raises BadWindow."""
    if not re.fullmatch(WINDOW_PATTERN.strip("^$"), text):
        raise BadWindow("expected two times of the day", "write it as `02:00-04:30`")
    start, end = (int(hour) * 60 + int(minute) for hour, minute in (each.split(":") for each in text.split("-")))
    if start == end:
        raise BadWindow("the window begins and ends at the same time", "leave it out, if any time will do")
    return Window(start, end)


def window_from(text: str, path: Path, flaws: list[Flaw]) -> Window | None:
    """The window that a text at this place means; a flaw where it means none."""
    try:
        return parse_window(text)
    except BadWindow as error:
        flaws.append(Flaw(path, str(error), error.hint))
        return None


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
