"""The volumes that a container has because of its image, and its other volumes. Pure."""

from __future__ import annotations

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.render import HOLDS_LABEL, NAME_LABEL
from evenkeel.reconcilers.containers.volumes import tidy


def volumes_of(inspected: answers.Inspected, image_config: answers.Config) -> tuple[tuple[str, str], ...]:
    """The places and volumes that a container has because of its image. evenkeel asks for no others. For a container of
    others they are those at places that its image declares and that can be written to."""
    asks_for_all = has_our_volumes(inspected)
    declared = {tidy(place) for place in image_config.get("Volumes") or ()}
    return tuple(
        sorted(
            (mount["Destination"], mount.get("Name", ""))
            for mount in inspected.get("Mounts") or ()
            if mount.get("Type") == "volume" and mount.get("Name") and mount.get("RW", True)
            if asks_for_all or tidy(mount["Destination"]) in declared
        )
    )


def other_volumes_of(inspected: answers.Inspected, image_config: answers.Config) -> tuple[tuple[str, str], ...]:
    """The places and names of the other volumes of a container of somebody else's; its successor does not have them."""
    because_of_image = {place for place, _ in volumes_of(inspected, image_config)}
    return tuple(
        sorted(
            (mount["Destination"], mount.get("Name", ""))
            for mount in inspected.get("Mounts") or ()
            if mount.get("Type") == "volume" and mount.get("Name") and mount["Destination"] not in because_of_image
        )
    )


def has_our_volumes(inspected: answers.Inspected) -> bool:
    """Whether evenkeel has given a container its volumes. A holder has the volumes of its container, which may be
    somebody else's."""
    labels = inspected["Config"].get("Labels") or {}
    return NAME_LABEL in labels and HOLDS_LABEL not in labels
