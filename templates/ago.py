"""How long ago something was, as exact as people are about the past."""

from __future__ import annotations


def ago_text(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `4 d`."""
    seconds = max(seconds, 0.0)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
