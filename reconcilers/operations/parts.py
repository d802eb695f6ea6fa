"""Changed copies of an operation: one share, one group, one part; and whether two of them differ. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from evenkeel.specs.codec import changed
from evenkeel.specs.kanto.activity import Command
from evenkeel.specs.operations.operation import Group, Operation, Share


def with_part(operation: Operation, domain: str, **fields: Any) -> Operation:
    """The operation with a changed part of one domain."""
    parts = tuple(changed(part, **fields) if part.domain == domain else part for part in operation.parts)
    return changed(operation, parts=parts)


def with_groups(operation: Operation, change: Callable[[Group], Group]) -> Operation:
    """The operation with its groups changed."""
    return changed(operation, groups=tuple(change(group) for group in operation.groups))


def with_shares(
    operation: Operation, domain: str, change: Callable[[Share], Share], *, baseline: str = ""
) -> Operation:
    """The operation with the shares of a domain changed, or those that its agent calls so. A share that is commanded as a
    whole may be called by the baseline that it is, because an agent knows that name, too."""

    def those(group: Group) -> Group:
        def one(share: Share) -> Share:
            is_meant = share.domain == domain and baseline in ("", "*", share.title or group.title)
            return change(share) if is_meant else share

        return changed(group, shares=tuple(map(one, group.shares)))

    return with_groups(operation, those)


def phase_of(command: Command, group: Group) -> str:
    """The name of a phase of one group, for its timer. Groups of independent domains have the same title."""
    return f"{command} of {group.title} for {', '.join(share.domain for share in group.shares)}"


def shares_of(operation: Operation, domain: str) -> Iterator[Share]:
    """The shares of one domain, over all groups."""
    return (share for group in operation.groups for share in group.shares if share.domain == domain)


def differs(before: Operation, now: Operation) -> bool:
    """Whether an operation has to be stored. Progress alone is told again by the next message of its agent."""
    return _without_progress(before) != _without_progress(now)


def _without_progress(operation: Operation) -> Operation:
    parts = (
        changed(part, actions=tuple(changed(each, progress=0, message="") for each in part.actions))
        for part in operation.parts
    )
    return changed(operation, parts=tuple(parts))
