"""One desired state over several domains on its way, as a value that can be stored.

An operation outlives the process, the connection and the reboot that belongs to it. Each domain is served by an update agent:
one of this device, or one that is reached over MQTT. Both are told the same messages and answer with the same statuses
(update-manager.md §2, §3).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from evenkeel.specs.kanto.activity import Command

Status = Literal[
    "IDENTIFYING",
    "IDENTIFIED",
    "IDENTIFICATION_FAILED",
    "RUNNING",
    "COMPLETED",
    "INCOMPLETE",
    "SUPERSEDED",
]
"""The statuses of an operation, as its sender is told (§2.6)."""
ENDS: tuple[Status, ...] = ("IDENTIFICATION_FAILED", "COMPLETED", "INCOMPLETE", "SUPERSEDED")

Reached = Literal[
    "IDENTIFIED",
    "DOWNLOAD_SUCCESS",
    "DOWNLOAD_FAILURE",
    "UPDATE_SUCCESS",
    "UPDATE_FAILURE",
    "ACTIVATION_SUCCESS",
    "ACTIVATION_FAILURE",
    "ROLLBACK_SUCCESS",
    "ROLLBACK_FAILURE",
    "CLEANUP_SUCCESS",
    "CLEANUP_FAILURE",
]
"""How far a share is: the statuses of an agent that end something."""
Boot = Literal["", "due", "booted", "verified", "back", "returned", "restored"]
"""The reboot that an activation needs: none, not yet, over but not looked at, or the system that was asked for runs. On the way
back from that one: the reboot into the former system is due, is over but not looked at, or the former system runs."""
Phase = Literal["", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP"]
PHASES: tuple[Phase, ...] = ("", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
"""The phases of an operation, in their order. The first one is before all."""


class ToldAction(Struct, frozen=True, omit_defaults=True):
    """One component's part, as its agent told it last. Statuses are passed on, also those that nobody knows."""

    component: str
    version: str = ""
    status: str = ""
    progress: int = 0
    message: str = ""


class Share(Struct, frozen=True, omit_defaults=True):
    """A group's part of one domain. `title`: the baseline by which its agent is commanded, "" for all. `command`: was sent
    and is not answered; `heard`: its agent works on it. `begun`: UPDATE was sent, so that something may have changed. `why`:
    the reason of a failure. `stuck`: why it could not be taken back."""

    domain: str
    title: str = ""
    reached: Reached = "IDENTIFIED"
    command: Command | Literal[""] = ""
    heard: bool = False
    begun: bool = False
    boot: Boot = ""
    why: str = ""
    stuck: str = ""


class Group(Struct, frozen=True, omit_defaults=True):
    """Components that succeed or fail together, over all domains: a baseline, or everything without baselines.

    `opened`: the phase that was opened last. `turn`: the rank of domains up to which activation is open. `back`: it failed
    and is taken back, for the reason `why`. `preconditions`: as they were written. `unmet`: why they do not hold, ""
    when they do."""

    title: str
    shares: tuple[Share, ...]
    opened: Phase = ""
    turn: int = -1
    back: bool = False
    why: str = ""
    preconditions: str = ""
    unmet: str = ""


class BaselinePart(Struct, frozen=True, omit_defaults=True):
    """A baseline of the desired state: its components, each `domain:id`, and its preconditions as they were written."""

    title: str
    components: tuple[str, ...]
    preconditions: str = ""


class DomainPart(Struct, frozen=True, omit_defaults=True):
    """The part of one domain. `slice`: the payload of the desired state that its agent gets, as JSON. `components`: of the
    slice, each `domain:id`. `asks`: it was sent and is not identified; `again`: it was sent once more, and its agent may begin
    anew. `failed`: why it could not be identified; `silent`: its agent did not answer, and may have it open. `end`: the
    agent's own last word, and `why`."""

    domain: str
    slice: bytes
    components: tuple[str, ...] = ()
    asks: bool = True
    again: bool = False
    failed: str = ""
    silent: bool = False
    actions: tuple[ToldAction, ...] = ()
    end: Literal["", "COMPLETED", "INCOMPLETE"] = ""
    why: str = ""


class Operation(Struct, frozen=True, omit_defaults=True):
    """`content`: the digest of the desired state. `parts`: of each domain that has an agent, in their order. `groups`: there
    are none before all domains are identified. `approved`: the commands to which the owner has agreed. `question`: the
    command for which the owner is asked now, since `asked_ms` (milliseconds of the epoch). `reboots`: everything waits for
    the reboot. `notes`: remarks about the desired state, such as domains without an agent."""

    id: str
    content: str
    baselines: tuple[BaselinePart, ...]
    parts: tuple[DomainPart, ...]
    groups: tuple[Group, ...] = ()
    status: Status = "IDENTIFYING"
    approved: tuple[Command, ...] = ()
    question: Command | Literal[""] = ""
    asked_ms: int = 0
    reboots: bool = False
    cancelled: str = ""
    notes: str = ""

    def part(self, domain: str) -> DomainPart | None:
        """The part of a domain; `None` when it has none."""
        return next((each for each in self.parts if each.domain == domain), None)
