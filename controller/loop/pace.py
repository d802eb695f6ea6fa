"""The course of a download in words, from time to time: for a log, and for an output that is no terminal."""

from __future__ import annotations

from evenkeel.specs.reading.quantity import fetched_text

EVERY_S = 10.0
"""The time between two texts about one download."""


class Pace:
    """The pace of one download."""

    def __init__(self) -> None:
        self._at_s, self._done = -1.0, 0
        """The time of the last text, or of the first progress, and the bytes then; -1 before any."""

    def text(self, done: int, total: int, now_s: float) -> str:
        """`43 MB of 60 MB, 2.1 MB/s`, with the rate since the text before; "" when that is less than 10 s ago, or nothing has
        come since. `done` and `total` in bytes; `now_s`: the seconds of any monotonic clock."""
        if self._at_s < 0 or done < self._done:  # it begins, or begins again
            self._at_s, self._done = now_s, done
        if now_s - self._at_s < EVERY_S or done == self._done:
            return ""
        text = fetched_text(done, total, now_s - self._at_s, since=self._done)
        self._at_s, self._done = now_s, done
        return text
