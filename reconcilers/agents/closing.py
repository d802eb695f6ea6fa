"""The clean-up of an activity and its end: components are kept, taken back or confirmed, and the activity gets its
verdict. Pure."""

from __future__ import annotations

from evenkeel.reconcilers.agents.activity import at_work, is_activated, mark, rolled_back_text
from evenkeel.reconcilers.agents.commands import LEFTOVER_TEXT
from evenkeel.specs.codec import changed
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Status


def disprove(activity: Activity, subject: str, why: str) -> Activity:
    """The activity in which an activated component has turned out to be unwell."""
    return changed(
        mark(activity, subject, "ACTIVATION_FAILURE", why),
        baselines=tuple(
            changed(b, status="ACTIVATION_FAILURE", proven=False) if subject in b.subjects and is_activated(b) else b
            for b in activity.baselines
        ),
    )


def _action(activity: Activity, subject: str) -> ActivityAction:
    return next(action for action in activity.actions if action.subject == subject)


def first_failure(activity: Activity) -> str:
    """The first subject that could not be activated; "" when none failed."""
    return next((action.subject for action in activity.actions if action.status == "ACTIVATION_FAILURE"), "")


def take_back(activity: Activity, subject: str, failed: str) -> Activity:
    """The activity after a clean-up restored the state before a subject. `failed`: the subject for which its baseline
    was not activated, "" when there is none."""
    action = _action(activity, subject)
    if action.status != "ACTIVATION_SUCCESS":
        return activity
    why = f", because {failed} failed" if failed else ""
    return mark(activity, subject, "ACTIVATION_FAILURE", f"It was activated, and was taken back{why}.")


def keep_leftover(activity: Activity, subject: str, why: str) -> Activity:
    """The activity in which something of a subject could not be removed, such as its old instance. Its successor is at work."""
    action = _action(activity, subject)
    left = LEFTOVER_TEXT.get(action.kind, "The old container instance could not be removed, and is tried again: ")
    return mark(activity, subject, action.status, f"{action.message} {left}{why}")


def confirmed_actions(activity: Activity) -> tuple[ActivityAction, ...]:
    """The actions that the end COMPLETED confirms, without removals."""
    good = {subject for baseline in activity.baselines if baseline.good for subject in baseline.subjects}
    return tuple(action for action in activity.actions if action.subject in good and action.kind != "destroy")


def is_confirmed(activity: Activity) -> bool:
    """Whether all activated components were well at the clean-up, and have been since."""
    acting = {action.subject for action in activity.actions}
    return all(b.good for b in activity.baselines if is_activated(b) and acting.intersection(b.subjects))


def leave_unconfirmed(activity: Activity, subject: str, why: str) -> Activity:
    """The activity in which a component could not be looked at after its clean-up ended well. The component stays in
    force, but is not complete."""
    activity = mark(activity, subject, "REMOVAL_FAILURE", why)
    return changed(
        activity,
        baselines=tuple(changed(b, good=False) if subject in b.subjects else b for b in activity.baselines),
    )


def leave_all_unconfirmed(activity: Activity, why: str) -> Activity:
    """The activity in which no component could be looked at after its clean-up ended well."""
    for action in confirmed_actions(activity):
        activity = leave_unconfirmed(activity, action.subject, why)
    return activity


def revoke(activity: Activity, subject: str, why: str) -> Activity:
    """The activity in which a component has turned out to be unwell after its clean-up ended well."""
    activity = mark(activity, subject, "ACTIVATION_FAILURE", why)
    return changed(
        activity,
        baselines=tuple(
            changed(b, status="ACTIVATION_FAILURE", good=False, proven=False) if subject in b.subjects else b
            for b in activity.baselines
        ),
    )


def activated_actions(activity: Activity) -> tuple[ActivityAction, ...]:
    """The activated actions of the baselines at work, without removals."""
    subjects = {s for b in at_work(activity) if is_activated(b) for s in b.subjects}
    return tuple(a for a in activity.actions if a.subject in subjects and a.kind != "destroy")


def verdict(activity: Activity) -> Status:
    """COMPLETED when every baseline was activated and cleaned up well. Baselines without actions count as such."""
    acting = {action.subject for action in activity.actions}
    idle = [b for b in activity.baselines if not acting.intersection(b.subjects)]
    return "COMPLETED" if all(b.good or b in idle for b in activity.baselines) else "INCOMPLETE"


def reasons(activity: Activity) -> tuple[str, ...]:
    """The reasons of an activity's failed actions, as sentences: for each action the command that failed first, then
    the consequences of this and other failures. The text of a rollback is left out where a failure is known."""
    has_failure = any(action.failure for action in activity.actions)
    sentences = []
    for action in activity.actions:
        if not action.status.endswith("_FAILURE"):
            continue
        why = [f"{action.failed_at or 'UPDATE'} failed: {action.failure}"] if action.failure else []
        is_repetition = action.message == action.failure or (has_failure and action.message == rolled_back_text(action))
        if not is_repetition:
            why.append(action.message)
        if why:
            sentences.append(f"{action.subject}: {'; '.join(why)}")
    return tuple(sentences)


def unactivated_actions(activity: Activity) -> tuple[ActivityAction, ...]:
    """Actions of the baselines at work that were not activated: a clean-up has to take them back."""
    subjects = {s for b in at_work(activity) if not is_activated(b) for s in b.subjects}
    return tuple(a for a in activity.actions if a.subject in subjects and a.kind != "check")
