"""The timers of an operation. Pure.

They follow from the operation, so that a manager that has begun anew waits for the same. While the owner is asked, no phase of
the group is under way, and so its clock stands still (B-11). The reboot is waited for without a limit.
"""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.reconcilers.operations.parts import phase_of, shares_of
from evenkeel.reconcilers.operations.statuses import CLEANED
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.events import Timer
from evenkeel.specs.operations.operation import ENDS, Operation


def timers(operation: Operation, conduct: Conduct) -> tuple[Timer, ...]:
    """All timers that have to run now."""
    if operation.status in ENDS:
        return ()
    return tuple(dict.fromkeys(_timers(operation, conduct)))


def _timers(operation: Operation, conduct: Conduct) -> Iterator[Timer]:
    if operation.question:
        yield Timer("consent", operation.question, conduct.consent_timeout_s)
    if any(part.asks for part in operation.parts):
        yield Timer("identification", "", conduct.phase_timeout_s)
    for group in operation.groups:
        for share in group.shares:
            if share.command:
                yield Timer("phase", phase_of(share.command, group), conduct.phase_timeout_s)
            if share.command == "ROLLBACK" and not share.heard:
                yield Timer("silence", share.domain, conduct.settle_s)
            if share.boot in ("booted", "returned"):
                yield Timer("boot", share.domain, conduct.phase_timeout_s)
    for part in operation.parts:
        shares = tuple(shares_of(operation, part.domain))
        if shares and not part.end and all(share.reached in CLEANED for share in shares):
            yield Timer("settle", part.domain, conduct.settle_s)
