"""The operating system of a desired state."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.slots.system import OperatingSystem


class SlotsWanted(NamedTuple):
    """The operating system with its document; at most one, because a device has one."""

    documents: tuple[tuple[OperatingSystem, Document], ...] = ()

    @property
    def subjects(self) -> dict[str, OperatingSystem]:
        """The wanted system, by name."""
        return {system.name: system for system, _ in self.documents}

    @property
    def protected(self) -> tuple[str, ...]:
        """No system is protected by its name."""
        return ()


def select(desired: DesiredState) -> SlotsWanted:
    """The operating system of a desired state. Documents of files and messages never ask for two; should a stored state do, the
    first counts."""
    found = [(each.wanted, each) for each in desired.documents if isinstance(each.wanted, OperatingSystem)]
    return SlotsWanted(tuple(found[:1]))


def as_commanded(want: SlotsWanted) -> SlotsWanted:
    """The same as the state that a command leads back to: another system that runs is no drift that is only told, also where
    the system before was found, and the other one has proven itself since."""
    return SlotsWanted(tuple((changed(system, drift="repair"), document) for system, document in want.documents))
