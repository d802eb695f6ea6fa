"""An operation as its sender is told (update-manager.md §2.6). Pure."""

from __future__ import annotations

from collections.abc import Mapping

from evenkeel.specs.kanto.updateagent import Action, Component, FeedbackMessage
from evenkeel.specs.operations.operation import Operation, Status, ToldAction

_REWRITTEN: Mapping[str, str] = {
    "ACTIVATING": "UPDATING",
    "ACTIVATION_SUCCESS": "UPDATE_SUCCESS",
    "ACTIVATION_FAILURE": "UPDATE_FAILURE",
}
"""Statuses of components that a sender is told in other words (FB-7). All others pass, also those that nobody knows."""


def feedback(operation: Operation, status: Status, message: str = "") -> FeedbackMessage:
    """The feedback about an operation. Components come in the order of the domains, and within a domain as its agent
    told them."""
    actions = tuple(_action(each) for part in operation.parts for each in part.actions)
    return FeedbackMessage(status=status, message=message, actions=actions)


def _action(told: ToldAction) -> Action:
    status = _REWRITTEN.get(told.status, told.status)
    return Action(Component(told.component, told.version), status, told.progress, told.message)  # type: ignore[arg-type]
