"""The time of day, and the time since boot, as ports.

Waiting is asyncio's business (tests run it on a virtual loop). The time of day dates entries, for people, and decides
nothing: it jumps when a device finds the time. Durations over restarts of evenkeel are measured by the time since boot,
which is monotonic and goes on while the machine sleeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

Now = Callable[[], float]
"""Seconds since the epoch."""

system_now: Now = time.time


def second_of_day() -> float:
    """Seconds since midnight by the local clock."""
    now = time.time()
    local = time.localtime(now)
    return local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec + now % 1


class Uptime(NamedTuple):
    """Seconds since the boot of this id; between two boots no time is known."""

    boot: str
    up_s: float


Clock = Callable[[], Uptime]
"""The time since boot."""


def system_clock() -> Uptime:
    """The clock of the kernel; without its boot id, every process counts as a boot of its own."""
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return Uptime(boot, time.clock_gettime(time.CLOCK_BOOTTIME))
