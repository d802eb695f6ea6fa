"""The end of an activity: what it reached is kept in force, and how it ended is said, in one write.

Whoever ends it, the agent or an operator, ends it here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from evenkeel.controller.journal import Journal
from evenkeel.controller.mailbox import Outgoing
from evenkeel.reconcilers.activity import feedback
from evenkeel.reconcilers.in_force import in_force, reached
from evenkeel.specs.activity import Activity, Status, name_of
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.updateagent import feedback_bytes


def end_activity(
    journal: Journal,
    activity: Activity,
    how: Status | Literal[""],
    system: Sequence[str],
    now_s: float,
    say: Callable[[Feedback], object],
) -> None:
    """What was activated is desired from now on, even if the same once failed; what was not, is as it was before. Where
    nothing was activated, what is desired already has its say; and where nothing is, what was there before. `system`: the
    containers that the activity left alone. `how` is "" for an activity whose id goes on: nothing is published then, because
    whoever follows the id would take it for the end of what comes next."""
    with journal.at_once():
        if reached(activity) or not journal.digest("desired"):
            state = in_force(activity, system)
            journal.forgive(state.digest, images=False)
            journal.put("message", state, activity.topic, activity.id)
            journal.put("desired", state, activity.topic, activity.id)
        if not how:
            say(Feedback("activity", f"{name_of(activity.id)}: replaced by what came under the same activity"))
            journal.mail.record(None)
            return
        because = f", {activity.because}" if activity.because else ""
        say(Feedback("activity", f"{name_of(activity.id)}: {how}{because}"))
        body = feedback_bytes(activity.id, int(now_s * 1000), feedback(activity, how, activity.because))
        journal.mail.record(None, [Outgoing(f"{activity.topic}feedback", body)])
