"""Feedback in the words of Leda's Self Update Agent (self-update-agent.md §3). Pure.

The words follow from the statuses of an activity, its progress and its failure. The original's words for its own
mistakes are not here: the end of an update is COMPLETED and not `COMPLETE`, nothing to do is IDENTIFIED without
actions, and a rollback is told (docs/compatibility.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from evenkeel.specs.kanto.activity import ActionStatus, Activity, ActivityAction, Status
from evenkeel.specs.kanto.updateagent import Component
from evenkeel.specs.leda.messages import IMAGE, Action, FeedbackMessage

_IDENTIFYING = "Self-update agent has received new desired state request and is evaluating it."
_IDENTIFIED = "Self-update agent is about to perform an OS image update."
_NOTHING_TO_DO = "Current OS image is equal to the target one from desired state."
_UPDATING = "Self-update agent is performing an OS image update."
_CHECKING = "Checking bundle version and version in desired state request."
_INSTALLING = "RAUC install..."
_INSTALLED = "Writing partition completed, reboot required."
_ACTIVATING = "Self-update agent is performing an OS image activation."
_ACTIVATED = "Self-update agent has activated the new OS image."
_NOT_ACTIVATED = "Self-update agent has failed to activate the new OS image."
_MIB = 1024**2

_MESSAGES: Mapping[Status, str] = {
    "IDENTIFYING": _IDENTIFYING,
    "IDENTIFIED": _IDENTIFIED,
    "DOWNLOADING": _UPDATING,
    "DOWNLOAD_SUCCESS": _UPDATING,
    "DOWNLOAD_FAILURE": "Download failed.",
    "UPDATING": _UPDATING,
    "UPDATE_SUCCESS": "Self-update completed, reboot required.",
    "UPDATE_FAILURE": "Install failed.",
    "ACTIVATING": _ACTIVATING,
    "ACTIVATION_SUCCESS": _ACTIVATED,
    "ACTIVATION_FAILURE": _NOT_ACTIVATED,
    "ROLLBACK": "Self-update agent is going back to the OS image before.",
    "ROLLBACK_SUCCESS": "Self-update agent has gone back to the OS image before.",
    "ROLLBACK_FAILURE": "Self-update agent has failed to go back to the OS image before.",
    "CLEANUP": "Self-update agent has not finished yet.",
    "CLEANUP_SUCCESS": "Self-update agent has cleaned up after itself.",
    "CLEANUP_FAILURE": "Self-update agent has failed to clean up after itself.",
    "COMPLETED": "Self-update completed.",
    "INCOMPLETE": "Self-update incomplete.",
    "SUPERSEDED": "Self-update gave way to a newer desired state request.",
}
_REJECTED = "Update rejected."
"""An update that has failed before anything was written."""
_CLOSING: tuple[Status, ...] = (
    "CLEANUP",
    "CLEANUP_SUCCESS",
    "CLEANUP_FAILURE",
    "COMPLETED",
    "INCOMPLETE",
    "SUPERSEDED",
)
"""In these statuses an action has the status that is stored of it (§3)."""


def feedback(activity: Activity, status: Status, message: str = "", baseline: str = "") -> FeedbackMessage:
    """The feedback message with `status` of an activity. `message`, if any, comes after the words of the original. The only
    component is in one baseline, which is never named."""
    actions = tuple(_action(activity, action, status) for action in activity.actions)
    words = _message(activity, status)
    return FeedbackMessage(status, f"{words} {message}".strip(), actions)


def notice(status: Status, message: str = "") -> FeedbackMessage:
    """The feedback message about a desired state that is no activity, or none yet."""
    return FeedbackMessage(status, message or _MESSAGES.get(status, ""))


def _message(activity: Activity, status: Status) -> str:
    if status == "IDENTIFIED" and not activity.actions:
        return _NOTHING_TO_DO
    if status == "UPDATE_FAILURE" and not any(action.progress for action in activity.actions):
        return _REJECTED
    return _MESSAGES.get(status, "")


def _action(activity: Activity, action: ActivityAction, status: Status) -> Action:
    told, progress, message = _told(action, status)
    return Action(Component(f"{activity.domain}:{IMAGE}", action.version), told, progress, action.waits_for or message)


def _told(action: ActivityAction, status: Status) -> tuple[ActionStatus | Literal["UPDATED"], int, str]:
    """Status, per cent and message of an action, below a message with `status`."""
    mib = f"{action.size / _MIB:.1f} MiB..."
    is_stored = status in _CLOSING
    match action.status:
        case "IDENTIFIED":
            return "IDENTIFIED", 0, _IDENTIFIED
        case "DOWNLOADING":
            return "DOWNLOADING", min(action.progress, 99), f"Downloading {mib}"
        case "DOWNLOAD_SUCCESS":
            return "DOWNLOAD_SUCCESS", 100, f"Downloaded {mib}"
        case "DOWNLOAD_FAILURE":
            return "DOWNLOAD_FAILURE", 0 if is_stored else action.progress, f"Download failed: {action.message}"
        case "UPDATING" if status == "ROLLBACK":
            return "UPDATING", 0, _MESSAGES[status]
        case "UPDATING":
            return "UPDATING", min(action.progress, 99), _INSTALLING if action.progress else _CHECKING
        case "UPDATE_SUCCESS":
            return "UPDATING", 100, _INSTALLED
        case "UPDATE_FAILURE":
            return "UPDATE_FAILURE", 0 if is_stored else action.progress, action.message
        case "ACTIVATING":
            return "UPDATING", 0, _ACTIVATING
        case "ACTIVATION_SUCCESS" if is_stored:
            return "UPDATE_SUCCESS", 0, _ACTIVATED
        case "ACTIVATION_SUCCESS":
            return "UPDATED", 0, _ACTIVATED
        case "ACTIVATION_FAILURE":
            return "UPDATE_FAILURE", 0, f"{_NOT_ACTIVATED} {action.message}"
        case _:
            return action.status, 0, action.message
