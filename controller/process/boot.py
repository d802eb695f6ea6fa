"""The present boot of the machine: an id that the kernel draws when it starts."""

from __future__ import annotations

from pathlib import Path

_FILE = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """The id, "" where the system has none."""
    try:
        return _FILE.read_text().strip()
    except OSError:
        return ""
