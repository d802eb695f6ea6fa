"""One desired state over several domains: (operation, event) → (operation, effects). Pure.

The way is that of Kanto's Update Manager (update-manager.md §3): all domains are identified, then each phase is opened for all.
Unlike there, a failure takes back its group, an operation outlives restarts and the reboot that belongs to it, and
COMPLETED is said only when every domain has said so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.operations.advancing import advance, after_boot, taken_back, wanted_consent
from evenkeel.reconcilers.operations.ending import ending_text, identification_text, is_over, verdict
from evenkeel.reconcilers.operations.grouping import NOT_EVALUATED, groups
from evenkeel.reconcilers.operations.hearing import failed, went_back, with_feedback
from evenkeel.reconcilers.operations.parts import phase_of, shares_of, with_groups, with_part, with_shares
from evenkeel.reconcilers.operations.statuses import CLEANED, FAILURES, FREEING
from evenkeel.specs.codec import changed
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.events import (
    AgentFeedback,
    Answered,
    AskOwner,
    AskState,
    Cancelled,
    Effect,
    Elapsed,
    Ended,
    Event,
    Judged,
    Reboot,
    Reported,
    Restarted,
    Resumed,
    Say,
    SendCommand,
    SendSlice,
    Timer,
    Unsent,
    WithdrawQuestion,
)
from evenkeel.specs.operations.operation import ENDS, BaselinePart, DomainPart, Group, Operation, Share, Status

NO_DOMAIN = "no domain of this desired state has an agent here"


class Step(NamedTuple):
    """An operation after an event, and what has to be done. The two are stored together."""

    operation: Operation
    effects: tuple[Effect, ...]


def begin(
    id_: str,
    content: str,
    parts: Sequence[DomainPart],
    baselines: Sequence[BaselinePart] = (),
    notes: str = "",
) -> Step:
    """An operation as it begins. Without a domain that has an agent it ends at once (OP-3)."""
    operation = Operation(id_, content, tuple(baselines), tuple(parts), notes=notes)
    if not parts:
        return _ended(operation, "INCOMPLETE", notes or NO_DOMAIN)
    return Step(operation, (Say("IDENTIFYING", notes), *(SendSlice(part.domain) for part in parts)))


def after(operation: Operation, event: Event, conduct: Conduct) -> Step:
    """An operation after an event. An event that is not about it, or comes too late, changes nothing."""
    if operation.status in ENDS:
        return Step(operation, ())
    step = _met(operation, event, conduct)
    return _gone_on(step, conduct, tells=isinstance(event, AgentFeedback) and step.operation != operation)


def superseded(operation: Operation, by: str, follows: Collection[str]) -> Step:
    """An operation that gives way to another one, which is about the domains `follows`. Their agents keep what was
    activated, and are told the other one next; those of other domains are freed."""
    withdrawn = (WithdrawQuestion(),) if operation.question else ()
    step = _ended(changed(operation, question=""), "SUPERSEDED", f"{by} takes its place")
    freed = [effect for effect in _freed(operation) if effect.domain not in follows]
    return Step(step.operation, (*withdrawn, *freed, *step.effects))


def _met(operation: Operation, event: Event, conduct: Conduct) -> Step:
    match event:
        case AgentFeedback():
            return Step(with_feedback(operation, event), ())
        case Reported():
            return _reported(operation, event, conduct)
        case Answered():
            return _answered(operation, event, conduct)
        case Judged(title, unmet):
            judged = with_groups(operation, lambda each: changed(each, unmet=unmet) if each.title == title else each)
            waits = Say("RUNNING", f"`{title}` waits for its preconditions: {unmet}")
            return Step(judged, (waits,) if unmet and judged != operation else ())
        case Elapsed(timer):
            return _elapsed(operation, timer, conduct)
        case Cancelled(why):
            return Step(_taken_back(changed(operation, cancelled=why), why), ())
        case Unsent(domain, why):
            return Step(_unsent(operation, domain, why), ())
        case Restarted(domain):
            return _asked_again(operation, [domain])
        case Resumed(rebooted):
            return _resumed(operation, conduct, rebooted=rebooted)


def _gone_on(step: Step, conduct: Conduct, *, tells: bool) -> Step:
    """All that follows from where the operation is now."""
    operation, effects = step.operation, list(step.effects)
    if not operation.groups:
        if operation.cancelled:
            return _given_up(operation, effects, "INCOMPLETE", ending_text(operation))
        if any(part.asks for part in operation.parts):
            return Step(operation, tuple(effects))
        if any(part.failed for part in operation.parts):
            return _given_up(operation, effects, "IDENTIFICATION_FAILED", identification_text(operation))
        operation = changed(operation, status="IDENTIFIED", groups=groups(operation, conduct))
        effects.append(Say("IDENTIFIED", operation.notes))
        if operation.groups:
            operation = changed(operation, status="RUNNING")
            tells = True
    if tells and operation.groups:
        effects.append(Say("RUNNING"))
    operation, more = advance(operation, conduct)
    effects.extend(more)
    if is_over(operation):
        end = verdict(operation)
        ended = _ended(operation, end, operation.notes if end == "COMPLETED" else ending_text(operation))
        if effects and effects[-1] == Say("RUNNING"):
            effects.pop()
        return Step(ended.operation, (*effects, *ended.effects))
    return Step(operation, tuple(effects))


def _ended(operation: Operation, status: Status, message: str) -> Step:
    return Step(changed(operation, status=status), (Say(status, message), Ended()))


def _given_up(operation: Operation, effects: Sequence[Effect], status: Status, message: str) -> Step:
    """Before anything was begun: agents that may have accepted the desired state are freed of it, also one of Leda's, which
    only ROLLBACK frees (B-19). Nobody waits for their answers."""
    ended = _ended(operation, status, message)
    return Step(ended.operation, (*effects, *_freed(operation), *ended.effects))


def _freed(operation: Operation) -> Iterator[SendCommand]:
    for part in operation.parts:
        if (part.silent or not part.failed) and not part.end:
            yield from (SendCommand(part.domain, command) for command in FREEING)


# ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _reported(operation: Operation, event: Reported, conduct: Conduct) -> Step:
    """The state of an agent counts after the reboot, and while it is silent about its way back: Leda's agent goes back without
    a word, and answers questions only when it has (§9). An agent whose system has booted is asked again then."""
    part = operation.part(event.domain)
    if part is None:
        return Step(operation, ())
    others = {
        action.component: event.versions.get(action.component, "")
        for action in part.actions
        if action.version and event.versions.get(action.component) != action.version
    }

    def one(share: Share) -> Share:
        if share.command == "ROLLBACK" and not share.heard and len(others) == len(part.actions):
            return went_back(share)
        if share.boot == "returned":
            still = (
                f"{each.component} is still {each.version}" for each in part.actions if each.component not in others
            )
            stays = ", ".join(still)
            why = f"after the reboot {stays}, which was to be taken back" if stays else ""
            return changed(share, boot="" if why else "restored", stuck=share.stuck or why)
        if share.boot in ("booted", "due") and not others:  # due, too: the device may have booted before it was told to
            return changed(share, boot="verified")
        if share.boot != "booted":
            return share
        runs = ", ".join(f"{component} is {version or 'not reported'}" for component, version in others.items())
        return changed(share, boot="", reached="ACTIVATION_FAILURE", why=f"after the reboot {runs}")

    was_booted = any(share.boot in ("booted", "returned") for share in shares_of(operation, event.domain))
    operation = with_shares(operation, event.domain, one)
    forgets = was_booted and event.domain not in conduct.keeps
    return _asked_again(operation, [event.domain]) if forgets else Step(operation, ())


def _answered(operation: Operation, event: Answered, conduct: Conduct) -> Step:
    """An answer counts for the question that is open, and once (B-13)."""
    if not operation.question or event.command != operation.question:
        return Step(operation, ())
    if event.approved:
        approved = changed(operation, question="", approved=(*operation.approved, event.command))
        return Step(approved, (WithdrawQuestion(),))
    return _refused(operation, event.why or f"the owner has refused {event.command}", conduct)


def _refused(operation: Operation, why: str, conduct: Conduct) -> Step:
    asked = operation.question

    def one(group: Group) -> Group:
        waits = wanted_consent(group, operation, conduct) == asked
        return taken_back(group, why) if waits and not group.back else group

    return Step(changed(with_groups(operation, one), question=""), (WithdrawQuestion(),))


def _elapsed(operation: Operation, timer: Timer, conduct: Conduct) -> Step:
    silent = f"its agent did not answer within {timer.seconds:g} s"
    match timer.kind:
        case "identification":
            effects: list[Effect] = []
            for part in operation.parts:
                if part.asks and part.again and operation.groups:
                    operation = with_part(operation, part.domain, asks=False)
                    effects.append(SendSlice(part.domain))
                elif part.asks:
                    operation = with_feedback(
                        operation, AgentFeedback(part.domain, "IDENTIFICATION_FAILED", message=silent)
                    )
                    operation = with_part(operation, part.domain, silent=True)
            return Step(operation, tuple(effects))
        case "phase":
            return Step(_timed_out(operation, timer), ())
        case "boot":
            why = f"{silent}, after the reboot"

            def unverified(share: Share) -> Share:
                if share.boot == "returned":
                    return changed(share, boot="", stuck=share.stuck or why)
                return (
                    changed(share, boot="", reached="ACTIVATION_FAILURE", why=why) if share.boot == "booted" else share
                )

            operation = with_shares(operation, timer.about, unverified)
        case "silence":
            return Step(operation, (AskState(timer.about),))
        case "settle":
            well = all(share.reached == "CLEANUP_SUCCESS" for share in shares_of(operation, timer.about))
            backs = any(group.back for group in operation.groups if any(s.domain == timer.about for s in group.shares))
            end = "COMPLETED" if well and not backs else "INCOMPLETE"
            operation = with_part(operation, timer.about, end=end)
        case "consent":
            if timer.about == operation.question:
                return _refused(operation, f"the owner did not answer within {timer.seconds:g} s", conduct)
    return Step(operation, ())


def _timed_out(operation: Operation, timer: Timer) -> Operation:
    """Every share of a group that has not answered its command in time."""

    def one(group: Group) -> Group:
        def late(share: Share) -> Share:
            if not share.command or timer.about != phase_of(share.command, group):
                return share
            why = f"no answer to {share.command} within {timer.seconds:g} s"
            return failed(share, FAILURES[share.command], why)

        return changed(group, shares=tuple(map(late, group.shares)))

    return with_groups(operation, one)


def _taken_back(operation: Operation, why: str) -> Operation:
    """Every group goes back that is not over."""

    def one(group: Group) -> Group:
        is_done = group.opened == "CLEANUP" or all(share.reached in CLEANED for share in group.shares)
        return group if group.back or is_done else taken_back(group, why)

    return with_groups(operation, one)


def _unsent(operation: Operation, domain: str, why: str) -> Operation:
    part = operation.part(domain)
    if part is not None and part.asks:
        return with_feedback(operation, AgentFeedback(domain, "IDENTIFICATION_FAILED", message=why))
    return with_shares(operation, domain, lambda s: failed(s, FAILURES[s.command], why) if s.command else s)


# ── beginning anew ─────────────────────────────────────────────────────────────────────────────────────────────────


def _asked_again(operation: Operation, domains: Sequence[str]) -> Step:
    """Agents that may have forgotten the operation get their slices again.

    One that says how far it is goes on from there. Kanto's and evenkeel's say IDENTIFIED, whatever they have done, and refuse
    all but DOWNLOAD then (container-management.md §2.5; what is there already takes no time). Leda's passes over a desired
    state while it is busy, and waits for its next command (self-update-agent.md §4.1): one that has been asked in vain
    (`identification`) gets the command after what it said last. Before that it gets its slice once more, because the question
    for the current state that comes with a new connection wipes its target (§4.2).
    """
    effects: list[Effect] = []
    for domain in domains:
        part = operation.part(domain)
        if part is None or part.end or part.failed:
            continue
        if any(share.boot in ("booted", "returned") for share in shares_of(operation, domain)):
            effects.append(AskState(domain))
            continue
        operation = with_part(operation, domain, asks=True, again=True)
        operation = with_shares(operation, domain, lambda share: changed(share, command="", heard=False))
        effects.append(SendSlice(domain))
    return Step(operation, tuple(effects))


def _resumed(operation: Operation, conduct: Conduct, *, rebooted: bool) -> Step:
    """The manager has begun anew. Its messages and those for it are kept, by the journal and by the broker; so only what was at
    work on this device alone is begun again. A reboot of the device may be one of its neighbours, too."""
    operation = with_groups(operation, lambda group: changed(group, unmet=NOT_EVALUATED if group.preconditions else ""))
    question: tuple[Effect, ...] = (AskOwner(operation.question),) if operation.question else ()
    if not rebooted:
        due = tuple(dict.fromkeys(s.domain for g in operation.groups for s in g.shares if s.boot in ("due", "back")))
        return Step(operation, (Reboot(due),) if operation.reboots else question)
    operation, asks = after_boot(operation)
    asked = _asked_again(operation, [part.domain for part in operation.parts if part.domain not in conduct.keeps])
    return Step(asked.operation, (*dict.fromkeys((*asks, *asked.effects)), *question))
