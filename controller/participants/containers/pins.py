"""The content of images that an activity means. It has precedence over a look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.specs.codec import changed
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersLook, ContainersSeen, RemoteImage


class ImagePins(NamedTuple):
    """`pinned`: references → digests that replace the registry's answer ("" takes any content). `fallback`: references
    → digests that serve when the registry does not answer. `rejected`: ids of images that are not meant."""

    pinned: Mapping[str, str] = {}
    fallback: Mapping[str, str] = {}
    rejected: tuple[str, ...] = ()


def named(digests: Mapping[str, str]) -> dict[str, RemoteImage]:
    """Digests in the form of a registry's answers."""
    return {image: RemoteImage(digest) for image, digest in digests.items() if digest}


def unpinned(look: ContainersLook, pins: ImagePins) -> ContainersLook:
    """A look that asks no registry about pinned images."""
    return changed(look, images=tuple(image for image in look.images if image not in pins.pinned))


def as_pinned(seen: ContainersSeen, pins: ImagePins) -> ContainersSeen:
    """The observation, with the pins in place of the registries' answers."""
    return changed(seen, remote={**named(pins.fallback), **seen.remote, **named(pins.pinned)})


def with_rejected(memory: ContainersMemory, pins: ImagePins) -> ContainersMemory:
    """The memory, with the rejected images among those that failed."""
    return changed(memory, rejected={**memory.rejected, **dict.fromkeys(pins.rejected, "not what was there")})
