"""The names that commands know from the journal alone. They tell a mistyped name from a container of which there is nothing to
say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from evenkeel.controller.journal.journal import Journal, Role

_ROLES: tuple[Role, ...] = ("desired", "last-good", "files")
_MOST = 10


def known_names(journal: Journal) -> frozenset[str]:
    """The names of what is asked for, of what has failed, and of what entries are about. The engine is not asked."""
    from evenkeel.controller.cli.history import Wanted, entries

    names: set[str] = {each.subject for each in entries(journal, 0, Wanted(""))[0]}
    names.update(each.subject for each in journal.failures.all())
    states = [journal.readable_revision(role) for role in _ROLES]
    for state in (*states, *(journal.readable_revision("message", domain) for domain in journal.overruled())):
        if state is not None:
            names.update(state.containers(), state.system_containers())
    return frozenset(names - {""})


def unknown_text(name: str, known: Collection[str]) -> str:
    """That nothing is known of a name, with the one that may be meant, or some that are known."""
    from evenkeel.reconcilers.counted import listed
    from evenkeel.specs.problem import likely

    text = "no entry is about it, and nothing that is in force asks for it"
    if near := likely(name, known):
        return f"{text}; {near}"
    return f"{text}; known are {listed(known, _MOST)}" if known else text
