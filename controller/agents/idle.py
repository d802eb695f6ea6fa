"""The time since the last command of an activity, independent of the time of day.

The time since boot counts: a device without a battery for its clock begins in the past and jumps ahead when it has
found the time, and no activity must end for that. It counts also while the controller is off. After a reboot the length
of the outage is unknown; then it counts from the moment at which this controller sees the activity.
"""

from __future__ import annotations

from evenkeel.controller.process.clock import Clock
from evenkeel.specs.codec import changed
from evenkeel.specs.kanto.activity import Activity


class IdleTime:
    """Measures since the newest touch of the open activity."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._touch: tuple[str, str, float] | None = None
        self._since_s = 0.0

    def touched(self, activity: Activity, now_s: float) -> Activity:
        """The activity, touched at this moment. `now_s`: the time of day, for people."""
        boot, up_s = self._clock()
        return changed(activity, touched_at=now_s, touched_boot=boot, touched_up_s=up_s)

    def of(self, activity: Activity) -> float:
        """Seconds since the last touch, as far as they are known."""
        boot, up_s = self._clock()
        if boot and boot == activity.touched_boot and up_s >= activity.touched_up_s:
            return up_s - activity.touched_up_s
        touch = (activity.id, activity.touched_boot, activity.touched_up_s)
        if touch != self._touch:
            self._touch, self._since_s = touch, up_s
        return up_s - self._since_s
