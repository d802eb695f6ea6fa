"""An open operation of an update manager in words, and as plain values. From values alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evenkeel.specs.kanto.activity import name_of
from evenkeel.specs.operations.operation import Group, Operation, Share
from evenkeel.specs.visible import one_line
from evenkeel.templates.fitting import cut
from evenkeel.templates.style import PLAIN, Style, paint


def operation_lines(operation: Operation, width: int = 80, style: Style = PLAIN, window: str = "") -> Iterator[str]:
    """The status, what is waited for, and each domain in each group. `window`: the part of the day for a reboot, "" for any."""
    yield f"{paint('operation open', 'strong', style)}: {one_line(name_of(operation.id))} {operation.status}"
    yield from (cut(f"    {text}", width) for text in _waits(operation, window))
    for group in operation.groups:
        if group.title:
            yield cut(f"    {one_line(group.title)}", width)
        for share in group.shares:
            yield cut(f"    {'  ' * bool(group.title)}{share.domain}  {one_line(_share_text(share))}", width)


def operation_value(operation: Operation | None, window: str = "") -> dict[str, Any] | None:
    """The same as plain values."""
    if operation is None:
        return None
    return {
        "activityId": operation.id,
        "status": operation.status,
        "question": operation.question or None,
        "rebootDue": operation.reboots,
        "rebootWindow": window if operation.reboots and window else None,
        "groups": [_group_value(group) for group in operation.groups],
    }


def _waits(operation: Operation, window: str) -> Iterator[str]:
    asked = [part.domain for part in operation.parts if part.asks]
    if asked:
        yield f"waits for the answer of {', '.join(asked)}"
    if operation.question:
        yield f"waits for the owner: {operation.question}"
    if operation.reboots:
        yield "waits for the reboot" + (f", which is done between {window.replace('-', ' and ')}" if window else "")
    for group in operation.groups:
        about = f"{group.title} " if group.title else ""
        if group.back:
            yield one_line(f"{about}goes back: {group.why}")
        elif group.unmet:
            yield one_line(f"{about}waits for its preconditions: {group.unmet}")


def _share_text(share: Share) -> str:
    at_work = f", {share.command} is at work" if share.command else ""
    stuck = f", cannot be taken back: {share.stuck}" if share.stuck else ""
    return f"{share.reached}{at_work}{stuck}"


def _group_value(group: Group) -> dict[str, Any]:
    shares = [
        {
            "domain": each.domain,
            "status": each.reached,
            "command": each.command or None,
            "notTakenBack": each.stuck or None,
        }
        for each in group.shares
    ]
    return {
        "baseline": group.title or None,
        "phase": group.opened or None,
        "goesBack": group.why if group.back else None,
        "preconditions": group.unmet or None,
        "domains": shares,
    }
