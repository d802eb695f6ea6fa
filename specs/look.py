"""Looking at the world: what every domain's look and every observation have in common."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Look(Struct, frozen=True):
    """What one look has to find out. Each domain adds what its own driver needs.

    `subject` limits the look to this one of evenkeel's own subjects; "" means all. With `fresh` an answer that is remembered
    does not count. `here_only`: nobody but the engine is asked, no registry for example.
    """

    subject: str = ""
    fresh: bool = False
    here_only: bool = False

    @property
    def asked(self) -> str:
        """Who is asked, in words."""
        return "the engine"


class Observation(Protocol):
    """What a driver has seen."""

    @property
    def engine(self) -> str:
        """What was looked at, in words, with its version."""
        ...
