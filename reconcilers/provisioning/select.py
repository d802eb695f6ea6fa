"""The identities of a desired state, and what has to be looked at for them."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.observed import ProvisioningLook
from evenkeel.specs.provisioning.provisioning import Provisioning


class ProvisioningWanted(NamedTuple):
    """Identities in order of name, with their documents."""

    documents: tuple[tuple[Provisioning, Document], ...] = ()

    @property
    def subjects(self) -> dict[str, Provisioning]:
        """The wanted identities, by name."""
        return {wanted.name: wanted for wanted, _ in self.documents}

    @property
    def protected(self) -> tuple[str, ...]:
        """No identity is protected by its name."""
        return ()


def select(desired: DesiredState) -> ProvisioningWanted:
    """The identities of a desired state."""
    found = ((each.wanted, each) for each in desired.documents if isinstance(each.wanted, Provisioning))
    return ProvisioningWanted(tuple(found))


def look(want: ProvisioningWanted | None, memory: ProvisioningMemory) -> ProvisioningLook:
    """A look at all that is asked for, and at what evenkeel has made for documents that may be gone."""
    documents = tuple(wanted for wanted, _ in want.documents) if want is not None else ()
    paths = {output.path for wanted in documents for output in wanted.outputs}
    return ProvisioningLook(documents=documents, outputs=tuple(sorted(memory.placed.keys() - paths)))
