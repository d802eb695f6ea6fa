"""The content behind a tag: whether a tag was pushed again, and whether that content was tried before and failed.

A tag is followed with `pullPolicy: Always` only. The registry's digest then belongs to the wanted state, unless its
content was set aside because it failed: such a push counts as if it had not happened. Content is known by its image id,
and by `registry/repository@digest` once its image is gone from the engine.
"""

from __future__ import annotations

from collections.abc import Mapping

from evenkeel.reconcilers.containers.instances import is_proven, matches
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.image import parse_image
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.feedback import SetAside


def follows_tag(container: Container) -> bool:
    """Whether the present content of its tag counts. A digest always names the same content."""
    return container.pull_policy == "Always" and "@" not in container.image


def moved_digest(container: Container, seen: ContainersSeen, memory: ContainersMemory) -> str:
    """`registry/repository@digest` that the registry has under the wanted tag. "" when the tag is not followed, when the
    registry was not asked or did not answer, and when that content was tried and failed."""
    if not follows_tag(container) or container.image not in seen.remote:
        return ""
    moved = _offered(container.image, seen)
    return "" if _rejection(moved, seen, memory) is not None else moved


def has_content(instance: ContainerSeen, moved: str, seen: ContainersSeen) -> bool:
    """Whether an instance runs the content `moved`, of `moved_digest`; any content will do for ""."""
    return not moved or seen.digests.get(moved) == instance.image_id


def image_is_there(container: Container, seen: ContainersSeen, memory: ContainersMemory) -> bool:
    """Whether the container can be created without a pull."""
    moved = moved_digest(container, seen, memory)
    if moved:
        return moved in seen.digests and seen.images.get(container.image) == seen.digests[moved]
    ref = parse_image(container.image)
    if ref.digest:
        return f"{ref.registry}/{ref.repository}@{ref.digest}" in seen.digests
    return container.image in seen.images


def set_aside(
    want: ContainersWanted, seen: ContainersSeen, memory: ContainersMemory, before: Mapping[str, SetAside]
) -> dict[str, SetAside]:
    """Subjects whose tag names content that was tried and failed. `before`: the result of the look before; it stays true of a
    subject that asks for the same tag while the registry of that tag does not answer."""
    aside: dict[str, SetAside] = {}
    accepted = vindicated(want, seen, memory)
    for container, _ in want.documents:
        if not follows_tag(container) or container.name in accepted:
            continue
        image, old = container.image, before.get(container.name)
        if image in seen.remote:
            why = _rejection(_offered(image, seen), seen, memory)
            if why is not None:
                digest = seen.remote[image].digest
                text = f"{image} was pushed again, and the new content ({digest[:19]}…) failed: {why}"
                aside[container.name] = SetAside(image, text)
        elif old is not None and old.image == image:
            aside[container.name] = old
    return aside


def vindicated(want: ContainersWanted, seen: ContainersSeen, memory: ContainersMemory) -> dict[str, tuple[str, ...]]:
    """Subjects whose one instance is proven and runs content that was set aside before, with all names of that content. The
    instance was made from the tag in the engine when nothing of the content before was left: there is nothing to keep instead.
    """
    found: dict[str, tuple[str, ...]] = {}
    for container, _ in want.documents if memory.rejected else ():
        matching = [each for each in seen.containers if each.name == container.name and matches(container, each, seen)]
        contents = {each.image_id for each in matching}
        if len(contents) != 1 or not any(is_proven(each, container, memory) for each in matching):
            continue
        names = tuple(name for name in memory.rejected if {name, seen.digests.get(name)} & contents)
        if names:
            found[container.name] = names
    return found


def _offered(image: str, seen: ContainersSeen) -> str:
    ref = parse_image(image)
    return f"{ref.registry}/{ref.repository}@{seen.remote[image].digest}"


def _rejection(content: str, seen: ContainersSeen, memory: ContainersMemory) -> str | None:
    """The reason why content, `registry/repository@digest`, was set aside; `None` when it was not."""
    return memory.rejected.get(content, memory.rejected.get(seen.digests.get(content, "")))
