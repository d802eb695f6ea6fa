"""Provisioning: select, diff and plan.

`ProvisioningDecisions` puts the domain's functions behind the port. A cloud is asked with the new values before they are in
force, and the former ones stay until its successor is proven. A settled cycle asks no cloud."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from evenkeel.reconcilers.capabilities import Watched
from evenkeel.reconcilers.ports import Ailment, Former, Words
from evenkeel.reconcilers.provisioning import diff as _diff
from evenkeel.reconcilers.provisioning import observation as _observation
from evenkeel.reconcilers.provisioning import plan as _plan
from evenkeel.reconcilers.provisioning import remembering as _remembering
from evenkeel.reconcilers.provisioning import select as _select
from evenkeel.reconcilers.provisioning.select import ProvisioningWanted
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Difference, Outcome, Plan, Step
from evenkeel.specs.provisioning.difference import ProvisioningDifference, of_provisioning
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.observed import ProvisioningLook, ProvisioningSeen


class ProvisioningDecisions(Watched[ProvisioningWanted, ProvisioningSeen, ProvisioningMemory]):
    """The reconciler of the provisioning domain."""

    memory = ProvisioningMemory
    domain = memory.domain
    words = Words("identities", "IdentitiesAiling", "the files of this device")

    def select(self, desired: DesiredState) -> ProvisioningWanted:
        return _select.select(desired)

    def is_idle(self, wants: Sequence[ProvisioningWanted], memory: ProvisioningMemory) -> bool:
        facts = memory.placed, memory.provided, memory.tried, memory.proven, memory.renewals
        return not any(facts) and not any(want.documents for want in wants)

    def look(self, want: ProvisioningWanted | None, memory: ProvisioningMemory) -> ProvisioningLook:
        return _select.look(want, memory)

    def diff(
        self, want: ProvisioningWanted, seen: ProvisioningSeen, memory: ProvisioningMemory
    ) -> tuple[ProvisioningDifference, ...]:
        return _diff.diff(want, seen, memory)

    def plan(
        self,
        differences: Sequence[Difference],
        seen: ProvisioningSeen,
        memory: ProvisioningMemory,
        former: Former[ProvisioningWanted] | None = None,
    ) -> Plan:
        return _plan.plan(of_provisioning(differences))

    def memory_before(self, step: Step, memory: ProvisioningMemory) -> ProvisioningMemory:
        return _remembering.memory_before(step, memory)

    def memory_after(
        self, step: Step, outcome: Outcome, memory: ProvisioningMemory, away_s: float | None = None
    ) -> ProvisioningMemory:
        return _remembering.memory_after(step, outcome, memory)

    def down(
        self, seen: ProvisioningSeen, memory: ProvisioningMemory, expected: Collection[str] = ()
    ) -> dict[str, Ailment]:
        return _observation.down(memory, expected)

    # ── subjects that live on by themselves ────────────────────────────────────────────────────────────────────

    def ailing(self, seen: ProvisioningSeen, memory: ProvisioningMemory) -> dict[str, Ailment]:
        return _observation.ailing(seen, memory)

    def ended(self, seen: ProvisioningSeen) -> tuple[str, ...]:
        return ()

    def undecided(self, seen: ProvisioningSeen, memory: ProvisioningMemory) -> dict[str, str]:
        return {}

    def last_checks(self, seen: ProvisioningSeen) -> dict[str, str]:
        return {}

    def unchecked(self, seen: ProvisioningSeen, since: Mapping[str, str]) -> dict[str, Ailment]:
        return {}

    def discreet(self, output: Output, subject: str, wants: Sequence[ProvisioningWanted]) -> Output:
        return output
