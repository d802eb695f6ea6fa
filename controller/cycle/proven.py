"""What was proven in a revision that failed where there is nothing to go back to.

That revision is not tried again. What stands of it is kept up all the same, for a device without a last-good state would else
lose, one by one, the containers that it has. Which these are is remembered, because one that is being put up again is
not proven: the state in the role `proven` of the journal, whose source is the digest of the failed revision.
"""

from __future__ import annotations

from evenkeel.controller.journal.journal import Journal
from evenkeel.reconcilers.counted import listed
from evenkeel.reconcilers.fold import unfinished
from evenkeel.reconcilers.ports import Reconciler, Remembered, Seen, Want
from evenkeel.reconcilers.wanted import documents_of
from evenkeel.specs.desired import DesiredState, desired_state


def remember_proven(
    journal: Journal, reconciler: Reconciler[Want, Seen, Remembered], failed: DesiredState, seen: Seen
) -> None:
    """Record what stands of a failed revision, by a look."""
    memory = journal.memories.of(reconciler.memory)
    differences = reconciler.diff(reconciler.select(failed), seen, memory)
    want = reconciler.select(failed)
    names = want.subjects.keys() - unfinished(reconciler.plan(differences, seen, memory))
    proven = desired_state(documents_of(failed, want, names))
    journal.put("proven", proven, failed.digest, domain=reconciler.domain)


def proven_in(journal: Journal, domain: str, digest: str) -> DesiredState | None:
    """What of a domain was proven in the failed revision of this digest; `None` when that was not recorded."""
    origin = journal.origin("proven", domain)
    is_of_it = origin is not None and origin.source == digest
    return journal.readable_revision("proven", domain) if is_of_it else None


def kept_text(*proven: DesiredState | None) -> str:
    """What is done although a revision failed, where there is nothing to go back to, by what was proven in each domain."""
    names = sorted(each.name for state in proven if state is not None for each in state.documents)
    return f"what was proven in it is kept up ({listed(names)})" if names else "nothing is done about it"
