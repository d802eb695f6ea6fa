"""Registries: select, diff and plan.

`Registries` puts the domain's functions behind the port. Everything happens in DOWNLOAD, because pulls need it: what is
asked for is tried at the registry, and put in force once it was let in. A registry that refuses it fails the revision, and
nothing was changed; one that is away is tried again. VERIFY logs in with what is in force, and CLEANUP takes away what nobody
asks for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from evenkeel.reconcilers.capabilities import Opening
from evenkeel.reconcilers.ports import Ailment, Former, Words
from evenkeel.reconcilers.registries import diff as _diff
from evenkeel.reconcilers.registries import plan as _plan
from evenkeel.reconcilers.registries import remembering as _remembering
from evenkeel.reconcilers.registries import select as _select
from evenkeel.reconcilers.registries.select import RegistriesWanted
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.plan import Difference, Outcome, Plan, Step
from evenkeel.specs.registries.difference import RegistryDifference, of_registries
from evenkeel.specs.registries.memory import RegistriesMemory
from evenkeel.specs.registries.observed import RegistriesLook, RegistriesSeen


class Registries(Opening[RegistriesWanted]):
    """The reconciler of the registries domain."""

    memory = RegistriesMemory
    domain = memory.domain
    words = Words("registries", "RegistriesAiling", "the engine's configuration")

    def select(self, desired: DesiredState) -> RegistriesWanted:
        return _select.select(desired)

    def is_idle(self, wants: Sequence[RegistriesWanted], memory: RegistriesMemory) -> bool:
        return not memory.admitted and not memory.proven and not any(want.documents for want in wants)

    def look(self, want: RegistriesWanted | None, memory: RegistriesMemory) -> RegistriesLook:
        return _select.look(want, memory)

    def diff(
        self, want: RegistriesWanted, seen: RegistriesSeen, memory: RegistriesMemory
    ) -> tuple[RegistryDifference, ...]:
        return _diff.diff(want, seen, memory)

    def plan(
        self,
        differences: Sequence[Difference],
        seen: RegistriesSeen,
        memory: RegistriesMemory,
        former: Former[RegistriesWanted] | None = None,
    ) -> Plan:
        return _plan.plan(of_registries(differences), memory, former or Former())

    def memory_before(self, step: Step, memory: RegistriesMemory) -> RegistriesMemory:
        return _remembering.memory_before(step, memory)

    def memory_after(
        self, step: Step, outcome: Outcome, memory: RegistriesMemory, away_s: float | None = None
    ) -> RegistriesMemory:
        return _remembering.memory_after(step, outcome, memory)

    def opened(self, want: RegistriesWanted) -> dict[str, str]:
        return {name: registry.place for name, registry in want.subjects.items()}

    def down(
        self, seen: RegistriesSeen, memory: RegistriesMemory, expected: Collection[str] = ()
    ) -> dict[str, Ailment]:
        return _diff.down(memory, expected)
