"""Differences → steps in stages.

A cloud is asked, and a pair tried, before anything of it is in force (DOWNLOAD). The pair, the values, and files where none
is come before an engine creates a container with them (UPDATE). Files that replace others follow (ACTIVATE), and then the
proof, after which those are told that have to begin anew (VERIFY)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evenkeel.reconcilers.staging import stages
from evenkeel.specs.plan import NOTHING_DONE, Phase, Plan, Step
from evenkeel.specs.provisioning.difference import ProvisioningDifference
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.renewing import Renew


def plan(differences: Sequence[ProvisioningDifference]) -> Plan:
    """All steps that are known from the observed to the wanted identities."""
    steps = [step for each in differences if each.verb not in NOTHING_DONE for step in _steps(each)]
    return Plan(ProvisioningMemory.domain, tuple(differences), stages(steps))


def _steps(difference: ProvisioningDifference) -> Iterator[Step]:
    phases = (Phase.DOWNLOAD, Phase.UPDATE, Phase.ACTIVATE, Phase.VERIFY, Phase.CLEANUP)
    subject = difference.subject
    for phase, actions in zip(phases, difference.due, strict=True):
        needs: tuple[str, ...] = ()
        for index, action in enumerate(actions):
            facts = action.traits.facts
            step = Step(f"{facts['action']}:{subject}:{index}", subject, phase, action, needs)
            needs = (step.id,)
            yield step
    for unit, is_asked in difference.renews:
        yield Step(f"renew:{subject}:{unit.name}", subject, Phase.VERIFY, Renew(unit, is_asked))
