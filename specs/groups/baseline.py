"""Groups whose subjects succeed, fail and go back together."""

from __future__ import annotations

from typing import ClassVar

from msgspec import UNSET, Struct, UnsetType


class Baseline(Struct, frozen=True, tag="Baseline"):
    """A group, over all domains. `members` are names of subjects, in order; a subject that has all of the `labels` is a member,
    too. Not `all_or_nothing`: each member is a group of its own, a container and a file of one name, too.
    `most_away`: so many containers of it may be away at the same time while they are switched; or `most_away_percent` of them.
    `preconditions`, as they were written, have to hold before anything that is asked of it is changed.
    These are absent where they are not written, so that older digests name the same content."""

    domain: ClassVar[str] = ""

    members: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    all_or_nothing: bool = True
    most_away: int | UnsetType = UNSET
    most_away_percent: int | UnsetType = UNSET
    preconditions: str | UnsetType = UNSET

    @property
    def conditions(self) -> str:
        """The preconditions; "" without any."""
        return "" if isinstance(self.preconditions, UnsetType) else self.preconditions

    @property
    def has_limit(self) -> bool:
        """Whether it bounds how many may be away."""
        return self.most_of(1) is not None

    def most_of(self, members: int) -> int | None:
        """How many of so many members may be away at the same time: at least one. `None` without a limit."""
        if not isinstance(self.most_away, UnsetType):
            return self.most_away
        if not isinstance(self.most_away_percent, UnsetType):
            return max(1, members * self.most_away_percent // 100)
        return None

    def has(self, name: str, wanted: object) -> bool:
        """Whether a subject of this name, which is asked for like this, belongs to it."""
        labels = set(getattr(wanted, "labels", ()))
        return name in self.members or (bool(self.labels) and labels.issuperset(self.labels))
