"""The foresight for a plan of containers beside the engine: sizes of images, and what the host lacks or has in use.

The registry of each image to be pulled is asked for its size, because an operator wants to know it before consenting.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from evenkeel.controller.cycle.domain import Foreseen
from evenkeel.reconcilers.containers.foresight import Host, foreseen, lessened, paths_of, starting
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.difference import pulls
from evenkeel.specs.containers.observed import ContainersSeen, RemoteImage, image_size
from evenkeel.specs.plan import Plan

Sizes = Callable[[Sequence[str], Callable[[str], None]], Awaitable[dict[str, RemoteImage]]]
"""The sizes of images, from their registries; images without an answer are absent. The second argument is called with
the reasons."""
Surroundings = Callable[[Sequence[str]], Host]
"""The host of the engine; the argument: paths to look for."""


async def look_around(
    sizes: Sizes, surroundings: Surroundings, plan: Plan, seen: ContainersSeen, provided: Collection[str]
) -> Foreseen[ContainersSeen]:
    """`Domain.foresee` of the containers domain."""
    unknown = [image for image in pulls(plan) if not image_size(image, seen)]
    refused: list[str] = []
    if unknown:
        seen = changed(seen, remote={**seen.remote, **await sizes(unknown, refused.append)})
    paths = [path for path in paths_of(starting(plan)) if path not in provided]
    return Foreseen(seen, foreseen(plan, seen, surroundings(paths)), (*refused, *lessened(plan, seen)))
