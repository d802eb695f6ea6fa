"""The port of a transaction to the domain in whose turn it says something."""

from __future__ import annotations

from typing import Protocol

from evenkeel.specs.feedback import Kind


class Voice(Protocol):
    """A domain that speaks."""

    def say(self, kind: Kind, message: str, subject: str = "") -> None:
        """One entry."""
        ...

    def settled_is(self, holds: bool, reason: str, message: str) -> bool:
        """Set the domain's statement about `Settled`; True when the device says something new by that."""
        ...
