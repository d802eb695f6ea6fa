"""Names of units of systemd, with their suffix (systemd.unit(5))."""

from __future__ import annotations

import re

_SUFFIXES = "service|socket|target|mount|timer|path|device|automount|swap|scope|slice"
_UNIT = re.compile(rf"[A-Za-z0-9:_.\\@-]{{1,240}}\.({_SUFFIXES})")


def is_unit(name: str) -> bool:
    """Whether `name` can be that of a unit."""
    return _UNIT.fullmatch(name) is not None


def unit_hint(name: str) -> str:
    """The remedy for a name that cannot be that of a unit."""
    return f"write `{name}.service`" if is_unit(f"{name}.service") else "see systemctl(1)"
