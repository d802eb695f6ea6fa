"""Changes of the desired state, each as one write with its consequences for the conditions."""

from __future__ import annotations

from evenkeel.controller.journal.journal import Journal, Role
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Condition


def put_in_force(journal: Journal, state: DesiredState | None, source: str, activity: str = "") -> bool:
    """From now on this is desired, `None` for nothing; True when that is new. For another revision the condition
    `Settled` begins anew."""
    with journal.at_once():
        known = journal.digest("desired")
        if state is None:
            is_new = journal.drop("desired")
            unsettled = Condition("Settled", False, "NothingDesired", "nothing is asked for any more")
        else:
            is_new = journal.put("desired", state, source, activity)
            unsettled = Condition("Settled", False, "Converging", "a new revision was accepted")
        if known != (state.digest if state is not None else ""):
            journal.set_condition(unsettled)
    return is_new


def files_before(journal: Journal) -> DesiredState | None:
    """The files' desired state from before. Where it cannot be read, the desired state or last-good stands for it,
    because each document knows its file."""
    roles: tuple[Role, ...] = ("files", "desired", "last-good")
    found = (journal.readable_revision(role) for role in roles)
    return next((state for state in found if state is not None), None)
