"""The difference of one identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from evenkeel.specs.plan import Difference
from evenkeel.specs.provisioning.actions import ProvisioningAction
from evenkeel.specs.unit import Unit

Verb = Literal["create", "update", "finish", "remove", "blocked"]
"""The verbs of a plan for an identity. `finish`: all of it is in force, and something is left to prove or to tidy."""


class DueActions(NamedTuple):
    """Actions that are due, in the phases that they belong to. Those of one phase are done one after the other."""

    fetch: tuple[ProvisioningAction, ...] = ()
    prepare: tuple[ProvisioningAction, ...] = ()
    switch: tuple[ProvisioningAction, ...] = ()
    prove: tuple[ProvisioningAction, ...] = ()
    clean: tuple[ProvisioningAction, ...] = ()


class ProvisioningDifference(Difference, frozen=True):
    """All that differs for one identity. `due`: what is to be done; what follows from it shows in the next look. `renews`:
    units that have yet to hear of a change, each with whether a document names it still."""

    due: DueActions = DueActions()
    renews: tuple[tuple[Unit, bool], ...] = ()


def of_provisioning(differences: Iterable[Difference]) -> tuple[ProvisioningDifference, ...]:
    """Those that are about identities, which is all of them in this domain."""
    return tuple(each for each in differences if isinstance(each, ProvisioningDifference))
