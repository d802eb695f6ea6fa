"""The foresight for a plan of containers beside the engine: sizes of images, and what the host lacks or has in use.

The registry of each image to be pulled is asked for its size, because an operator wants to know it before consenting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from evenkeel.controller.cycle.domain import Foreseen, Groundwork
from evenkeel.reconcilers.containers.foresight import Host, foreseen, lessened, paths_of, starting
from evenkeel.reconcilers.counted import listed
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.difference import pulls
from evenkeel.specs.containers.observed import ContainersSeen, RemoteImage, image_size
from evenkeel.specs.plan import Plan, is_fetched_from

Sizes = Callable[[Sequence[str], Callable[[str], None]], Awaitable[dict[str, RemoteImage]]]
"""The sizes of images, from their registries; images without an answer are absent. The second argument is called with
the reasons."""
Surroundings = Callable[[Sequence[str]], Host]
"""The host of the engine; the argument: paths to look for."""


async def look_around(
    sizes: Sizes, surroundings: Surroundings, plan: Plan, seen: ContainersSeen, groundwork: Groundwork
) -> Foreseen[ContainersSeen]:
    """`Domain.foresee` of the containers domain. A registry that is about to be opened is asked with what is in force now.
    Where that does not let this device in, the reason says nothing of what is asked for, and is not told."""
    refused: list[str] = []

    async def ask(images: Sequence[str], tell: Callable[[str], None]) -> dict[str, RemoteImage]:
        return await sizes(images, tell) if images else {}

    unknown = [image for image in pulls(plan) if not image_size(image, seen)]
    closed = [image for image in unknown if any(is_fetched_from(image, place) for place in groundwork.places)]
    known, early = await asyncio.gather(
        ask([image for image in unknown if image not in closed], refused.append), ask(closed, lambda why: None)
    )
    seen = changed(seen, remote={**seen.remote, **known, **early})
    if silent := [image for image in closed if image not in early]:
        refused.append(f"the size of {listed(silent)} is not known before this plan has put its registry in force")
    paths = [path for path in paths_of(starting(plan)) if path not in groundwork.paths]
    return Foreseen(seen, foreseen(plan, seen, surroundings(paths)), (*refused, *lessened(plan, seen)))
