"""Claims that two documents make to what only one may have: a path, or a port of the host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.host_ports import taken_twice
from evenkeel.specs.desired import Document
from evenkeel.specs.documents.kinds import KINDS
from evenkeel.specs.documents.reference import Claim


class Clash(NamedTuple):
    """`one` claims what is `other`'s. `around`: of a path inside that of `other`, the path of that one; else the same."""

    one: Document
    other: Document
    claim: Claim
    around: Claim

    @property
    def text(self) -> str:
        """The thing that both claim, as in `the path /etc/app.conf`."""
        return f"the {self.around.path} {self.around.value}" if self.around.path else self.around.value


def claimed_twice(documents: Iterable[Document]) -> Iterator[Clash]:
    """Claims that two documents of a kind make, and paths of one inside that of another."""
    first: dict[tuple[str, Claim], Document] = {}
    for document in documents:
        for claim in KINDS[document.kind].claims(document.wanted):
            other = first.setdefault((document.kind, claim), document)
            if other is not document:
                yield Clash(document, other, claim, claim)
    for (kind, claim), document in first.items():
        outer = next((each for each in _around(claim) if (kind, each) in first), None)
        if outer is not None:
            yield Clash(document, first[kind, outer], claim, outer)


def ports_claimed_twice(documents: Iterable[Document]) -> Iterator[Clash]:
    """Ports of the host that two containers ask for."""
    containers = ((each, each.wanted) for each in documents if isinstance(each.wanted, Container))
    claims = [(each, port) for each, container in containers for port in container.ports]
    for one, other, port in taken_twice(claims):
        if one is not other:
            claim = Claim("host port", f"{port.host_port}/{port.protocol}")
            yield Clash(one, other, claim, claim)


def _around(claim: Claim) -> Iterator[Claim]:
    """The claims to the folders on the way to a path, the nearest first."""
    folder = claim.value.rpartition("/")[0] if claim.is_whole else ""
    while folder:
        yield claim._replace(value=folder)
        folder = folder.rpartition("/")[0]
