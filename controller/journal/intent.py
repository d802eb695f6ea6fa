"""Changes of what is desired, each as one write with what it means for the conditions."""

from __future__ import annotations

from evenkeel.controller.journal.journal import Journal, Role
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Condition


def put_in_force(journal: Journal, state: DesiredState | None, source: str, activity: str = "") -> bool:
    """From now on this is desired, `None` for nothing; True when that is new. What was found of another revision says nothing
    of this one, until somebody has looked."""
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
    """What the files asked for before. Where that cannot be read, what is desired or last-good stands for it, because each
    document knows its file."""
    roles: tuple[Role, ...] = ("files", "desired", "last-good")
    found = (journal.readable_revision(role) for role in roles)
    return next((state for state in found if state is not None), None)
