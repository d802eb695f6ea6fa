"""Operating systems in slots: select, diff and plan.

`Slots` puts the domain's functions behind the port; each lives in a module of its own name. The step in which the process dies
is a step like others: it is begun, and has no end. Its result is seen after the boot (`trials`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from evenkeel.reconcilers.capabilities import Guarded, Inheriting, Tagged, Watched
from evenkeel.reconcilers.ports import Ailment, Former, Words
from evenkeel.reconcilers.slots import diff as _diff
from evenkeel.reconcilers.slots import observation as _observation
from evenkeel.reconcilers.slots import plan as _plan
from evenkeel.reconcilers.slots import remembering as _remembering
from evenkeel.reconcilers.slots import select as _select
from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.feedback import SetAside
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Difference, Outcome, Plan, Step
from evenkeel.specs.slots.difference import SlotsDifference, of_slots
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotsLook, SlotsSeen

Wanted = _select.SlotsWanted


class Slots(
    Watched[Wanted, SlotsSeen, SlotsMemory],
    Tagged[Wanted, SlotsSeen, SlotsMemory],
    Inheriting[SlotsSeen, SlotsMemory],
    Guarded[Wanted, SlotsSeen, SlotsMemory],
):
    """The reconciler of the slots domain. `marks_any`: where nobody asks for a system, the one that runs is marked good,
    whoever has installed it; otherwise only one that evenkeel has proven (docs/adr/0026-marks.md)."""

    def __init__(self, *, marks_any: bool = False) -> None:
        self._marks_any = marks_any

    memory = SlotsMemory
    domain = memory.domain
    words = Words("operating systems", "SlotsAiling", "the updater")

    def select(self, desired: DesiredState) -> Wanted:
        return _select.select(desired)

    def is_idle(self, wants: Sequence[Wanted], memory: SlotsMemory) -> bool:
        has_systems = self._marks_any or memory.proven or memory.trial
        return not has_systems and not memory.fetched and not any(want.documents for want in wants)

    def look(self, want: Wanted | None, memory: SlotsMemory) -> SlotsLook:
        return SlotsLook(subjects=tuple(want.subjects if want is not None else memory.reached))

    def diff(self, want: Wanted, seen: SlotsSeen, memory: SlotsMemory) -> tuple[SlotsDifference, ...]:
        return _diff.diff(want, seen, memory, marks_any=self._marks_any)

    def plan(
        self,
        differences: Sequence[Difference],
        seen: SlotsSeen,
        memory: SlotsMemory,
        former: Former[Wanted] | None = None,
    ) -> Plan:
        return _plan.plan(of_slots(differences), memory, former or Former())

    def memory_before(self, step: Step, memory: SlotsMemory) -> SlotsMemory:
        return _remembering.memory_before(step, memory)

    def memory_after(
        self, step: Step, outcome: Outcome, memory: SlotsMemory, away_s: float | None = None
    ) -> SlotsMemory:
        return _remembering.memory_after(step, outcome, memory)

    def down(self, seen: SlotsSeen, memory: SlotsMemory, expected: Collection[str] = ()) -> dict[str, Ailment]:
        """None: some system always runs. One that should not is ailing."""
        return {}

    def is_exposed(self, want: Wanted, memory: SlotsMemory) -> bool:
        return not self.is_idle([want], memory)

    def safeguards(self, want: Wanted, seen: SlotsSeen, memory: SlotsMemory) -> tuple[SlotsDifference, ...]:
        return _diff.safeguards(want, seen, memory, marks_any=self._marks_any)

    # ── subjects that live on by themselves ────────────────────────────────────────────────────────────────────

    def ailing(self, seen: SlotsSeen, memory: SlotsMemory) -> dict[str, Ailment]:
        return _observation.ailing(seen, memory)

    def ended(self, seen: SlotsSeen) -> tuple[str, ...]:
        return ()

    def undecided(self, seen: SlotsSeen, memory: SlotsMemory) -> dict[str, str]:
        return {}

    def last_checks(self, seen: SlotsSeen) -> dict[str, str]:
        return {}

    def unchecked(self, seen: SlotsSeen, since: Mapping[str, str]) -> dict[str, Ailment]:
        return {}

    def discreet(self, output: Output, subject: str, wants: Sequence[Wanted]) -> Output:
        return output

    # ── what runs without evenkeel's doing, and what failed ────────────────────────────────────────────────────

    def as_found(self, seen: SlotsSeen, memory: SlotsMemory | None, *, well: bool = False) -> DesiredState | None:
        return _observation.as_found(seen, memory)

    def superseded(
        self, differences: Sequence[Difference], seen: SlotsSeen, memory: SlotsMemory
    ) -> tuple[Document, ...]:
        return _observation.superseded(of_slots(differences), memory)

    def renewed(
        self, differences: Sequence[Difference], seen: SlotsSeen, memory: SlotsMemory
    ) -> dict[str, tuple[str, ...]]:
        return _observation.renewed(of_slots(differences), memory)

    def vindicated(self, want: Wanted, seen: SlotsSeen, memory: SlotsMemory) -> dict[str, tuple[str, ...]]:
        return _observation.vindicated(want, seen, memory)

    def set_aside(
        self, want: Wanted, seen: SlotsSeen, memory: SlotsMemory, before: Mapping[str, SetAside]
    ) -> dict[str, SetAside]:
        return _observation.set_aside(want, seen, memory)
