"""Faults of the memory engine that the laws of truth draw: which kind of step fails, and how."""

from __future__ import annotations

from evenkeel.specs.containers.actions import Connect, Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.plan import Action, Failed, Outcome, Retry

_KINDS: tuple[type[Action], ...] = (Pull, Create, Start, Verify, Remove, Connect, Update, End, Rename)
ACTIONS: dict[str, type[Action]] = {kind.__name__: kind for kind in _KINDS}
OUTCOMES: dict[str, Outcome] = {
    "failed": Failed("scripted"), "retry": Retry("scripted"), "outside": Retry("scripted", outside=True),
}  # fmt: skip
