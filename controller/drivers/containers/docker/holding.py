"""Ending a container that the engine removes by itself when it ends (`docker run --rm`).

The engine removes each volume without a name that no other container has with it (measured, 20.10), and that cannot be
changed later. So a second container gets all of the volumes first: the holder, which never starts. It counts as an
instance of the same subject, from which a successor gets the volumes, and is removed when that is done. A crash in
between leaves a holder that the next look finds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.containers.docker.creation import is_name_taken
from evenkeel.controller.drivers.containers.docker.render import holder_body
from evenkeel.specs.errors import TimedOut


async def hold(client: EngineClient, held: answers.Inspected, subject: str, owner: str, word: str) -> None:
    """See that a container of `subject` has the volumes of `held`. A container with the holder's name was created by an
    earlier try; if it is another one, the volumes are not held, and the engine's message is raised as for any other
    conflict. `word` as for `create_body`."""
    name = f"{held['Name'].removeprefix('/')}.volumes"
    body = holder_body(held["Id"], held.get("Image", ""), subject, owner, word)
    try:
        await client.make("/containers/create", answers.Created, body, {"name": name})
    except EngineAnswer as conflict:
        if not is_name_taken(conflict):
            raise
        found = await client.get(f"/containers/{name}/json", answers.Inspected)
        if not _has_all(found, held):
            raise


def _has_all(holder: answers.Inspected, held: answers.Inspected) -> bool:
    """Whether `holder` has every volume that `held` has."""
    mine, theirs = (
        {mount.get("Name") for mount in each.get("Mounts") or () if mount.get("Type") == "volume"}
        for each in (holder, held)
    )
    return theirs <= mine


@asynccontextmanager
async def until_removed(client: EngineClient, found: answers.Inspected) -> AsyncIterator[None]:
    """The body makes the engine remove the container `found`. If the engine does that by itself at the container's end, this
    returns when it has finished: the engine forgets the container first and lets go of its volumes a moment later, so that
    a look does not tell. Raises TimedOut when it does not finish."""
    if not found["HostConfig"].get("AutoRemove"):
        yield
        return
    instance = found["Id"]
    async with client.stream("POST", f"/containers/{instance}/wait", {"condition": "removed"}) as said:
        yield
        try:
            async with asyncio.timeout(client.timeout_s):
                async for _ in said:
                    pass
        except TimeoutError:
            raise TimedOut(f"container:{instance}", "has ended, and the engine has not removed it yet") from None
