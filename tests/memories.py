"""What a journal remembers of containers, for tests that look at it or set it up."""

from __future__ import annotations

from typing import Any

from evenkeel.controller.journal.journal import Journal
from evenkeel.reconcilers.containers.remembering import taken_over
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.memory import ContainersMemory


def memory(journal: Journal) -> ContainersMemory:
    """All of it."""
    return journal.memories.of(ContainersMemory)


def remember(journal: Journal, **facts: Any) -> None:
    """These facts are others from now on."""
    before = memory(journal)
    journal.memories.keep(before, changed(before, **facts))


def adopt(journal: Journal, instance: str, subject: str) -> bool:
    """As `evenkeel adopt` does; False when it was adopted already."""
    before = memory(journal)
    return journal.memories.keep(before, taken_over(before, instance, subject))
