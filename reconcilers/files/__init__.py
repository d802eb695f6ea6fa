"""Files: select, diff and plan.

`Files` puts the domain's functions behind the port; each lives in a module of its own name. A file is proven as soon as
it was read back, and no file ends or fails a check. A source without `sha256` is followed: its content changes without
a revision, and there is nothing to set aside for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from evenkeel.reconcilers.capabilities import Inheriting
from evenkeel.reconcilers.files import diff as _diff
from evenkeel.reconcilers.files import look as _look
from evenkeel.reconcilers.files import observation as _observation
from evenkeel.reconcilers.files import plan as _plan
from evenkeel.reconcilers.files import remembering as _remembering
from evenkeel.reconcilers.files import select as _select
from evenkeel.reconcilers.ports import Ailment, Former, Words
from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.files.difference import FileDifference, of_files
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FilesLook, FilesSeen
from evenkeel.specs.plan import Difference, Outcome, Plan, Step


class Files(Inheriting[FilesSeen, FilesMemory]):
    """The reconciler of the files domain."""

    memory = FilesMemory
    domain = memory.domain
    words = Words("files", "FilesAiling", "the file system")

    def select(self, desired: DesiredState) -> _select.FilesWanted:
        return _select.select(desired)

    def is_idle(self, wants: Sequence[_select.FilesWanted], memory: FilesMemory) -> bool:
        facts = memory.placed, memory.begun, memory.prepared, memory.originals, memory.stored, memory.renewals
        return not any(facts) and not any(want.documents for want in wants)

    def look(self, want: _select.FilesWanted | None, memory: FilesMemory) -> FilesLook:
        return _look.look(want, memory)

    def diff(self, want: _select.FilesWanted, seen: FilesSeen, memory: FilesMemory) -> tuple[FileDifference, ...]:
        return _diff.diff(want, seen, memory)

    def plan(
        self,
        differences: Sequence[Difference],
        seen: FilesSeen,
        memory: FilesMemory,
        former: Former[_select.FilesWanted] | None = None,
    ) -> Plan:
        return _plan.plan(of_files(differences), memory, former or Former())

    def memory_before(self, step: Step, memory: FilesMemory) -> FilesMemory:
        return _remembering.memory_before(step, memory)

    def memory_after(
        self, step: Step, outcome: Outcome, memory: FilesMemory, away_s: float | None = None
    ) -> FilesMemory:
        return _remembering.memory_after(step, outcome, memory)

    def as_found(self, seen: FilesSeen, memory: FilesMemory | None, *, well: bool = False) -> DesiredState | None:
        return _observation.as_found(seen, memory)

    def superseded(
        self, differences: Sequence[Difference], seen: FilesSeen, memory: FilesMemory
    ) -> tuple[Document, ...]:
        return _observation.superseded(of_files(differences))

    def down(self, seen: FilesSeen, memory: FilesMemory, expected: Collection[str] = ()) -> dict[str, Ailment]:
        return _observation.down(seen, expected)
