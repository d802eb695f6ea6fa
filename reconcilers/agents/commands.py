"""The meaning of an update manager's commands: in statuses, and in the words of the original.

The vocabulary of activities as tables (container-management.md §2.4, §2.5); `reconcilers.agents.activity` applies it to
one activity.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from evenkeel.specs.kanto.activity import ActionKind, ActionStatus, Command, Status, Wire

IDENTIFIED_TEXT: Mapping[ActionKind, str] = {
    "create": "New container will be created and started.",
    "recreate": "Existing container will be destroyed and replaced by a new one.",
    "update": "Existing container will be updated with new configuration.",
    "check": "No changes detected, existing container will be check only if it is running.",
    "destroy": "Existing container will be destroyed, no longer needed.",
    "install": "The operating system will be installed into another slot, which is booted then.",
}
_ROLLED_BACK = "Update unsuccessful, but rollback succeeded - "
ROLLBACK_TEXT: Mapping[ActionKind, str] = {
    "create": f"{_ROLLED_BACK}new container instance destroyed.",
    "recreate": f"{_ROLLED_BACK}new container instance destroyed, old container instance restored.",
    "update": f"{_ROLLED_BACK}container configuration restored from older instance.",
    "destroy": f"{_ROLLED_BACK}old container instance restored.",
    "check": "",
    "install": f"{_ROLLED_BACK}the operating system before boots next.",
}


class CommandStatuses(NamedTuple):
    """The statuses of one command."""

    allowed_after: tuple[Status, ...]
    working: Status
    well: Status
    badly: Status
    refused: Status
    action_working: ActionStatus
    action_well: ActionStatus
    action_badly: ActionStatus
    concerns: tuple[ActionKind, ...]


PHASES: Mapping[Command, CommandStatuses] = {
    "DOWNLOAD": CommandStatuses(
        ("IDENTIFIED",), "DOWNLOADING", "DOWNLOAD_SUCCESS", "DOWNLOAD_FAILURE", "DOWNLOAD_FAILURE",
        "DOWNLOADING", "DOWNLOAD_SUCCESS", "DOWNLOAD_FAILURE", ("create", "recreate", "install"),
    ),
    "UPDATE": CommandStatuses(
        ("DOWNLOAD_SUCCESS",), "UPDATING", "UPDATE_SUCCESS", "UPDATE_FAILURE", "UPDATE_FAILURE",
        "UPDATING", "UPDATE_SUCCESS", "UPDATE_FAILURE", ("recreate", "update", "destroy", "install"),
    ),
    "ACTIVATE": CommandStatuses(
        ("UPDATE_SUCCESS",), "ACTIVATING", "ACTIVATION_SUCCESS", "ACTIVATION_FAILURE", "ACTIVATION_FAILURE",
        "ACTIVATING", "ACTIVATION_SUCCESS", "ACTIVATION_FAILURE",
        ("create", "recreate", "update", "check", "install"),
    ),
    "ROLLBACK": CommandStatuses(
        (
            "DOWNLOAD_SUCCESS", "UPDATE_SUCCESS", "ACTIVATION_FAILURE", "ACTIVATION_SUCCESS",
            "DOWNLOAD_FAILURE", "UPDATE_FAILURE", "ROLLBACK_FAILURE",
        ),
        "ROLLBACK", "ROLLBACK_SUCCESS", "ROLLBACK_FAILURE", "ROLLBACK_FAILURE",
        "UPDATING", "UPDATE_FAILURE", "UPDATE_FAILURE", ("create", "recreate", "update", "destroy", "install"),
    ),
    "CLEANUP": CommandStatuses(
        (), "CLEANUP", "CLEANUP_SUCCESS", "CLEANUP_FAILURE", "CLEANUP",
        "REMOVING", "REMOVAL_SUCCESS", "REMOVAL_FAILURE", ("recreate", "destroy", "install"),
    ),
}  # fmt: skip
"""The statuses of each command. CLEANUP is allowed at any time. The domain decides which steps a command opens
(`reconcilers.containers.commanded`)."""

ALSO_AFTER: Mapping[tuple[Wire, Command], tuple[Status, ...]] = {("leda", "ROLLBACK"): ("IDENTIFIED",)}
"""Further statuses after which a command is allowed in one protocol: Leda's agent goes back from every state."""
ENDED_WELL: Mapping[tuple[Command, ActionKind], str] = {
    ("DOWNLOAD", "create"): "New container created.",
    ("DOWNLOAD", "recreate"): "New container created.",
    ("UPDATE", "recreate"): "Old container instance is stopped.",
    ("UPDATE", "destroy"): "Old container instance is stopped.",
    ("UPDATE", "update"): "Container instance is updated with new configuration.",
    ("ACTIVATE", "create"): "New container instance is started.",
    ("ACTIVATE", "recreate"): "New container instance is started.",
    ("ACTIVATE", "check"): "Existing container instance is running.",
    ("CLEANUP", "destroy"): "Old container instance is removed.",
    ("DOWNLOAD", "install"): "The bundle is downloaded.",
    ("UPDATE", "install"): "The bundle is installed.",
    ("ACTIVATE", "install"): "The new operating system boots next.",
}
"""The message of an action that ended a command well. Without an entry the action keeps its message."""
LEFTOVER_TEXT: Mapping[ActionKind, str] = {
    "install": "The bundle could not be removed, and is tried again: ",
}
"""The beginning of the text about what a clean-up has left, of other kinds than containers."""
MEASURED: Collection[tuple[Command, ActionKind]] = (
    ("DOWNLOAD", "create"),
    ("DOWNLOAD", "recreate"),
    ("DOWNLOAD", "install"),
    ("UPDATE", "install"),
)
"""The commands that tell per cents, and of which kinds of actions."""
HAS_ENDED = "Existing container instance has ended, as its restart policy lets it."


WAY: Sequence[Status] = (
    "IDENTIFYING", "IDENTIFICATION_FAILED", "IDENTIFIED",
    "DOWNLOADING", "DOWNLOAD_FAILURE", "DOWNLOAD_SUCCESS",
    "UPDATING", "UPDATE_FAILURE", "UPDATE_SUCCESS",
    "ACTIVATING", "ACTIVATION_FAILURE", "ACTIVATION_SUCCESS",
    "ROLLBACK", "ROLLBACK_FAILURE", "ROLLBACK_SUCCESS",
    "CLEANUP", "CLEANUP_FAILURE", "CLEANUP_SUCCESS",
    "INCOMPLETE", "COMPLETED", "SUPERSEDED",
)  # fmt: skip
"""Statuses in the order of progress."""
