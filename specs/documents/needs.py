"""Needs of documents for each other: containers that have to be there, or to end, before another one starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evenkeel.specs.containers.container import Container, runs_once
from evenkeel.specs.desired import Document
from evenkeel.specs.documents.cycles import cycles
from evenkeel.specs.documents.kinds import KINDS

_KIND = "Container"


class Need(NamedTuple):
    """`document` needs the container `name`. `ends`: it waits for the end of that."""

    document: Document
    name: str
    ends: bool

    @property
    def subject(self) -> tuple[str, str]:
        """Domain and name of what is needed."""
        return Container.domain, self.name


def unmet_needs(documents: Iterable[Document]) -> Iterator[Need]:
    """Needs of these documents that none of them meets: no container has the name, or it never ends."""
    known = list(documents)
    containers = {each.name: each.wanted for each in known if each.kind == _KIND}
    for need in _needs(known):
        found = containers.get(need.name)
        if found is None or (need.ends and not (isinstance(found, Container) and runs_once(found))):
            yield need


def needs_in_a_circle(documents: Iterable[Document]) -> Iterator[tuple[Document, ...]]:
    """Containers that need each other, so that none of them could start first."""
    containers = {each.name: each for each in documents if each.kind == _KIND}
    needs: dict[str, list[str]] = {name: [] for name in containers}
    for need in _needs(containers.values()):
        needs[need.document.name].append(need.name)
    for circle in cycles(needs):
        yield tuple(containers[name] for name in circle)


def _needs(documents: Iterable[Document]) -> Iterator[Need]:
    for document in documents:
        for reference in KINDS[document.kind].refers(document.wanted) if not document.is_rule else ():
            for name in reference.names if reference.is_need else ():
                yield Need(document, name, name in reference.ends)
