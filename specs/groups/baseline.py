"""Groups whose subjects succeed, fail and go back together."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Baseline(Struct, frozen=True, tag="Baseline"):
    """A group, over all domains. `members` are names of subjects, in order; a subject that has all of the `labels` is a member,
    too. Not `all_or_nothing`: each member is a group of its own, a container and a file of one name, too."""

    domain: ClassVar[str] = ""

    members: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    all_or_nothing: bool = True

    def has(self, name: str, wanted: object) -> bool:
        """Whether a subject of this name, which is asked for like this, belongs to it."""
        labels = set(getattr(wanted, "labels", ()))
        return name in self.members or (bool(self.labels) and labels.issuperset(self.labels))
