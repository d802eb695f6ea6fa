"""The memory of registries: facts that no look can tell."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, field

from evenkeel.specs.memory import Memory
from evenkeel.specs.registries.observed import Prints
from evenkeel.specs.registries.registry import Registry


class Proven(Struct, frozen=True):
    """A document with which the device was let in, and the values that it led to then. `kept`: the print of what the file of
    others had that keeps the credentials (`RegistrySeen`)."""

    registry: Registry
    prints: Prints
    kept: str = ""


class RegistriesMemory(Memory, frozen=True):
    """`admitted`: places of which something of evenkeel may be in force, with the name of the document that asked for it.
    `proven`: by name, what the device was let in with: the document that is tried, and that of last-good, to which a way
    back leads whatever the registry says meanwhile."""

    domain: ClassVar[str] = Registry.domain

    admitted: dict[str, str] = field(default_factory=dict)
    proven: dict[str, tuple[Proven, ...]] = field(default_factory=dict)

    def is_proven(self, registry: Registry, prints: Prints, kept: str) -> bool:
        """Whether the device was let in with this document and these values, and with what a file of others has now."""
        return Proven(registry, prints, kept) in self.proven.get(registry.name, ())

    def was_let_in(self, registry: Registry, prints: Prints) -> bool:
        """Whether the device was let in with this document and these values, whatever a file of others had then."""
        known = self.proven.get(registry.name, ())
        return any(each.registry == registry and each.prints == prints for each in known)
