"""Feedback of an update agent, evenkeel's, Kanto's or any other, as it is read from the wire.

Lenient on purpose: it is shown to people and decides the next command, nothing more. A message that is no feedback is
`None`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from evenkeel.specs.kanto.updateagent import read_envelope

ENDS = ("COMPLETED", "INCOMPLETE", "INCOMPLETE_INCONSISTENT", "IDENTIFICATION_FAILED", "SUPERSEDED")
"""The final statuses of an operation (not of one baseline of it)."""


_SPELLINGS = {"COMPLETE": "COMPLETED"}
"""The original of Leda's agent has a word of its own for the end (self-update-agent.md §3)."""


class HeardAction(NamedTuple):
    """One component's part. `progress` is per cent, 0 unknown."""

    component: str
    version: str
    status: str
    progress: int
    message: str


class Heard(NamedTuple):
    """One message of feedback."""

    activity_id: str
    status: str
    baseline: str = ""
    message: str = ""
    actions: tuple[HeardAction, ...] = ()


def heard_from(content: bytes) -> Heard | None:
    """The feedback in a message, `None` when it holds none."""
    received = read_envelope(content, answer=True)
    payload = received.payload
    if received.problems or not isinstance(payload, dict) or not _text(payload, "status"):
        return None
    items = payload.get("actions")
    actions = tuple(_action(item) for item in (items if isinstance(items, list) else ()) if isinstance(item, dict))
    status = _text(payload, "status")
    return Heard(
        received.activity_id,
        _SPELLINGS.get(status, status),
        _text(payload, "baseline"),
        _text(payload, "message"),
        actions,
    )


def _action(item: dict[str, Any]) -> HeardAction:
    component = item.get("component")
    about = component if isinstance(component, dict) else {}
    progress = item.get("progress")
    return HeardAction(
        _text(about, "id"),
        _text(about, "version"),
        _text(item, "status"),
        min(max(progress, 0), 100) if isinstance(progress, int) and not isinstance(progress, bool) else 0,
        _text(item, "message"),
    )


def _text(owner: dict[str, Any], key: str) -> str:
    found = owner.get(key)
    return found if isinstance(found, str) else ""
