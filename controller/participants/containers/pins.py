"""The content of images that an activity means. An activity knows it better than a look does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.specs.codec import changed
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersLook, ContainersSeen, RemoteImage


class ImagePins(NamedTuple):
    """`pinned`: references → the digests that are meant, which replace the registry's answer ("" takes any content).
    `fallback`: the same for when the registry does not answer. `rejected`: ids of images that are not meant."""

    pinned: Mapping[str, str] = {}
    fallback: Mapping[str, str] = {}
    rejected: tuple[str, ...] = ()


def named(digests: Mapping[str, str]) -> dict[str, RemoteImage]:
    """As if a registry had said so."""
    return {image: RemoteImage(digest) for image, digest in digests.items() if digest}


def unpinned(look: ContainersLook, pins: ImagePins) -> ContainersLook:
    """A look that asks no registry about what is pinned."""
    return changed(look, images=tuple(image for image in look.images if image not in pins.pinned))


def as_pinned(seen: ContainersSeen, pins: ImagePins) -> ContainersSeen:
    """The observation, with the pins in place of the registries' answers."""
    return changed(seen, remote={**named(pins.fallback), **seen.remote, **named(pins.pinned)})


def with_rejected(memory: ContainersMemory, pins: ImagePins) -> ContainersMemory:
    """The memory, with the rejected images among those that failed."""
    return changed(memory, rejected={**memory.rejected, **dict.fromkeys(pins.rejected, "not what was there")})
