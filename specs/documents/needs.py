"""Needs of documents for each other: containers that have to be there, or to end, before another one starts, and identities
that hand values out to containers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evenkeel.specs.containers.container import Container, runs_once
from evenkeel.specs.desired import Document
from evenkeel.specs.documents.cycles import cycles
from evenkeel.specs.documents.kinds import KINDS

Subject = tuple[str, str]
"""Domain and name."""


class Need(NamedTuple):
    """`document` needs the `subject`. `ends`: it waits for the end of that."""

    document: Document
    subject: Subject
    ends: bool

    @property
    def name(self) -> str:
        """The name of what is needed."""
        return self.subject[1]


def unmet_needs(documents: Iterable[Document]) -> Iterator[Need]:
    """Needs of these documents that none of them meets: nothing has the name, or it never ends."""
    known = _subjects(documents)
    for need in _needs(known.values()):
        found = known[need.subject].wanted if need.subject in known else None
        if found is None or (need.ends and not (isinstance(found, Container) and runs_once(found))):
            yield need


def needs_in_a_circle(documents: Iterable[Document]) -> Iterator[tuple[Document, ...]]:
    """Containers that need each other, so that none of them could start first."""
    containers = {name: each for (domain, name), each in _subjects(documents).items() if domain == Container.domain}
    needs: dict[str, list[str]] = {name: [] for name in containers}
    for need in _needs(containers.values()):
        if need.subject[0] == Container.domain:
            needs[need.document.name].append(need.name)
    for circle in cycles(needs):
        yield tuple(containers[name] for name in circle)


def _subjects(documents: Iterable[Document]) -> dict[Subject, Document]:
    return {(each.wanted.domain, each.name): each for each in documents if not each.is_rule}


def _needs(documents: Iterable[Document]) -> Iterator[Need]:
    for document in documents:
        for reference in KINDS[document.kind].refers(document.wanted):
            for name in reference.names if reference.is_need else ():
                yield Need(document, (reference.domain, name), name in reference.ends)
