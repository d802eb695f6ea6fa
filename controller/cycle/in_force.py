"""The state that cycles keep up, for commands that report the device without a controller.

A check, a proof and an ailment mean something only against the state in force. A report against another state would
name trouble on which no cycle acts.
"""

from __future__ import annotations

from evenkeel.controller.journal.attempts import GROUPS
from evenkeel.controller.journal.journal import Journal, Role
from evenkeel.reconcilers.transaction.groups import groups, has_groups
from evenkeel.specs.desired import DesiredState


def role_in_force(journal: Journal) -> Role:
    """`last-good` once the desired state, or a group of it, has failed and there is another state to go back to; else
    `desired`."""
    desired, good = journal.digest("desired"), journal.digest("last-good")
    attempt, part = journal.attempts.of(desired), journal.origin("part")
    is_in_part = part is not None and part.source == desired and journal.digest("part") == good
    is_given_up = (attempt is not None and attempt.failed) or is_in_part
    return "last-good" if is_given_up and good not in ("", desired) else "desired"


def failed_groups(journal: Journal, asked: DesiredState | None = None) -> dict[str, str]:
    """The groups of the desired state, or of what is `asked` instead, that have failed and are not tried again, with the
    reasons; and those that cannot be as asked while these are as they were."""
    failed = journal.attempts.rejected(GROUPS)
    desired = (asked or journal.readable_revision("desired")) if failed else None
    if desired is None or not has_groups(desired):
        return {}
    found = groups(desired, journal.readable_revision("last-good"))
    own = {group: failed[key] for group, key in found.changed().items() if key in failed}
    return own | found.along(own)
