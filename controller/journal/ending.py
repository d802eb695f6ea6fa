"""The end of an activity: its result is kept in force and is last-good, and its end is published, in one write.

The agent and an operator both end an activity here. The activated components are proven, and the others are as before
the activity, so there is no better state to go back to: no failure after the end takes back the published verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from evenkeel.controller.journal.intent import message_in_force
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.journal.mailbox import Mailbox
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.reconcilers.agents.closing import is_confirmed, reasons, verdict
from evenkeel.reconcilers.agents.in_force import is_target_in_force
from evenkeel.reconcilers.agents.wires import feedback
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Condition, Feedback, Refused
from evenkeel.specs.kanto.activity import Activity, Status, name_of
from evenkeel.specs.kanto.updateagent import feedback_bytes
from evenkeel.specs.visible import shortened

_REASONS = {
    "COMPLETED": "Completed",
    "INCOMPLETE": "Incomplete",
    "IDENTIFICATION_FAILED": "IdentificationFailed",
}


def end_activity(
    journal: Journal,
    mail: Mailbox,
    activity: Activity,
    how: Status | Literal[""],
    state: DesiredState,
    now_s: float,
    say: Callable[[Feedback], object],
    *,
    judged: bool = True,
) -> None:
    """End the open activity of a mailbox. Its activated components are desired from now on, even if the same once failed;
    the others are as before. Where nothing was activated, the desired state stays as it is, or becomes the state before if
    there is none.

    `state`: the state that stays in force because of it. `judged`: nobody but the agent has done anything meanwhile.
    Activated components become last-good only when all of them were looked at and found well; else cycles judge them.
    `how` is "" for an activity whose id goes on: nothing is published then, because it would be taken for the end of
    the activity that follows under this id.
    """
    with journal.at_once():
        if is_target_in_force(activity) and judged and is_confirmed(activity):
            if verdict(activity) != "COMPLETED":  # components that were taken back were not looked at
                message_in_force(journal, mail.domain, state, activity.topic, activity.id)
            journal.reach(state, activity.topic, activity.id, mail.domain)
        elif is_target_in_force(activity) or not journal.digest("desired"):
            message_in_force(journal, mail.domain, state, activity.topic, activity.id)
            journal.attempts.forgive(journal.digest("desired"))
        if not how:
            say(Feedback("activity", f"{name_of(activity.id)}: replaced by a newer desired state of the same activity"))
            mail.record(None)
            return
        because = f", {activity.because}" if activity.because else ""
        say(Feedback("activity", f"{name_of(activity.id)}: {how}{because}"))
        if how != "SUPERSEDED":
            failed = "; ".join(filter(None, [activity.because, *reasons(activity)])) if how != "COMPLETED" else ""
            tell_ended(journal, mail.domain, activity.id, how, failed)
        body = feedback_bytes(activity.id, int(now_s * 1000), feedback(activity, how, activity.because))
        mail.record(None, [Outgoing(f"{activity.topic}feedback", body)])


def tell_ended(journal: Journal, domain: str, id_: str, how: Status, why: str) -> None:
    """Let the status tell how the newest activity of a domain ended, also when the desired state is another's by then."""
    text = f"activity {name_of(id_)}: {how}" + (f", {why}" if why else "")
    # each end is news with a time of its own, also where it is like the last
    journal.drop_condition("ActivityCompleted", domain)
    journal.set_condition(Condition("ActivityCompleted", how == "COMPLETED", _REASONS[how], text, domain=domain))


def tell_refused(journal: Journal, domain: str, id_: str, why: str, now_s: float) -> None:
    """Let the status tell of a message that became no activity, beside the end of the newest activity: nothing in force
    failed by it, and it must not hide a failure."""
    none = Condition("ActivityCompleted", True, "NoneEnded", "no activity has ended yet", domain=domain)
    before = journal.condition("ActivityCompleted", domain) or none
    text = shortened(f"a desired state was refused: {name_of(id_)}: {why}")
    journal.set_condition(changed(before, refused=Refused(text, now_s)))


def forget_ended(journal: Journal, domain: str) -> None:
    """The state that came over MQTT was released: its end matters no more. A message that was refused since is still
    told of."""
    known = journal.condition("ActivityCompleted", domain)
    if known is None or known.refused is None:
        journal.drop_condition("ActivityCompleted", domain)
    else:
        text = "the desired state of the newest activity was released"
        journal.set_condition(changed(known, holds=True, reason="Released", message=text))
