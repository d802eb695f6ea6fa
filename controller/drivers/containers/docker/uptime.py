"""For how long a container's process is up, by clocks that nobody sets.

The engine tells when a container was started by the time of day, which jumps when a device finds the time. The kernel
tells when a process was started in seconds since boot. Where the process cannot be seen, because evenkeel is in another
namespace of processes, the time counts from the first look at this start.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

_STARTTIME = 19
"""proc(5): field 22 of /proc/PID/stat, counted from the one behind the name in brackets."""


class Uptimes:
    """The containers of one engine, by id."""

    def __init__(self) -> None:
        self._seen_first: dict[str, tuple[float, float]] = {}
        """The start that was seen, and when it was first seen in seconds since boot."""
        self._up_s: dict[str, float] = {}

    def look(self, id_: str, pid: int, started_at: float) -> float:
        """Seconds since a container was started. `pid`: of its process, 0 when there is none; `started_at`: names the start."""
        if not pid:
            self._up_s[id_] = 0.0
            return 0.0
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        start, first_s = self._seen_first.get(id_, (0.0, now))
        if start != started_at:
            first_s = now
        self._seen_first[id_] = (started_at, first_s)
        begun_s = _begun_s(id_, pid)
        self._up_s[id_] = max(0.0, now - (first_s if begun_s is None else begun_s))
        return self._up_s[id_]

    def known_s(self, id_: str) -> float:
        """The seconds of the last look, counted on."""
        return self._up_s.get(id_, 0.0)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Forget containers that are gone."""
        self._seen_first = {id_: seen for id_, seen in self._seen_first.items() if id_ in ids}
        self._up_s = {id_: up_s for id_, up_s in self._up_s.items() if id_ in ids}


def _begun_s(id_: str, pid: int) -> float | None:
    """When the process was started, in seconds since boot; `None` when it is not visible, or not the container's."""
    process = Path("/proc", str(pid))
    try:
        if id_ not in (process / "cgroup").read_text():
            return None
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        return int(fields[_STARTTIME]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
