"""Whether a domain has nothing to do at all, so that it is not even looked at."""

from __future__ import annotations

from collections.abc import Callable

from evenkeel.controller.journal.journal import Journal
from evenkeel.reconcilers.ports import Reconciler, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState


def is_idle(
    reconciler: Reconciler[Want, Seen, Remembered],
    journal: Journal,
    desired: DesiredState,
    last_good: Callable[[], DesiredState | None],
) -> bool:
    """Whether nothing is asked of the domain, and nothing has to be taken back in it. A `last_good` that cannot be read may ask
    for something."""
    wants, memory = [reconciler.select(desired)], journal.memories.of(reconciler.memory)
    if not reconciler.is_idle(wants, memory):
        return False
    good = last_good()
    if good is None:
        return not journal.digest("last-good")
    return reconciler.is_idle([*wants, reconciler.select(good)], memory)
