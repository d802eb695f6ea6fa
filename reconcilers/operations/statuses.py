"""The statuses of agents, as an update manager reads them, and what it commands after each. Pure.

A failure is taken back, and what was taken back is cleaned up; the original cleans up alone (update-manager.md §3.4, B-04,
B-06).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evenkeel.specs.kanto.activity import Command
from evenkeel.specs.operations.operation import Phase, Reached

WORKING: Mapping[str, Command] = {
    "DOWNLOADING": "DOWNLOAD",
    "UPDATING": "UPDATE",
    "ACTIVATING": "ACTIVATE",
    "ROLLBACK": "ROLLBACK",
    "CLEANUP": "CLEANUP",
}
"""Status of an agent at work → its command."""
ANSWERS: Mapping[str, tuple[Command, Reached]] = {
    "DOWNLOAD_SUCCESS": ("DOWNLOAD", "DOWNLOAD_SUCCESS"),
    "DOWNLOAD_FAILURE": ("DOWNLOAD", "DOWNLOAD_FAILURE"),
    "UPDATE_SUCCESS": ("UPDATE", "UPDATE_SUCCESS"),
    "UPDATE_FAILURE": ("UPDATE", "UPDATE_FAILURE"),
    "ACTIVATION_SUCCESS": ("ACTIVATE", "ACTIVATION_SUCCESS"),
    "ACTIVATION_FAILURE": ("ACTIVATE", "ACTIVATION_FAILURE"),
    "ROLLBACK_SUCCESS": ("ROLLBACK", "ROLLBACK_SUCCESS"),
    "ROLLBACK_FAILURE": ("ROLLBACK", "ROLLBACK_FAILURE"),
    "CLEANUP_SUCCESS": ("CLEANUP", "CLEANUP_SUCCESS"),
    "CLEANUP_FAILURE": ("CLEANUP", "CLEANUP_FAILURE"),
}
"""Status of an agent that ends a command → the command, and how far its share is."""
FAILURES: Mapping[Command, Reached] = {
    "DOWNLOAD": "DOWNLOAD_FAILURE",
    "UPDATE": "UPDATE_FAILURE",
    "ACTIVATE": "ACTIVATION_FAILURE",
    "ROLLBACK": "ROLLBACK_FAILURE",
    "CLEANUP": "CLEANUP_FAILURE",
}
FREEING: Sequence[Command] = ("ROLLBACK", "CLEANUP")
"""Commands that free an agent of an operation, however far it is (B-19)."""
FAILED: Sequence[Reached] = ("DOWNLOAD_FAILURE", "UPDATE_FAILURE", "ACTIVATION_FAILURE")
CLEANED: Sequence[Reached] = ("CLEANUP_SUCCESS", "CLEANUP_FAILURE")
TAKEN_BACK: Sequence[Reached] = ("ROLLBACK_SUCCESS", "ROLLBACK_FAILURE")

NEXT: Mapping[Reached, Command] = {
    "IDENTIFIED": "DOWNLOAD",
    "DOWNLOAD_SUCCESS": "UPDATE",
    "UPDATE_SUCCESS": "ACTIVATE",
    "ACTIVATION_SUCCESS": "CLEANUP",
}
"""The next command on the way forward."""
WELL: Mapping[Phase, Reached] = {
    "": "IDENTIFIED",
    "DOWNLOAD": "DOWNLOAD_SUCCESS",
    "UPDATE": "UPDATE_SUCCESS",
    "ACTIVATE": "ACTIVATION_SUCCESS",
    "CLEANUP": "CLEANUP_SUCCESS",
}
"""Phase → how far a share is that went through it."""
FORWARD: Sequence[Reached] = tuple(WELL.values())

SYNONYMS: Mapping[str, str] = {
    "COMPLETE": "COMPLETED",
    "INCOMPLETE_INCONSISTENT": "INCOMPLETE",
}
"""Words of other agents (update-manager.md §9)."""
