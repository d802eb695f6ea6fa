"""For how long nobody has commanded an activity, whatever happens to the clock meanwhile.

While the controller runs, a clock that cannot be set counts: a device without a battery for its clock begins in the past and
jumps ahead when it has found the time, and no activity must end for that. The time in which the controller was off is told by
the date; when that is no help, it counts for nothing.
"""

from __future__ import annotations

import asyncio

from evenkeel.controller.clock import Now
from evenkeel.specs.activity import Activity


class IdleTime:
    """Remembers since when the newest touch of an activity is known to this process."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._touch: tuple[str, float] | None = None
        self._since = 0.0

    def of(self, activity: Activity) -> float:
        """Seconds since it was touched last."""
        running = asyncio.get_running_loop().time()
        touch = (activity.id, activity.touched_at)
        if touch != self._touch:
            self._touch, self._since = touch, running - max(0.0, self._now() - activity.touched_at)
        return running - self._since
