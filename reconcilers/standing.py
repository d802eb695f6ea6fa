"""How one subject of a domain stands against what is asked for: what a verdict about it is derived from."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Standing(NamedTuple):
    """`proven`: at work and proven. `ended`: proven, and its process has come to its end. `away`: something has to be done
    before it is at work and proven, and what. `sick`: it is there, and by its own doing not well. `unknown`: it could not be
    looked at, which says nothing against it."""

    how: Literal["proven", "ended", "away", "sick", "unknown"]
    why: str = ""

    @property
    def is_well(self) -> bool:
        return self.how in ("proven", "ended")
