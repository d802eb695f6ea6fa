"""The clean-up of an activity and its end: components are kept, taken back or confirmed, and the activity gets its
verdict. Pure."""

from __future__ import annotations

from evenkeel.reconcilers.agents.activity import at_work, is_activated, mark, rolled_back_text
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


def failed_first(activity: Activity) -> str:
    """The first subject that could not be activated; "" when none failed."""
    return next((action.subject for action in activity.actions if action.status == "ACTIVATION_FAILURE"), "")


def taken_back(activity: Activity, subject: str, failed: str) -> Activity:
    """The activity after a clean-up restored the state before a subject. `failed`: the subject for which its baseline
    was not activated, "" when there is none."""
    action = _action(activity, subject)
    if action.status != "ACTIVATION_SUCCESS":
        return activity
    why = f", because {failed} failed" if failed else ""
    return mark(activity, subject, "ACTIVATION_FAILURE", f"It was activated, and was taken back{why}.")


def left_over(activity: Activity, subject: str, why: str) -> Activity:
    """The activity in which the old instance of a subject could not be removed. Its successor is at work all the
    same."""
    action = _action(activity, subject)
    text = f"{action.message} The old container instance could not be removed, and is tried again: {why}"
    return mark(activity, subject, action.status, text)


def confirmed_good(activity: Activity) -> tuple[ActivityAction, ...]:
    """The actions that an end as COMPLETED covers, without removals."""
    good = {subject for baseline in activity.baselines if baseline.good for subject in baseline.subjects}
    return tuple(action for action in activity.actions if action.subject in good and action.kind != "destroy")


def is_confirmed(activity: Activity) -> bool:
    """Whether all activated components were found well when they were cleaned up, and since."""
    acting = {action.subject for action in activity.actions}
    return all(b.good for b in activity.baselines if is_activated(b) and acting.intersection(b.subjects))


def leave_unconfirmed(activity: Activity, subject: str, why: str) -> Activity:
    """The activity in which a component that was cleaned up well could not be looked at: it stays in force, but is not
    complete."""
    activity = mark(activity, subject, "REMOVAL_FAILURE", why)
    return changed(
        activity,
        baselines=tuple(changed(b, good=False) if subject in b.subjects else b for b in activity.baselines),
    )


def leave_all_unconfirmed(activity: Activity, why: str) -> Activity:
    """The activity in which no component that was cleaned up well could be looked at."""
    for action in confirmed_good(activity):
        activity = leave_unconfirmed(activity, action.subject, why)
    return activity


def revoke(activity: Activity, subject: str, why: str) -> Activity:
    """The activity in which a component that was cleaned up well is not well after all."""
    activity = mark(activity, subject, "ACTIVATION_FAILURE", why)
    return changed(
        activity,
        baselines=tuple(
            changed(b, status="ACTIVATION_FAILURE", good=False, proven=False) if subject in b.subjects else b
            for b in activity.baselines
        ),
    )


def activated(activity: Activity) -> tuple[ActivityAction, ...]:
    """The activated actions of the baselines at work, without removals."""
    subjects = {s for b in at_work(activity) if is_activated(b) for s in b.subjects}
    return tuple(a for a in activity.actions if a.subject in subjects and a.kind != "destroy")


def verdict(activity: Activity) -> Status:
    """COMPLETED when every baseline was activated and cleaned up well; one without actions has nothing to fail at."""
    acting = {action.subject for action in activity.actions}
    idle = [b for b in activity.baselines if not acting.intersection(b.subjects)]
    return "COMPLETED" if all(b.good or b in idle for b in activity.baselines) else "INCOMPLETE"


def reasons(activity: Activity) -> tuple[str, ...]:
    """Why actions of an activity failed, in sentences: the command that failed first, with the consequences of this and
    other failures. That something was taken back is left out where the failure is known."""
    knows = any(action.failure for action in activity.actions)
    found = []
    for action in activity.actions:
        if not action.status.endswith("_FAILURE"):
            continue
        why = [f"{action.failed_at or 'UPDATE'} failed: {action.failure}"] if action.failure else []
        is_told = action.message == action.failure or (knows and action.message == rolled_back_text(action))
        if not is_told:
            why.append(action.message)
        if why:
            found.append(f"{action.subject}: {'; '.join(why)}")
    return tuple(found)


def undone(activity: Activity) -> tuple[ActivityAction, ...]:
    """Actions of the baselines at work that a clean-up has to take back, because they were not activated."""
    subjects = {s for b in at_work(activity) if not is_activated(b) for s in b.subjects}
    return tuple(a for a in activity.actions if a.subject in subjects and a.kind != "check")
