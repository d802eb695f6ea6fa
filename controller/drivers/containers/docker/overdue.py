"""Commands of health checks that nobody runs.

Docker has a clock of its own and runs the command of a check again and again. Podman leaves that to timers of systemd, and
where there are none, in a container or with another init, a check stays "starting" for ever. So evenkeel looks whether
results come, and has Podman run the command once a result is overdue: `GET /libpod/containers/{id}/healthcheck`, the
request behind `podman healthcheck run`. Podman counts the results either way, and the next look finds them, so that
everything else is as with results of a timer.

As for probes over the network, each look begins one run at most, beside the look. A command that only looks once, as `plan`
does, has nothing run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from evenkeel.controller.drivers.containers.docker.answers import HealthState
from evenkeel.controller.drivers.containers.docker.client import EngineClient
from evenkeel.specs.containers.container import ExecProbe, Health
from evenkeel.specs.containers.observed import ContainerSeen
from evenkeel.specs.errors import DriverError

log = logging.getLogger(__name__)


@dataclass
class _Waiting:
    """A wait for the next result of a container's check, which began at `since` (seconds of the loop's clock)."""

    newest: tuple[float, str]
    """The start of the container and the name of the newest result of its check."""
    since: float
    run: asyncio.Task[None] | None = None
    """The run that evenkeel has asked for in this wait."""


class OverdueChecks:
    """The runs of one engine's checks that its timers leave out."""

    def __init__(self, client: EngineClient, look_again: Callable[[], None]) -> None:
        """`look_again` is called when a run has changed the health of a container, and when it is time to look into a failed
        one."""
        self._client, self._look_again = client, look_again
        self._no_timers = False
        """Whether the newest result of any check came only because evenkeel had asked for it."""
        self._of: dict[str, _Waiting] = {}

    def look(self, seen: ContainerSeen) -> None:
        """Take in a look at a container, and have its check run if that is overdue: after the interval and the timeout of the
        check, in which a timer would have brought a result, or after the interval where there are no timers."""
        check = seen.container.health if seen.container is not None else None
        if check is None or not isinstance(check.probe, ExecProbe) or seen.state != "running" or seen.check is None:
            return
        now, newest = asyncio.get_running_loop().time(), (seen.started_at, seen.check.last)
        waiting = self._of.get(seen.id)
        if waiting is None or waiting.newest != newest:
            if waiting is not None and waiting.newest[0] == newest[0]:
                self._no_timers = waiting.run is not None
            waiting = self._of[seen.id] = _Waiting(newest, now)
        due = check.interval if self._no_timers else check.interval + check.timeout
        if (waiting.run is None or waiting.run.done()) and now - waiting.since >= due.total_seconds():
            waiting.since = now  # a run without a result is not repeated at once
            waiting.run = asyncio.ensure_future(self._run(seen, check))

    async def _run(self, seen: ContainerSeen, check: Health) -> None:
        path = f"/libpod/containers/{seen.id}/healthcheck"
        try:
            # Without one of the client's places, because a command may take its time.
            found = await self._client.get(path, HealthState, queues=False)
        except DriverError as error:  # the next look tells what became of the container
            log.debug("check not run", extra={"fields": {"container": seen.engine_name, "why": str(error)}})
            return
        if found.get("Status") != seen.health:
            self._look_again()
        elif found.get("FailingStreak") and seen.health != "unhealthy":
            asyncio.get_running_loop().call_later(check.interval.total_seconds(), self._look_again)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Containers that are gone are not waited for any more."""
        for id_ in [id_ for id_ in self._of if id_ not in ids]:
            waiting = self._of.pop(id_)
            if waiting.run is not None:
                waiting.run.cancel()

    async def close(self) -> None:
        """End the runs that are under way."""
        runs = [each.run for each in self._of.values() if each.run is not None]
        self._of = {}
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
