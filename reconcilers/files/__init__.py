"""Files: select, diff and plan.

`Files` puts the domain's functions behind the port; each lives in a module of its own name. A file is proven as soon as
it was read back, and no file ends or fails a check, so the methods of the port about these return nothing here. A
source without `sha256` is followed: its content changes without a revision, and there is nothing to set aside for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from evenkeel.reconcilers.files import diff as _diff
from evenkeel.reconcilers.files import look as _look
from evenkeel.reconcilers.files import observation as _observation
from evenkeel.reconcilers.files import plan as _plan
from evenkeel.reconcilers.files import remembering as _remembering
from evenkeel.reconcilers.files import select as _select
from evenkeel.reconcilers.ports import Ailment, Former, Words
from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.feedback import SetAside
from evenkeel.specs.files.difference import FileDifference, of_files
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FilesLook, FilesSeen
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Difference, Outcome, Plan, Step


class Files:
    """The reconciler of the files domain."""

    memory = FilesMemory
    domain = memory.domain
    words = Words("files", "FilesAiling", "the file system")

    def select(self, desired: DesiredState) -> _select.FilesWanted:
        return _select.select(desired)

    def is_idle(self, wants: Sequence[_select.FilesWanted], memory: FilesMemory) -> bool:
        return memory == FilesMemory() and not any(want.documents for want in wants)

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
        return _plan.plan(of_files(differences), former or Former())

    def revealed(self, plan: Plan, seen: FilesSeen) -> Plan:
        """The plan as it is: contents are shown by their digests."""
        return plan

    def begun(self, step: Step, memory: FilesMemory) -> FilesMemory:
        return _remembering.begun(step, memory)

    def remembered(self, step: Step, outcome: Outcome, memory: FilesMemory, away_s: float | None = None) -> FilesMemory:
        return _remembering.remembered(step, outcome, memory)

    def known(self, memory: FilesMemory) -> tuple[str, ...]:
        """None. The memory of a path ends by a step, however long its file is absent."""
        return ()

    def forgotten(self, memory: FilesMemory, gone: Collection[str]) -> FilesMemory:
        return _remembering.forgotten(memory, gone)

    def as_found(self, seen: FilesSeen, memory: FilesMemory | None, *, well: bool = False) -> DesiredState | None:
        return _observation.as_found(seen, memory)

    def superseded(
        self, differences: Sequence[Difference], seen: FilesSeen, memory: FilesMemory
    ) -> tuple[Document, ...]:
        return _observation.superseded(of_files(differences))

    def renewed(
        self, differences: Sequence[Difference], seen: FilesSeen, memory: FilesMemory
    ) -> dict[str, tuple[str, ...]]:
        return {}

    def vindicated(self, want: _select.FilesWanted, seen: FilesSeen, memory: FilesMemory) -> dict[str, tuple[str, ...]]:
        return {}

    def set_aside(
        self, want: _select.FilesWanted, seen: FilesSeen, memory: FilesMemory, before: Mapping[str, SetAside]
    ) -> dict[str, SetAside]:
        return {}

    def ailing(self, seen: FilesSeen, memory: FilesMemory) -> dict[str, Ailment]:
        return {}

    def discreet(self, output: Output, subject: str, wants: Sequence[_select.FilesWanted]) -> Output:
        return output

    def ended(self, seen: FilesSeen) -> tuple[str, ...]:
        return ()

    def down(self, seen: FilesSeen, memory: FilesMemory, expected: Collection[str] = ()) -> dict[str, Ailment]:
        return _observation.gone(seen, expected)

    def last_checks(self, seen: FilesSeen) -> dict[str, str]:
        return {}

    def unchecked(self, seen: FilesSeen, since: Mapping[str, str]) -> dict[str, Ailment]:
        return {}

    def undecided(self, seen: FilesSeen, memory: FilesMemory) -> dict[str, str]:
        return {}

    def present(self, seen: FilesSeen) -> tuple[str, ...]:
        return tuple(_observation.present(seen))
