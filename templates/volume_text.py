"""The consequences of a plan for the volumes of an image, in sentences. No spec asks for them, so they are printed
whenever a container is replaced or removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from evenkeel.specs.containers.difference import VolumeFate
from evenkeel.specs.visible import one_line


def volume_texts(volumes: Sequence[VolumeFate]) -> Iterator[tuple[str, bool]]:
    """The volumes that are carried over, those that stay behind with their places, and those that are removed; each
    with whether it is a loss."""
    if carried := _places(volumes, "carried"):
        yield f"data at {carried} carried over", False
    for each in volumes:
        if each.fate == "left":
            volume = one_line(each.volume)
            yield (
                f"data at {one_line(each.place)} stay in volume {volume} (docker volume rm {volume} deletes them)",
                False,
            )
    if removed := _places(volumes, "removed"):
        yield f"data at {removed} deleted (imageVolumes: discard)", True


def _places(volumes: Iterable[VolumeFate], fate: str) -> str:
    return ", ".join(dict.fromkeys(one_line(each.place) for each in volumes if each.fate == fate))
