"""Slots into which an install was begun: RAUC before 1.10 does not know them after a loss of power, or a failure.

Such a RAUC keeps the record of the former content, `ok` and all, until an install has ended well (rauc pull request 1158). Thus
the record is noted before: while a slot still has this one, its content is not what the record says.
"""

from __future__ import annotations

from pathlib import Path

from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.bounded import read_bounded
from evenkeel.specs.codec import decode, encode
from evenkeel.specs.slots.observed import SlotSeen

_MOST_BYTES = 64 * 1024
_Record = tuple[int, str]
"""How often the slot was installed, and when for the last time."""


class Unfinished:
    """`file`: where it is kept; `None` forgets with the process. All methods block."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._records: dict[str, _Record] | None = None

    def note(self, slot: SlotSeen) -> None:
        """An install into this slot is about to begin. Raises OSError when it cannot be kept."""
        self._keep({**self._known(), slot.name: _record(slot)})

    def forget(self, name: str) -> None:
        """The slot has what its record says. Raises OSError when that cannot be kept."""
        if name in self._known():
            self._keep({slot: record for slot, record in self._known().items() if slot != name})

    def is_torn(self, slot: SlotSeen) -> bool:
        """Whether an install into this slot was begun, and none has ended well since."""
        return self._known().get(slot.name) == _record(slot)

    def _known(self) -> dict[str, _Record]:
        if self._records is None:
            try:
                content = read_bounded(self._file, _MOST_BYTES) if self._file is not None else b"{}"
                self._records = decode(content, dict[str, _Record])
            except (OSError, ValueError):  # none was begun yet
                self._records = {}
        return self._records

    def _keep(self, records: dict[str, _Record]) -> None:
        if self._file is not None:
            write_atomically(self._file, encode(records), 0o600)
        self._records = records


def _record(slot: SlotSeen) -> _Record:
    return slot.installs, slot.installed_at
