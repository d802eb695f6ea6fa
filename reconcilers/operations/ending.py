"""The end of an operation, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.reconcilers.counted import joined, listed
from evenkeel.reconcilers.operations.grouping import actions_of
from evenkeel.reconcilers.operations.parts import shares_of
from evenkeel.specs.operations.operation import Group, Operation, Share, Status


def is_over(operation: Operation) -> bool:
    """Whether every domain has said its last word, and no reboot is due."""
    reboots = any(share.boot in ("back", "returned") for group in operation.groups for share in group.shares)
    return all(part.end or part.failed for part in operation.parts) and not reboots


def verdict(operation: Operation) -> Status:
    """COMPLETED when every domain has said so, and nothing went back."""
    well = all(part.end == "COMPLETED" for part in operation.parts)
    backs = any(group.back for group in operation.groups)
    return "COMPLETED" if well and not backs and not operation.cancelled else "INCOMPLETE"


def identification_text(operation: Operation) -> str:
    """Each domain that could not be identified, and why."""
    return joined([f"{part.domain}: {part.failed}" for part in operation.parts if part.failed])


def ending_text(operation: Operation) -> str:
    """Why an operation is not COMPLETED: each group that went back, what could not be taken back, and every domain that
    ended badly for another reason."""
    return joined(list(dict.fromkeys(_reasons(operation))))


def _reasons(operation: Operation) -> Iterator[str]:
    if operation.cancelled:
        yield operation.cancelled
    for group in operation.groups:
        if group.back:
            about = f"`{group.title}`: " if group.title else ""
            yield f"{about}{group.why}"
            yield from _left(group, operation)
    going_back = {share.domain for group in operation.groups if group.back for share in group.shares}
    for part in operation.parts:
        if part.end == "INCOMPLETE" and part.domain not in going_back:
            reasons = [part.why, *(share.why for share in shares_of(operation, part.domain))]
            yield f"{part.domain}: {next(filter(None, reasons), 'it ended INCOMPLETE')}"


def _left(group: Group, operation: Operation) -> Iterator[str]:
    """Sentences about shares that could not be taken back, with the versions there, as far as the agents have told them."""
    for share in group.shares:
        if share.stuck:
            there = listed(list(_there(share, operation)))
            yield f"{share.domain} could not be taken back: {share.stuck}" + (f" ({there})" if there else "")


def _there(share: Share, operation: Operation) -> Iterator[str]:
    part = operation.part(share.domain)
    for action in actions_of(share, operation):
        name = f"{action.component} {action.version}".rstrip()
        is_there = part is not None and part.end == "COMPLETED"
        yield f"{name} is there" if is_there else f"{name} was told last as {action.status or 'nothing'}"
