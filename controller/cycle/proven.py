"""The proven part of a revision that failed where there is nothing to go back to.

Such a revision is not tried again. Its proven subjects are kept up all the same, because a device without a last-good
state would else lose its containers one by one. Their names are stored, because a subject that is being repaired is not
proven. They are the state in the role `proven` of the journal, whose source is the digest of the failed revision.
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
    """Record the proven subjects of a failed revision, by a look."""
    memory = journal.memories.of(reconciler.memory)
    differences = reconciler.diff(reconciler.select(failed), seen, memory)
    want = reconciler.select(failed)
    names = want.subjects.keys() - unfinished(reconciler.plan(differences, seen, memory))
    proven = desired_state(documents_of(failed, want, names))
    journal.put("proven", proven, failed.digest, domain=reconciler.domain)


def proven_in(journal: Journal, domain: str, digest: str) -> DesiredState | None:
    """The proven subjects of a domain in the failed revision of this digest; `None` when they were not recorded."""
    origin = journal.origin("proven", domain)
    is_of_it = origin is not None and origin.source == digest
    return journal.readable_revision("proven", domain) if is_of_it else None


def kept_text(*proven: DesiredState | None) -> str:
    """The text about the subjects that are kept up after a failure with nothing to go back to, from the proven subjects
    of each domain."""
    names = sorted(each.name for state in proven if state is not None for each in state.documents)
    return f"what was proven in it is kept up ({listed(names)})" if names else "nothing is done about it"
