"""The names that commands know from the journal alone. They tell a mistyped name from a subject of which there is nothing to
say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from evenkeel.controller.journal.journal import Journal, Role
    from evenkeel.specs.desired import DesiredState

_ROLES: tuple[Role, ...] = ("desired", "last-good", "files")
_MOST = 10


def revisions(journal: Journal) -> tuple[DesiredState, ...]:
    """The revisions that are, or were last, asked for, as far as they can be read."""
    states = [journal.readable_revision(role) for role in _ROLES]
    messages = (journal.readable_revision("message", domain) for domain in journal.overruled())
    return tuple(state for state in (*states, *messages) if state is not None)


def known_names(journal: Journal) -> frozenset[str]:
    """The names of subjects that are asked for, that have failed, or that entries are about, over all domains. The
    engines are not asked."""
    from evenkeel.controller.cli.history import Wanted, entries

    names = {each.subject for each in entries(journal, 0, Wanted(""))[0]}
    names.update(each.subject for each in journal.failures.all())
    for state in revisions(journal):
        names.update(name for _, name in state.subjects())
        names.update(state.system_containers())
    return frozenset(names - {""})


def known_of(journal: Journal, domain: str) -> frozenset[str]:
    """The names of subjects that one domain is asked for, or that entries of the domain are about."""
    from evenkeel.controller.cli.history import Wanted, entries

    names = {each.subject for each in entries(journal, 0, Wanted("", domain=domain))[0]}
    return asked_of(journal, domain) | names - {""}


def asked_of(journal: Journal, domain: str) -> frozenset[str]:
    """The names of subjects that one domain is asked for."""
    return frozenset(name for state in revisions(journal) for of, name in state.subjects() if of == domain)


def unknown_text(name: str, known: Collection[str]) -> str:
    """That nothing is known of a name, with the one that may be meant, or some that are known."""
    from evenkeel.reconcilers.counted import listed
    from evenkeel.specs.problem import likely

    text = "no entry is about it, and nothing that is in force asks for it"
    if near := likely(name, known):
        return f"{text}; {near}"
    return f"{text}; known are {listed(known, _MOST)}" if known else text
