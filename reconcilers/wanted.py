"""The common part of every domain's wants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from evenkeel.specs.desired import DesiredState, Document


class Wanted(Protocol):
    """A domain's part of a desired state."""

    @property
    def subjects(self) -> Mapping[str, object]:
        """The want of each subject; two values are equal when they ask for the same."""
        ...

    @property
    def protected(self) -> Collection[str]:
        """Subjects that are never touched."""
        ...


def differing(one: Wanted, other: Wanted) -> tuple[str, ...]:
    """The subjects that differ, are in one of the two only, or are protected by one of them only."""
    wanted, also = one.subjects, other.subjects
    changed = {name for name in wanted.keys() | also.keys() if wanted.get(name) != also.get(name)}
    return tuple(sorted(changed | (set(one.protected) ^ set(other.protected))))


def documents_of(state: DesiredState, want: Wanted, names: Collection[str]) -> list[Document]:
    """The documents of these subjects of a domain."""
    asked = {name: wanted for name, wanted in want.subjects.items() if name in names}
    return [each for each in state.documents if each.name in asked and asked[each.name] == each.wanted]
