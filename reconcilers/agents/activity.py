"""The decisions of an update agent: allow or refuse a command, mark progress, end a command. Pure.

The order of commands and every text that travels on the wire are those of Kanto's agent (container-management.md §2.2 to
§2.5), except where the original is wrong: a rollback is allowed after every failure, one machine for each baseline serves
commands to one and to all alike, and COMPLETED speaks for all baselines (defects A1, B7, B18; docs/compatibility.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.agents.commands import (
    ALSO_AFTER,
    ENDED_WELL,
    HAS_ENDED,
    PHASES,
    ROLLBACK_TEXT,
    WAY,
    CommandStatuses,
)
from evenkeel.specs.codec import changed
from evenkeel.specs.kanto.activity import ActionStatus, Activity, ActivityAction, Baseline, Command, Status


class Refusal(NamedTuple):
    """The refusal of a command, in the words of the original."""

    status: Status
    message: str


def addressed(activity: Activity, title: str) -> tuple[Baseline, ...]:
    """The open baselines with this title; "" and "*" address all."""
    return tuple(b for b in activity.baselines if not b.closed and title in ("", "*", b.title))


def begin(activity: Activity, command: Command, title: str) -> Activity | Refusal:
    """The activity with the command at work in the baselines that allow it, or the refusal (§2.4). A command for all
    skips baselines that are further, because they have had the command. Every baseline with something to do must have
    reached the status before the command: the success of the command is reported for all of them."""
    phase = PHASES[command]
    concerned = addressed(activity, title)
    if not concerned:
        return Refusal(phase.refused, f"Unknown baseline {title}")
    allowed_after = (*phase.allowed_after, *ALSO_AFTER.get((activity.wire, command), ()))
    ready = {b.title for b in concerned if not allowed_after or b.status in allowed_after}
    behind = _behind(activity, concerned, phase)
    if not ready or behind:
        statuses = "|".join(_published(phase.allowed_after))
        lag = "".join(f"; {b.title} is {b.status}" for b in behind) if ready else ""
        return Refusal(phase.refused, f"{command} is possible only after status {statuses} is reported{lag}")
    return changed(
        activity,
        command=command,
        addressed=title,
        baselines=tuple(
            changed(b, status=phase.working, proven=b.proven and command != "ROLLBACK")
            if b.title in ready and command != "CLEANUP"
            else b
            for b in activity.baselines
        ),
    )


def _behind(activity: Activity, concerned: Sequence[Baseline], phase: CommandStatuses) -> list[Baseline]:
    """The baselines with something to do that have not reached the status before this command."""
    if len(phase.allowed_after) != 1:  # ROLLBACK and CLEANUP are allowed from any status
        return []
    acting = {action.subject for action in activity.actions}
    begins = WAY.index(phase.allowed_after[0])
    return [b for b in concerned if acting.intersection(b.subjects) and WAY.index(b.status) < begins]


def at_work(activity: Activity) -> tuple[Baseline, ...]:
    """The baselines in which the command at work is carried out."""
    if not activity.command:
        return ()
    concerned = addressed(activity, activity.addressed)
    if activity.command == "CLEANUP":
        return concerned
    return tuple(b for b in concerned if b.status == PHASES[activity.command].working)


def to_do(activity: Activity) -> tuple[ActivityAction, ...]:
    """The actions that the command at work concerns and that have not ended, in their order."""
    if not activity.command:
        return ()
    phase = PHASES[activity.command]
    subjects = {subject for baseline in at_work(activity) for subject in baseline.subjects}
    return tuple(
        action
        for action in activity.actions
        if action.subject in subjects and action.kind in phase.concerns and action.status != _ended(phase, action)
    )


def _ended(phase: CommandStatuses, action: ActivityAction) -> ActionStatus | None:
    """The status of an action that has ended this phase. The status of a rollback does not count, so a rollback is done
    again."""
    return phase.action_well if phase.action_well != "UPDATE_FAILURE" else None


def to_roll_back(activity: Activity) -> tuple[ActivityAction, ...]:
    """The actions whose rollback has not been reported as successful."""
    return tuple(
        action
        for action in to_do(activity)
        if (action.status, action.message) != ("UPDATE_FAILURE", rolled_back_text(action))
    )


def is_begun(action: ActivityAction) -> bool:
    """Whether any phase has begun for an action."""
    return action.begun or action.status != "IDENTIFIED"


def is_rollback_told(activity: Activity, action: ActivityAction) -> bool:
    """Whether the rollback of an action is reported. An action that was not begun, or whose content could not be
    fetched, has changed nothing: its status and its message stay true. The original reports the rollback of an update
    that was not begun after a successful download."""
    if action.status == "DOWNLOAD_FAILURE" or is_begun(action):
        return action.status != "DOWNLOAD_FAILURE"
    return action.kind == "update" and not any(
        _update_failure(a) or a.status == "DOWNLOAD_FAILURE" for a in activity.actions
    )


def is_cut_short(activity: Activity, by: Command) -> bool:
    """Whether a waiting command for the baselines at work cuts short the command at work. Any such command does while the
    command at work waits for trouble to pass; otherwise only a command that gives up the work. Other commands may be sent
    together, and wait for their turn. A clean-up is always finished."""
    if activity.command == "CLEANUP":
        return False
    if any(action.waits_for for action in activity.actions):
        return True
    gives_up = {"DOWNLOAD": ("ROLLBACK", "CLEANUP"), "UPDATE": ("ROLLBACK", "CLEANUP"), "ACTIVATE": ("ROLLBACK",)}
    return by in gives_up.get(activity.command, ())


def is_about_work(activity: Activity, title: str) -> bool:
    """Whether a command for these baselines is about some that are at work."""
    working = {baseline.title for baseline in at_work(activity)}
    return any(baseline.title in working for baseline in addressed(activity, title))


def rolled_back_text(action: ActivityAction) -> str:
    """The text of a rollback. After a failed activation, the text is the original's alone."""
    why = _update_failure(action)
    return f"{ROLLBACK_TEXT[action.kind]} It had failed: {why}" if why else ROLLBACK_TEXT[action.kind]


def _update_failure(action: ActivityAction) -> str:
    return action.failure if action.failed_at in ("", "UPDATE") else ""


def settle_content(activity: Activity, subject: str, digest: str) -> Activity:
    """The activity with this digest as the content of one action's image."""
    return _with(activity, subject, lambda action: changed(action, digest=digest))


def mark(
    activity: Activity, subject: str, status: ActionStatus, message: str | None = None, progress: int = 0
) -> Activity:
    """The activity with another status of one action. Without `message` the action keeps its message."""
    return _with(
        activity,
        subject,
        lambda action: changed(
            action,
            status=status,
            message=action.message if message is None else message,
            progress=progress,
            waits_for="",
        ),
    )


def measure(activity: Activity, subject: str, progress: int, size: int) -> Activity:
    """The activity in which one action has this progress in per cent, and this many bytes to fetch (0: not known)."""
    return _with(activity, subject, lambda action: changed(action, progress=progress, size=size or action.size))


def wait(activity: Activity, subject: str, why: str) -> Activity:
    """The activity in which one action waits for trouble to pass. `why`: the trouble, "" when it has passed."""
    return _with(activity, subject, lambda action: changed(action, waits_for=why))


def fail(activity: Activity, subject: str, why: str) -> Activity:
    """The activity after the command at work failed at one action, which keeps its progress. The command has ended."""
    assert activity.command
    reached = next(action.progress for action in activity.actions if action.subject == subject)
    failed = mark(activity, subject, PHASES[activity.command].action_badly, why, reached)
    return finish(_with(failed, subject, _failing(activity.command, why)), well=False)


def _failing(command: Command, why: str) -> Callable[[ActivityAction], ActivityAction]:
    """A change of an action that records its first failure; later failures are not recorded."""
    return lambda action: action if action.failure else changed(action, failure=why, failed_at=command)


def cut_short(activity: Activity, by: str) -> Activity:
    """The activity after a later command cut short the command at work."""
    waiting = next((action for action in activity.actions if action.waits_for), next(iter(to_do(activity)), None))
    if waiting is None:
        return finish(activity, well=False)
    return fail(activity, waiting.subject, waiting.waits_for or f"cut short by {by}")


def _with(activity: Activity, subject: str, change: Callable[[ActivityAction], ActivityAction]) -> Activity:
    return changed(activity, actions=tuple(change(a) if a.subject == subject else a for a in activity.actions))


def end_well(activity: Activity, action: ActivityAction, *, ended: bool = False) -> Activity:
    """The activity after one action ended the command at work well. `ended`: the container's process has ended."""
    assert activity.command
    phase = PHASES[activity.command]
    if ended and activity.command == "ACTIVATE" and action.kind == "check":
        return mark(activity, action.subject, phase.action_well, HAS_ENDED)
    if activity.command == "ROLLBACK":
        return mark(activity, action.subject, "UPDATE_FAILURE", rolled_back_text(action))
    if activity.command == "CLEANUP" and action.kind != "destroy":
        return wait(activity, action.subject, "")
    return mark(activity, action.subject, phase.action_well, ENDED_WELL.get((activity.command, action.kind)))


def finish(activity: Activity, *, well: bool) -> Activity:
    """The activity after its command ended: baselines have their terminal status, closed ones their verdict."""
    assert activity.command
    phase = PHASES[activity.command]
    titles = {baseline.title for baseline in at_work(activity)}
    left_over = {action.subject for action in activity.actions if action.status == "REMOVAL_FAILURE"}
    done = []
    for baseline in activity.baselines:
        if baseline.title not in titles:
            done.append(baseline)
        elif activity.command == "CLEANUP":
            activated = is_activated(baseline) or not baseline.subjects
            good = activated and not left_over.intersection(baseline.subjects)
            done.append(changed(baseline, closed=True, good=good))
        else:
            status = phase.well if well else phase.badly
            done.append(changed(baseline, status=status, proven=baseline.proven and well))
    return changed(activity, baselines=tuple(done), command="", addressed="")


def break_off(activity: Activity, why: str) -> tuple[Status, Activity]:
    """The status after a command broke, and the activity in which its unfinished actions have failed."""
    command = activity.command
    assert command
    phase = PHASES[command]
    for action in to_do(activity):
        activity = mark(activity, action.subject, phase.action_badly, why)
        activity = _with(activity, action.subject, _failing(command, why))
    return phase.badly, finish(activity, well=False)


def is_over(activity: Activity) -> bool:
    """Whether every baseline was cleaned up, or there was nothing to do from the beginning."""
    return not activity.actions or all(baseline.closed for baseline in activity.baselines)


def is_activated(baseline: Baseline) -> bool:
    """Whether the target of a baseline is at work and proven. A proof from before the activity was begun again counts,
    too."""
    return baseline.status == "ACTIVATION_SUCCESS" or baseline.proven


def _published(statuses: Sequence[Status]) -> Sequence[Status]:
    """The statuses that the original names in a refusal, without evenkeel's own."""
    original = ("DOWNLOAD_SUCCESS", "UPDATE_SUCCESS", "ACTIVATION_FAILURE", "ACTIVATION_SUCCESS")
    return [status for status in statuses if status in original] if len(statuses) > 1 else statuses


def next_alone(activity: Activity) -> Command:
    """The next command of an agent without a commander: every phase for all, and back when one fails."""
    statuses = {baseline.status for baseline in activity.baselines if not baseline.closed}
    if any(status.endswith("_FAILURE") and status != "ROLLBACK_FAILURE" for status in statuses):
        return "ROLLBACK"
    commands: tuple[Command, ...] = ("DOWNLOAD", "UPDATE", "ACTIVATE")
    for command in commands:
        if statuses.intersection(PHASES[command].allowed_after):
            return command
    return "CLEANUP"
