"""The effect of an agent's message on the operation that it is about. Pure.

The actions of a message count whatever its status is (update-manager.md §3.4). A status counts when it answers the command
that was sent, so that a late one, one of another phase and one that comes twice change nothing (PH-7, PH-40).
"""

from __future__ import annotations

from collections.abc import Iterable

from evenkeel.reconcilers.operations.parts import shares_of, with_groups, with_part, with_shares
from evenkeel.reconcilers.operations.statuses import ANSWERS, CLEANED, SYNONYMS, TAKEN_BACK, WORKING
from evenkeel.specs.codec import changed
from evenkeel.specs.operations.events import AgentFeedback
from evenkeel.specs.operations.operation import DomainPart, Group, Operation, Reached, Share, ToldAction

_SILENT = "its agent gave no reason"
_REFUSED = " is possible only after status "
"""In the text with which Kanto's agent and evenkeel's refuse a command out of turn (container-management.md §2.4)."""


def with_feedback(operation: Operation, message: AgentFeedback) -> Operation:
    """The operation after a message of feedback about it."""
    part = operation.part(message.domain)
    if part is None or part.end:
        return operation
    operation = with_part(operation, part.domain, actions=merged(part.actions, message.actions))
    status = SYNONYMS.get(message.status, message.status)
    if status == "IDENTIFICATION_FAILED":
        return _unidentified(operation, part, message.message or _SILENT) if part.asks else operation
    if status == "IDENTIFIED":
        return _identified(operation, part, has_actions=bool(message.actions)) if part.asks or part.again else operation
    if status in ("COMPLETED", "INCOMPLETE", "SUPERSEDED"):
        return _ended(operation, part, status, message)
    if status in WORKING:
        return with_shares(operation, part.domain, lambda share: _at_work(share, status), baseline=message.baseline)
    if status in ANSWERS:
        if part.asks and _REFUSED in message.message:
            return operation  # a command from before, which came twice
        if part.asks and operation.groups:  # an agent that has the operation open answers with its status
            operation = with_part(operation, part.domain, asks=False)
        return with_shares(
            operation, part.domain, lambda share: _answered(share, part, message), baseline=message.baseline
        )
    return operation


def merged(known: Iterable[ToldAction], told: Iterable[ToldAction]) -> tuple[ToldAction, ...]:
    """Known actions with what was told of them now; none is ever removed."""
    by_component = {action.component: action for action in known}
    return tuple((by_component | {action.component: action for action in told}).values())


def failure_text(part: DomainPart, message: str = "") -> str:
    """Why an agent failed: its own words, and those about its components."""
    actions = (
        f"{each.component}: {each.message}"
        for each in part.actions
        if each.status.endswith("_FAILURE") and each.message
    )
    return "; ".join(filter(None, (message, *actions))) or _SILENT


def _unidentified(operation: Operation, part: DomainPart, why: str) -> Operation:
    operation = with_part(operation, part.domain, asks=False, failed=why)

    def refused(share: Share) -> Share:
        """Asked again, as after a restart, an agent refuses what it has accepted before."""
        return changed(share, reached="ACTIVATION_FAILURE", command="", heard=False, why=why)

    return with_shares(operation, part.domain, refused)


def _identified(operation: Operation, part: DomainPart, *, has_actions: bool) -> Operation:
    """An agent that was asked for the first time, or again after it has begun anew. Without actions it has nothing to do: it
    has reached what is asked for, and gets no command."""
    if not has_actions:
        return _reached_all(with_part(operation, part.domain, asks=False, end="COMPLETED"), part.domain)
    operation = with_part(operation, part.domain, asks=False, again=False)

    def anew(share: Share, *, is_back: bool) -> Share:
        """A share that was taken back stays so, and is cleaned up again; any other begins anew, also on the way back."""
        reached = share.reached if share.reached in TAKEN_BACK else "IDENTIFIED"
        if is_back and share.reached in CLEANED:
            reached = "ROLLBACK_SUCCESS"
        return changed(share, reached=reached, command="", heard=False)

    def those(group: Group) -> Group:
        shares = (anew(each, is_back=group.back) if each.domain == part.domain else each for each in group.shares)
        return changed(group, shares=tuple(shares))

    return with_groups(operation, those)


def _reached_all(operation: Operation, domain: str) -> Operation:
    def well(share: Share) -> Share:
        boot = "verified" if share.boot else ""
        return changed(share, reached="CLEANUP_SUCCESS", command="", heard=False, boot=boot)

    return with_shares(operation, domain, well)


def _ended(operation: Operation, part: DomainPart, status: str, message: AgentFeedback) -> Operation:
    """The agent's last word. COMPLETED while it identifies means that nothing is to be done (Leda's agent, §9)."""
    shares = tuple(shares_of(operation, part.domain))
    if status == "COMPLETED":
        operation = with_part(operation, part.domain, asks=False, end="COMPLETED")
        is_early = part.asks or all(share.reached in ("ACTIVATION_SUCCESS", "CLEANUP_SUCCESS") for share in shares)
        return _reached_all(operation, part.domain) if is_early else operation
    merged_part = operation.part(part.domain) or part
    why = failure_text(merged_part, message.message)
    if status == "SUPERSEDED":
        why = f"its agent was given something else to do{': ' if message.message else ''}{message.message}"
    operation = with_part(operation, part.domain, asks=False, end="INCOMPLETE", why=why)

    def given_up(share: Share) -> Share:
        if share.reached in ("ROLLBACK_SUCCESS", "ROLLBACK_FAILURE", "CLEANUP_SUCCESS", "CLEANUP_FAILURE"):
            return changed(share, command="", heard=False)
        return changed(share, reached="ACTIVATION_FAILURE", command="", heard=False, why=share.why or why)

    return with_shares(operation, part.domain, given_up)


def _at_work(share: Share, status: str) -> Share:
    return changed(share, heard=True) if share.command == WORKING[status] else share


def _answered(share: Share, part: DomainPart, message: AgentFeedback) -> Share:
    command, reached = ANSWERS[message.status]
    if share.command != command and not (part.asks and share.command == ""):
        return share
    if reached == "ROLLBACK_SUCCESS":
        return went_back(share)
    if not reached.endswith("_FAILURE"):
        return changed(share, reached=reached, command="", heard=False)
    known = part if not message.actions else changed(part, actions=merged(part.actions, message.actions))
    return failed(share, reached, failure_text(known, message.message))


def went_back(share: Share) -> Share:
    """A share that was taken back. From a system that has booted the way leads over another reboot."""
    boot = "back" if share.boot in ("booted", "verified") else ""
    return changed(share, reached="ROLLBACK_SUCCESS", command="", heard=False, boot=boot)


def failed(share: Share, reached: Reached, why: str) -> Share:
    """A share whose command has failed. A way back that an agent refuses, because it has changed nothing yet, is no failure:
    Kanto's agent allows none before DOWNLOAD_SUCCESS (§9)."""
    if reached != "ROLLBACK_FAILURE":
        return changed(share, reached=reached, command="", heard=False, why=share.why or why)
    if not share.begun:
        return changed(share, reached="ROLLBACK_SUCCESS", command="", heard=False)
    return changed(share, reached=reached, command="", heard=False, boot="", stuck=why)
