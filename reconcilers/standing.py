"""The standing of one subject of a domain against the desired state: the input of a verdict."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Standing(NamedTuple):
    """`proven`: at work and proven. `ended`: proven, and its process has ended. `pending`: all is done that can be done
    for it until the device is rebooted. `away`: the work that is left before it is at work and proven. `sick`: it is
    there, and unwell by its own fault. `unknown`: it could not be looked at, which says nothing against it."""

    how: Literal["proven", "ended", "pending", "away", "sick", "unknown"]
    why: str = ""

    @property
    def is_well(self) -> bool:
        return self.how in ("proven", "ended", "pending")
