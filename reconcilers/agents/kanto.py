"""Feedback in the words of Kanto's Containers Update Agent (container-management.md §1.2). Pure."""

from __future__ import annotations

from evenkeel.specs.kanto.activity import Activity, Status
from evenkeel.specs.kanto.updateagent import Action, Component, FeedbackMessage


def feedback(activity: Activity, status: Status, message: str = "", baseline: str = "") -> FeedbackMessage:
    """The feedback message with `status` of an activity, or of one of its baselines, and with all actions. An action that
    has failed has no progress."""
    actions = tuple(
        Action(
            Component(f"{activity.domain}:{action.subject}", action.version),
            action.status,
            0 if action.status.endswith("_FAILURE") else action.progress,
            action.waits_for or action.message,
        )
        for action in activity.actions
    )
    return FeedbackMessage(baseline, status, message, actions)


def notice(status: Status, message: str = "") -> FeedbackMessage:
    """The feedback message about a desired state that is no activity, or none yet."""
    return FeedbackMessage(status=status, message=message)
