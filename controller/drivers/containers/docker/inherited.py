"""Labels of evenkeel's that a container has from its image: they do not tell its creator.

An engine copies the labels of a container into an image that is made of it (`docker commit`, to look for a mistake),
and the labels of an image into each container of it. So a container that has evenkeel's labels exactly as its image has
them did not get them from evenkeel, and is shown without them. A container that evenkeel creates from such an image
differs from it in the label of the instance. Versions of evenkeel before that label made containers that may be equal
to their image; these are told by their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from evenkeel.controller.drivers.containers.docker.answers import ContainerEntry, ImageEntry, Inspected
from evenkeel.controller.drivers.containers.docker.render import INSTANCE_LABEL, NAME_LABEL, OUR_LABELS
from evenkeel.reconcilers.containers.naming import engine_name, is_given

_Labels = Mapping[str, str]


class Inheritance:
    """The labels of evenkeel's that images of one engine have. Those of an image that is gone are known for as long as a
    container of it is there."""

    def __init__(self) -> None:
        self._of_images: dict[str, _Labels] = {}

    def learn(self, entries: Sequence[ContainerEntry], images: Sequence[ImageEntry]) -> None:
        """Take over the lists of a look."""
        found = {image["Id"]: _ours(image.get("Labels")) for image in images}
        in_use = {entry.get("ImageID", "") for entry in entries}
        kept = {id_: labels for id_, labels in self._of_images.items() if id_ in in_use}
        self._of_images = kept | {id_: labels for id_, labels in found.items() if labels}

    def entry(self, entry: ContainerEntry) -> ContainerEntry:
        """An entry of the container list without inherited labels."""
        labels, names = entry.get("Labels") or {}, entry.get("Names") or ()
        return {**entry, "Labels": self._own(labels, names, entry.get("ImageID", ""))}

    def inspected(self, found: Inspected) -> Inspected:
        """An inspection without inherited labels."""
        labels = found["Config"].get("Labels") or {}
        own = self._own(labels, [found["Name"]], found.get("Image", ""))
        return {**found, "Config": {**found["Config"], "Labels": own}}

    def _own(self, labels: _Labels, names: Iterable[str], image: str) -> dict[str, str]:
        ours = _ours(labels)
        is_inherited = bool(ours) and ours == self._of_images.get(image)
        if is_inherited and INSTANCE_LABEL not in ours:
            plain = engine_name(ours.get(NAME_LABEL, ""))
            is_inherited = not any(is_given(plain, name.removeprefix("/")) for name in names)
        return {name: value for name, value in labels.items() if not (is_inherited and name in ours)}


def are_all_known(entries: Sequence[ContainerEntry], images: Sequence[ImageEntry]) -> bool:
    """Whether the image of each container with labels of evenkeel's is listed. An image may have been made since the
    list."""
    known = {image["Id"] for image in images}
    return all(entry.get("ImageID") in known for entry in entries if _ours(entry.get("Labels")))


def _ours(labels: _Labels | None) -> dict[str, str]:
    return {name: value for name, value in (labels or {}).items() if name in OUR_LABELS}
