"""Which volumes a container has because of its image. Pure."""

from __future__ import annotations

from evenkeel.controller.drivers.docker import answers
from evenkeel.controller.drivers.docker.render import NAME_LABEL
from evenkeel.reconcilers.containers.volumes import tidy


def volumes_of(inspected: answers.Inspected, image_config: answers.Config) -> tuple[tuple[str, str], ...]:
    """The places and volumes that a container has because of its image. evenkeel asks for no others; of a container of
    somebody else's they are those at places that its image declares. One that cannot be written to is none of these."""
    is_ours = NAME_LABEL in (inspected["Config"].get("Labels") or {})
    declared = {tidy(place) for place in image_config.get("Volumes") or ()}
    return tuple(
        sorted(
            (mount["Destination"], mount.get("Name", ""))
            for mount in inspected.get("Mounts") or ()
            if mount.get("Type") == "volume" and mount.get("Name") and mount.get("RW", True)
            if is_ours or tidy(mount["Destination"]) in declared
        )
    )
