"""Looks at the world: the common part of every domain's look and of every observation."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Look(Struct, frozen=True):
    """The questions of one look. Each domain adds those of its own driver.

    `subject` limits the look to this one of evenkeel's own subjects; "" means all. With `fresh` an answer that is
    remembered does not count. `here_only`: nothing but the engine is asked, no registry for example.
    """

    subject: str = ""
    fresh: bool = False
    here_only: bool = False

    @property
    def engine(self) -> str:
        """The part of the world that is asked, in words."""
        return "the engine"


class Observation(Protocol):
    """The observation of a driver."""

    @property
    def engine(self) -> str:
        """The part of the world that was looked at, in words, with its version."""
        ...
