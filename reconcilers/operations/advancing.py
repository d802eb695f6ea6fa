"""The next moves of an operation: phases are opened, and agents are commanded as far as those allow. Pure.

Level-based: each command follows from how far a share is and from what is open, and from nothing else. So an agent that has
begun anew catches up, and a manager that has begun anew goes on where it was.

A phase opens for a group when all its shares are through the one before. In ACTIVATE and CLEANUP the domains come one
rank after another: a domain that needs a reboot has booted before the next is touched, and is marked good before the next gives
up what it would need on the way back. That way has the other order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from evenkeel.reconcilers.operations.grouping import removals_of
from evenkeel.reconcilers.operations.parts import shares_of, with_groups, with_shares
from evenkeel.reconcilers.operations.statuses import CLEANED, FAILED, FORWARD, NEXT, TAKEN_BACK, WELL
from evenkeel.specs.codec import changed
from evenkeel.specs.kanto.activity import Command
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.events import AskOwner, AskState, Effect, Reboot, SendCommand, WithdrawQuestion
from evenkeel.specs.operations.operation import PHASES, Group, Operation, Phase, Share


def advance(operation: Operation, conduct: Conduct) -> tuple[Operation, tuple[Effect, ...]]:
    """The identified operation after everything that is possible now, and the effects of that."""
    operation = with_groups(operation, lambda group: _fallen(group, conduct))
    operation = with_groups(operation, lambda group: _opened(group, operation, conduct))
    operation, asked = _questioned(operation, conduct)
    operation, sent = _commanded(operation, conduct)
    operation, rebooted = _rebooting(operation, conduct)
    return operation, (*asked, *sent, *rebooted)


def is_over(group: Group) -> bool:
    """Whether nothing is left to do for a group."""
    return all(share.reached in CLEANED for share in group.shares)


def _fallen(group: Group, conduct: Conduct) -> Group:
    """A group of which a share has failed goes back."""
    failed = [share for share in group.shares if share.reached in FAILED]
    if group.back or not failed:
        return group
    return taken_back(group, "; ".join(f"{share.domain}: {share.why}" for share in failed))


def taken_back(group: Group, why: str) -> Group:
    """A group that goes back from now on. A share whose agent has said its last word cannot: Leda's agent says
    COMPLETED as soon as its system has booted."""

    def one(share: Share) -> Share:
        if share.reached not in CLEANED or not share.begun:
            return share
        return changed(share, boot="", stuck=share.stuck or "its agent had ended its part before")

    return changed(group, back=True, why=why, shares=tuple(map(one, group.shares)))


# ── forward ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _opened(group: Group, operation: Operation, conduct: Conduct) -> Group:
    """A group with all phases open that may be."""
    while not group.back and (following := _following(group, conduct)) is not None:
        if following != group.opened and _holds_up(group, following, operation, conduct):
            break
        group = changed(
            group, opened=following, turn=_next_turn(group, conduct) if following == "ACTIVATE" else group.turn
        )
    return group


def _following(group: Group, conduct: Conduct) -> Phase | None:
    """The phase that opens next, or once more for the next rank; `None` while a share is not through."""
    if not all(_is_through(share, group, conduct) for share in group.shares) or group.opened == "CLEANUP":
        return None
    if group.opened == "ACTIVATE" and _next_turn(group, conduct) > group.turn:
        return "ACTIVATE"
    return PHASES[PHASES.index(group.opened) + 1]


def _is_through(share: Share, group: Group, conduct: Conduct) -> bool:
    if share.reached in CLEANED or (group.opened == "UPDATE" and _awaits_boot(share, group, conduct)):
        return True
    if group.opened == "ACTIVATE" and conduct.rank_of(share.domain) > group.turn:
        return True
    is_far = share.reached in FORWARD and FORWARD.index(share.reached) >= FORWARD.index(WELL[group.opened])
    return is_far and share.boot in ("", "verified")


def _next_turn(group: Group, conduct: Conduct) -> int:
    """The lowest rank that was not open, or the highest when all were."""
    ranks = sorted({conduct.rank_of(share.domain) for share in group.shares})
    return next((rank for rank in ranks if rank > group.turn), ranks[-1])


def _holds_up(group: Group, phase: Phase, operation: Operation, conduct: Conduct) -> bool:
    """Whether a phase may not be opened: its preconditions do not hold, or the owner has not agreed."""
    if phase == "CLEANUP":
        return False
    return bool(group.unmet) or (phase in conduct.consent and phase not in operation.approved)


def wanted_consent(group: Group, operation: Operation, conduct: Conduct) -> Command | None:
    """The command for which a group waits for the owner."""
    following = None if group.back else _following(group, conduct)
    if not following or following in ("CLEANUP", group.opened) or group.unmet:
        return None
    return following if following in conduct.consent and following not in operation.approved else None


def _questioned(operation: Operation, conduct: Conduct) -> tuple[Operation, tuple[Effect, ...]]:
    """One question at a time. It is void when nobody waits for its answer any more."""
    wanted = [each for group in operation.groups if (each := wanted_consent(group, operation, conduct)) is not None]
    if operation.question and operation.question not in wanted:
        operation, withdrawn = changed(operation, question=""), (WithdrawQuestion(),)
        return (operation, withdrawn) if not wanted else _asked(operation, wanted[0], withdrawn)
    if wanted and not operation.question:
        return _asked(operation, wanted[0], ())
    return operation, ()


def _asked(operation: Operation, command: Command, before: tuple[Effect, ...]) -> tuple[Operation, tuple[Effect, ...]]:
    return changed(operation, question=command), (*before, AskOwner(command))


# ── commands ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _commanded(operation: Operation, conduct: Conduct) -> tuple[Operation, tuple[Effect, ...]]:
    """Every share with the command that it is ready for. An agent that is asked anew gets none before it has answered."""
    asking = {part.domain for part in operation.parts if part.asks}
    ended = {part.domain for part in operation.parts if part.end}
    effects: list[Effect] = []

    def one(group: Group) -> Group:
        shares = []
        for share in group.shares:
            if share.domain in ended:
                share = _without_agent(share, group)
            elif share.domain not in asking:
                command = (_backward if group.back else _forward)(share, group, conduct)
                if command is not None:
                    effects.extend(each for each in _closing(share, command, operation) if each not in effects)
                    effects.append(SendCommand(share.domain, command, share.title))
                    share = _sent(share, command, conduct)
            shares.append(share)
        return changed(group, shares=tuple(shares))

    return with_groups(operation, one), tuple(effects)


def _closing(share: Share, command: Command, operation: Operation) -> Iterator[SendCommand]:
    """Before the first baseline of a domain is cleaned up, the one of removals that nobody asked for. An agent that is
    commanded by baselines ends with the last of them, and tells the success of that one alone (container-management.md
    §2.4, W8)."""
    others = tuple(shares_of(operation, share.domain))
    removals = removals_of(share.domain)
    is_first = not any(each.command == "CLEANUP" or each.reached in CLEANED for each in others)
    if command == "CLEANUP" and share.title and is_first and not any(each.title == removals for each in others):
        yield SendCommand(share.domain, command, removals)


def _sent(share: Share, command: Command, conduct: Conduct) -> Share:
    is_first = command == "ACTIVATE" and share.domain in conduct.reboots and share.boot == ""
    boot = "due" if is_first else share.boot
    return changed(
        share, command=command, heard=False, begun=share.begun or command in ("UPDATE", "ACTIVATE"), boot=boot
    )


def _forward(share: Share, group: Group, conduct: Conduct) -> Command | None:
    command = NEXT.get(share.reached)
    if share.command or command is None or PHASES.index(command) > PHASES.index(group.opened):
        return None
    rank = conduct.rank_of(share.domain)
    if command == "UPDATE" and _awaits_boot(share, group, conduct):
        return None
    if command == "ACTIVATE" and (rank > group.turn or not _are_updated(group, conduct)):
        return None
    if command == "CLEANUP" and not all(
        each.reached in CLEANED for each in group.shares if conduct.rank_of(each.domain) < rank
    ):
        return None
    return command


def _awaits_boot(share: Share, group: Group, conduct: Conduct) -> bool:
    """Whether a domain of a lower rank has to boot first. Kanto's agent of containers stops those that it replaces in
    UPDATE, and they would be away during the reboot, also where it falls back."""
    rank = conduct.rank_of(share.domain)
    return any(
        each.domain in conduct.reboots and each.boot != "verified" and each.reached not in CLEANED
        for each in group.shares
        if conduct.rank_of(each.domain) < rank
    )


def _are_updated(group: Group, conduct: Conduct) -> bool:
    """Whether all shares whose turn it is are through UPDATE."""
    turn = [each for each in group.shares if conduct.rank_of(each.domain) <= group.turn and each.reached not in CLEANED]
    return all(
        each.reached in FORWARD and FORWARD.index(each.reached) >= FORWARD.index("UPDATE_SUCCESS") for each in turn
    )


def _backward(share: Share, group: Group, conduct: Conduct) -> Command | None:
    """ROLLBACK in the order of ranks, the highest first, and then CLEANUP for all. A download is not waited for."""
    if share.command not in ("", "DOWNLOAD") or share.reached in CLEANED:
        return None
    if share.reached in TAKEN_BACK:
        is_back = all(
            each.reached in (*TAKEN_BACK, *CLEANED) and each.boot in ("", "restored") for each in group.shares
        )
        return "CLEANUP" if is_back else None
    rank = conduct.rank_of(share.domain)
    later = [each for each in group.shares if conduct.rank_of(each.domain) > rank]
    return "ROLLBACK" if all(each.reached in (*TAKEN_BACK, *CLEANED) for each in later) else None


def _without_agent(share: Share, group: Group) -> Share:
    """The share of a domain whose agent has said its last word: it takes no more commands."""
    if share.reached in CLEANED:
        return share
    boot = "back" if share.boot in ("booted", "verified") and group.back else share.boot
    return changed(share, reached="CLEANUP_FAILURE", command="", heard=False, boot=boot)


# ── the reboot ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _rebooting(operation: Operation, conduct: Conduct) -> tuple[Operation, tuple[Effect, ...]]:
    """One reboot for all groups: once nothing is under way any more that it would disturb. A group that goes back from a system
    that has booted needs another one."""
    due = _domains(operation, _needs_reboot)
    if not due:
        return changed(operation, reboots=False), ()
    if operation.reboots or any(part.asks for part in operation.parts):
        return operation, ()
    if any(share.command for group in operation.groups for share in group.shares) or operation.question:
        return operation, ()
    return changed(operation, reboots=True), (Reboot(due),)


def _needs_reboot(share: Share) -> bool:
    return share.boot == "back" or (share.boot == "due" and share.reached == "ACTIVATION_SUCCESS")


def after_boot(operation: Operation) -> tuple[Operation, tuple[Effect, ...]]:
    """The device has booted: which system runs is asked, before anything else is done with its domain. A system that is not
    marked good yet may have gone again since it was seen."""
    goes_back = ("back", "returned", "restored")
    domains = _domains(
        operation, lambda share: (share.boot != "" and share.reached not in CLEANED) or share.boot in goes_back
    )
    for domain in domains:
        operation = with_shares(operation, domain, _booted)
    return changed(operation, reboots=False), tuple(AskState(domain) for domain in domains)


def _booted(share: Share) -> Share:
    if share.boot in ("back", "returned", "restored"):
        return changed(share, boot="returned")
    if share.reached in CLEANED:
        return share
    is_activated = share.boot != "due" or share.reached == "ACTIVATION_SUCCESS"
    return changed(share, boot="booted") if is_activated and share.boot else share  # else its own reboot is still due


def _domains(operation: Operation, is_meant: Callable[[Share], bool]) -> tuple[str, ...]:
    shares: Iterator[Share] = (share for group in operation.groups for share in group.shares)
    found: Sequence[str] = [share.domain for share in shares if is_meant(share)]
    return tuple(dict.fromkeys(found))
