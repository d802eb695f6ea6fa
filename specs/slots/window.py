"""A part of the day as people write it: `02:00-04:30`."""

from __future__ import annotations

import re

from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.slots.system import Window
from evenkeel.specs.slots.written import WINDOW_PATTERN


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
