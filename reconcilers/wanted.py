"""The common part of every domain's wants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class Supplied(Protocol):
    """A want with subjects that get values from documents of another domain."""

    @property
    def supplies(self) -> Mapping[str, object]:
        """By subject: what its values are made of; a subject without such values is absent."""
        ...


def differing(one: Wanted, other: Wanted) -> tuple[str, ...]:
    """The subjects that differ, get other values, are in one of the two only, or are protected by one of them only."""
    changed = set[str]()
    for wanted, also in ((one.subjects, other.subjects), (_supplies(one), _supplies(other))):
        changed |= {name for name in wanted.keys() | also.keys() if wanted.get(name) != also.get(name)}
    return tuple(sorted(changed | (set(one.protected) ^ set(other.protected))))


def _supplies(want: Wanted) -> Mapping[str, object]:
    return want.supplies if isinstance(want, Supplied) else {}


def documents_of(state: DesiredState, want: Wanted, names: Collection[str]) -> list[Document]:
    """The documents of these subjects of a domain."""
    asked = {name: wanted for name, wanted in want.subjects.items() if name in names}
    return [each for each in state.documents if each.name in asked and asked[each.name] == each.wanted]
