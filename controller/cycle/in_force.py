"""Which state cycles keep up, for whoever tells how it is beside a controller.

A check, a proof and an ailment mean something only against the state that is in force. Whoever looks by another state says
of a container what nobody acts on.
"""

from __future__ import annotations

from evenkeel.controller.journal.journal import Journal, Role


def role_in_force(journal: Journal) -> Role:
    """`last-good` once what is desired has failed and there is another state to go back to; else `desired`."""
    desired, good = journal.digest("desired"), journal.digest("last-good")
    attempt = journal.attempts.of(desired)
    is_given_up = attempt is not None and attempt.failed
    return "last-good" if is_given_up and good not in ("", desired) else "desired"
