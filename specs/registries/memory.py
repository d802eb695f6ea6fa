"""The memory of registries: facts that no look can tell."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from evenkeel.specs.memory import Memory
from evenkeel.specs.registries.observed import Prints
from evenkeel.specs.registries.registry import Registry


class RegistriesMemory(Memory, frozen=True):
    """`admitted`: places of which something of evenkeel may be in force, with the document that asked for it. `proven`: by
    document the values with which it was let in last."""

    domain: ClassVar[str] = Registry.domain

    admitted: dict[str, str] = field(default_factory=dict)
    proven: dict[str, Prints] = field(default_factory=dict)
