"""The desired state: the documents of people and messages, decoded and valid, each with its place.

A state is one value over all kinds and all sources. Its digest names its content and nothing else: moving a line or a
file does not make a new revision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from evenkeel.specs.containers.container import Container, content_of
from evenkeel.specs.files.file import File
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.problem import Path, Place, Problem
from evenkeel.specs.provisioning.provisioning import Provisioning
from evenkeel.specs.registries.registry import Registry
from evenkeel.specs.slots.system import OperatingSystem


class SystemContainers(Struct, frozen=True, tag="SystemContainers"):
    """Names of containers that are never touched."""

    domain: ClassVar[str] = "containers"

    names: tuple[str, ...]


Wanted = Container | SystemContainers | File | Baseline | OperatingSystem | Registry | Provisioning
"""The normal forms of all kinds, each with the `domain` that it asks something of. The type checker holds
`specs.documents.kinds` to it; the codec needs the union itself."""
_RULES = (SystemContainers, Baseline)
"""Kinds that ask for nothing themselves: they rule how the subjects of other kinds are treated."""


@runtime_checkable
class Unique(Protocol):
    """A normal form that a device has one of, whatever its name. `belongings`: subjects of its domain that no document names,
    and that change along with it."""

    belongings: ClassVar[tuple[str, ...]]


@runtime_checkable
class Supplying(Protocol):
    """A normal form whose values are handed out to subjects of other domains. `supply`: what these values are made of; two are
    equal when the same values follow from them. `lacks`: the path below `spec` without which there never is a value of a name,
    "" where there may be one."""

    @property
    def supply(self) -> object: ...

    def lacks(self, value: str) -> str: ...


class Draft(Struct, frozen=True):
    """A wish whose source is still a tree of values: `root` is where it begins in the tree, `paths` leads from paths of
    the normal form (`resources.memory`) to paths of the tree. Without `paths` the tree's own `spec` has them."""

    kind: str
    name: str
    wanted: Wanted
    root: Path = ()
    paths: dict[str, Path] = {}


class Document(Struct, frozen=True):
    """One wish: its normal form, the begin of its document, and the lines of the values in it.

    `whole`: False for one component of a Kanto desired state. `lines` maps paths such as `resources.memory` to 1-based
    `(line, column)`; a path that is absent was filled in.
    """

    kind: str
    name: str
    wanted: Wanted
    place: Place = Place()
    lines: dict[str, tuple[int, int]] = {}
    whole: bool = True

    @property
    def is_rule(self) -> bool:
        """Whether the document asks for nothing itself, and rules how others are treated."""
        return isinstance(self.wanted, _RULES)


class Decoded(Struct, frozen=True):
    """The content of a file: its documents, and its problems in order of place. Warnings are problems, too.

    `broken`: the sound parts of documents with errors. `unread`: names of documents of which only the name is sure.
    `nameless`: there are further documents, whose names are not known. `nothing`: the places of documents that ask for
    nothing, such as a desired state without components.
    """

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()
    broken: tuple[Document, ...] = ()
    unread: tuple[str, ...] = ()
    nameless: bool = False
    nothing: tuple[Place, ...] = ()


class DesiredState(Struct, frozen=True):
    """The whole desired state of this device. Documents are in order of kind and name."""

    documents: tuple[Document, ...] = ()
    digest: str = ""

    def subjects(self) -> dict[tuple[str, str], Document]:
        """The documents that ask for something, by domain and name."""
        return {(each.wanted.domain, each.name): each for each in self.documents if not each.is_rule}

    @property
    def can_list_system_containers(self) -> bool:
        """Whether a `SystemContainers` document fits: the state asks nothing of any other domain."""
        return all(each.wanted.domain == SystemContainers.domain for each in self.documents)

    def part(self, domain: str) -> DesiredState:
        """The desired state of one domain alone."""
        return desired_state([each for each in self.documents if each.wanted.domain == domain])

    def containers(self) -> dict[str, Container]:
        """The containers that are asked for, by name: the subjects of this state. No other document's name is one."""
        return {each.name: each.wanted for each in self.documents if isinstance(each.wanted, Container)}

    def system_containers(self) -> frozenset[str]:
        """The names that are never touched."""
        lists = (each.wanted.names for each in self.documents if isinstance(each.wanted, SystemContainers))
        return frozenset(name for names in lists for name in names)


def desired_state(documents: Sequence[Document]) -> DesiredState:
    """Order the documents and name their content."""
    from hashlib import sha256  # OpenSSL behind it: a status can do without

    ordered = tuple(sorted(documents, key=lambda document: (document.kind, document.name)))
    content = content_of([(document.kind, document.name, document.wanted) for document in ordered])
    return DesiredState(ordered, sha256(content).hexdigest()[:16])


def composed(base: DesiredState | None, domain: str, part: DesiredState) -> DesiredState:
    """A state with `part` in the place of all that it asks of a domain. Where it asks nothing of others, that is `part`."""
    others = [each for each in base.documents if each.wanted.domain != domain] if base is not None else []
    return desired_state([*others, *part.documents]) if others else part


def asked_at(document: Document, path: str) -> Place:
    """The place of the value at `path`, or of the nearest value around it, or of the document."""
    while path:
        if path in document.lines:
            line, column = document.lines[path]
            return msgspec.structs.replace(document.place, line=line, column=column)
        path = path.rpartition(".")[0]
    return document.place
