"""Renewals of identities that are postponed: a person who asks has them tried now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def end_pauses(state: Path, name: str = "") -> dict[str, str]:
    """Have the postponed renewal of an identity, or of each one, tried at the next look. Returns the reasons why they were
    postponed, by the name of the identity. `state`: the state directory. Raises JournalError."""
    from contextlib import closing

    from evenkeel.controller.journal.journal import open_journal, read_journal
    from evenkeel.specs.codec import changed
    from evenkeel.specs.provisioning.memory import ProvisioningMemory

    with closing(read_journal(state)) as reader:
        postponed = reader.memories.of(ProvisioningMemory).postponed
    if not any(not name or each == name for each in postponed):
        return {}
    with closing(open_journal(state)) as journal, journal.at_once():
        before = journal.memories.of(ProvisioningMemory)
        ended = {each: one.why for each, one in before.postponed.items() if not name or each == name}
        left = {each: one for each, one in before.postponed.items() if each not in ended}
        journal.memories.keep(before, changed(before, postponed=left))
    return ended
