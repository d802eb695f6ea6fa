"""When something happens to a container, the engine says so; what, is seen by looking.

Whatever the engine answers, the following goes on: an engine that is away, too old or speaks nonsense may be another one soon.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import AsyncGenerator

from evenkeel.controller.drivers.docker.client import EngineClient
from evenkeel.specs.errors import DriverError

log = logging.getLogger(__name__)

_EVENTS = ("create", "start", "die", "stop", "destroy", "rename", "update", "pause", "unpause", "oom", "health_status")


async def events(client: EngineClient) -> AsyncGenerator[None, None]:
    """One for every event, and one whenever the engine was lost and is back."""
    filters = json.dumps({"type": ["container"], "event": list(_EVENTS)})
    wait_s = 0.2
    while True:
        try:
            async with client.stream("GET", "/events", {"filters": filters}) as happened:
                wait_s = 0.2
                yield
                async for _ in happened:
                    yield
        except DriverError as error:
            log.debug("events ended", extra={"fields": {"why": str(error)}})
        yield
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, 10.0)


async def was_killed(client: EngineClient, instance: str, since: int) -> bool:
    """Whether anybody had the engine kill a container since then (epoch seconds), or the engine did so by itself, as it does
    when it ends. The dates of events only say where to begin to read; a clock that was set back in between leaves nothing to
    read. Raises DriverError when the engine is away."""
    if since > time.time():
        return False
    filters = json.dumps({"type": ["container"], "event": ["kill"], "container": [instance]})
    query = {"since": str(since), "until": str(math.ceil(time.time())), "filters": filters}
    async with client.stream("GET", "/events", query, silence_s=client.timeout_s) as happened:
        async for _ in happened:
            return True
    return False
