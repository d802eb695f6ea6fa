"""The changes behind a difference: for each field the old and the new text, why it matters, and where it was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.reconcilers.containers import compare
from evenkeel.reconcilers.containers.values import other_values
from evenkeel.specs.containers.container import Container, value_text, values_from
from evenkeel.specs.containers.difference import IN_PLACE
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.desired import Document, asked_at
from evenkeel.specs.plan import Change


def replacement_changes(
    container: Container, document: Document, current: ContainerSeen, moved: str, seen: ContainersSeen
) -> Iterator[Change]:
    """Every change for which `current` has to be replaced. `moved`: the content that its tag names now, or ""."""
    assert current.container is not None
    yield from field_changes(container, document, current, seen.in_place)
    yield from value_changes(container, document, current, seen)
    if moved and seen.digests.get(moved) != current.image_id and container.image == current.container.image:
        digest = moved.partition("@")[2]
        new, asked = f"{container.image} ({digest[:19]}…)", asked_at(document, "image")
        yield Change(container.name, "image", container.image, new, "the tag was pushed again", asked)
    if current.state == "dead":
        yield Change(container.name, "", "dead", "running", "the engine cannot revive it", document.place)
    if current.cut_off and not seen.reconnects:
        why = "the engine cannot put it back on its network"
        yield Change(container.name, "network", current.cut_off, container.network, why, asked_at(document, "network"))


def value_changes(
    container: Container, document: Document, current: ContainerSeen, seen: ContainersSeen
) -> Iterator[Change]:
    """The variables for which another value is handed out than `current` has, where nobody asks for another source."""
    had = values_from(current.container) if current.container is not None else ()
    for source in other_values(container, current, seen):
        if source in had:
            path = f"env.{source.variable}"
            why, asked = f"the value of {source.variable} differs", asked_at(document, path)
            yield Change(container.name, path, value_text(source), "another value", why, asked)


def field_changes(
    container: Container, document: Document, current: ContainerSeen, in_place: compare.InPlace
) -> Iterator[Change]:
    """The fields of the spec in which `current` differs from the wanted container."""
    old = current.container
    assert old is not None
    if compare.same_identity(container, old) and not compare.in_place_differs(container, old):
        return
    for field in compare.fields(old, compare.with_conduct_of(container, old)):
        changes = compare.changes_in_place(field.path, container, old, in_place)
        changes = changes and not (current.vanishes and field.path.startswith("restart."))  # as in `matches`
        why = IN_PLACE if changes else "needs a new container"
        asked = asked_at(document, field.path.partition("[")[0])
        yield Change(container.name, field.path, field.old, field.new, why, asked)
