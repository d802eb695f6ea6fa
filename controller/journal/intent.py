"""Changes of the desired state, each as one write with its consequences for the conditions."""

from __future__ import annotations

from evenkeel.controller.journal.journal import Journal, Role
from evenkeel.specs.desired import DesiredState, composed
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


def with_messages(journal: Journal, files: DesiredState) -> DesiredState | None:
    """The desired state of the device when the files ask for `files`. A domain with a message in force is desired as
    the message asks (docs/adr/0007). If the message cannot be read, the domain's part of the desired state counts;
    `None` when that cannot be read, either."""
    state = files
    for domain in journal.overruled():
        part = journal.readable_revision("message", domain)
        if part is None:
            desired = journal.readable_revision("desired")
            if desired is None:
                return None
            part = desired.part(domain)
        state = composed(state, domain, part)
    return state


def files_in_force(journal: Journal, files: DesiredState) -> bool:
    """From now on the files ask for this; True when something new is desired by that."""
    state = with_messages(journal, files)
    if state is None:
        return False
    origins = (journal.origin("message", domain) for domain in journal.overruled())
    newest = next((origin for origin in origins if origin is not None), None)
    if newest is None:
        return put_in_force(journal, state, "files")
    return put_in_force(journal, state, newest.source, newest.activity)


def message_in_force(journal: Journal, domain: str, part: DesiredState, source: str, activity: str) -> bool:
    """Put a message in force: from now on it asks for this part of the desired state. True when that is new."""
    journal.put("message", part, source, activity, domain)
    return put_in_force(journal, composed(_others(journal), domain, part), source, activity)


def _others(journal: Journal) -> DesiredState | None:
    """The desired state of all domains, as far as it can be read."""
    return journal.readable_revision("desired") or journal.readable_revision("files")


def files_before(journal: Journal) -> DesiredState | None:
    """The files' desired state from before. Where it cannot be read, the desired state or last-good stands for it,
    because each document knows its file."""
    roles: tuple[Role, ...] = ("files", "desired", "last-good")
    found = (journal.readable_revision(role) for role in roles)
    return next((state for state in found if state is not None), None)
