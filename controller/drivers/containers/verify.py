"""Watch a started container until its health is proven or disproven.

The verdict is `reconcilers.containers.health.judge`, a pure fold; here is only the waiting. Drivers give a function that
looks at one instance, because only they know how to probe it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from evenkeel.reconcilers.containers.health import Watch, judge, look_again_after
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.containers.actions import Verify
from evenkeel.specs.containers.container import Health, longest_proof, runs_once
from evenkeel.specs.containers.observed import ContainerSeen
from evenkeel.specs.plan import Done, Failed, Outcome, Retry

Life = Callable[[], int]
"""The life of the engine: another number after it ended and came back."""
WasKilled = Callable[[], Awaitable[bool]]
"""Whether the watched container has ended and was killed through its engine: on request, or because the engine
ended."""
LookAt = Callable[[str, Health | None], Awaitable[ContainerSeen | None]]
"""One look at one instance, by id or engine name, with this check probed; `None` when it is not there."""


async def watch_until_proven(
    look: LookAt, action: Verify, progress: Progress, life: Life, was_killed: WasKilled
) -> Outcome:
    """`Done` with the reason of the proof, `Failed` with that of the disproof, or `Retry` when what happened says nothing;
    bounded by `longest_proof`. An end proves or disproves only when it was the container's own: an engine that ended meanwhile
    has ended its containers, too, and many a server that is told to stop ends with exit code 0."""
    loop = asyncio.get_running_loop()
    container = action.container
    seen = await look(action.instance, container.health)
    began_in = life()
    restarts, is_unhealthy = (seen.restart_count, seen.health == "unhealthy") if seen is not None else (0, False)
    watch = Watch(since=loop.time(), restarts=restarts, began_unhealthy=is_unhealthy)
    once = runs_once(container)
    total = max(int((longest_proof(container) if once else container.stable_for).total_seconds()), 1)
    while True:
        watch, verdict = judge(container, watch, seen, loop.time())
        if verdict is not None and verdict.proven is None:
            return Retry(verdict.why, outside=True)
        if verdict is not None:
            if not verdict.proven or (seen is not None and seen.state == "exited"):
                if life() != began_in:
                    return Retry(f"{verdict.why}; but its engine was restarted while it was watched", outside=True)
                if await was_killed():
                    why = "but it was killed through its engine while it was watched"
                    return Retry(f"{verdict.why}; {why}", outside=True)
            instance = seen.id if seen is not None else ""
            return Done(verdict.why, instance) if verdict.proven else Failed(verdict.why)
        if loop.time() - watch.since > longest_proof(container).total_seconds():
            return Failed("no verdict about its health in time")
        since = watch.since if once else watch.good_since
        good_s = loop.time() - since if since is not None else 0
        progress("waiting for its end" if once else "watching its health", min(int(good_s), total), total)
        await asyncio.sleep(look_again_after(container, loop.time() - watch.since))
        seen = await look(action.instance, container.health)
