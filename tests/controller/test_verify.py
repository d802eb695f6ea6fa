"""The waiting around a verdict: what is looked at first, and what a watch without a verdict means."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.virtual import run

from evenkeel.controller.verify import LookAt, watch_until_proven
from evenkeel.specs.codec import changed
from evenkeel.specs.container import Container, ExecProbe, Health
from evenkeel.specs.observed import ContainerSeen, HealthSeen
from evenkeel.specs.plan import Done, Failed, Outcome, Retry, Verify

HEALTH = Health(ExecProbe(("true",)), timedelta(seconds=10), timedelta(seconds=2), retries=3)
CONTAINER = Container("web", "web:1", stable_for=timedelta(seconds=3), health=HEALTH)
SEEN = ContainerSeen("1", "web", "web", "i", "running", CONTAINER, health="healthy")


def watched(look: LookAt) -> Outcome:
    return run(watch_until_proven(look, Verify("1", CONTAINER), lambda message, done, total: None))


def test_who_is_cut_off_is_tried_again_for_a_cause_outside() -> None:
    async def look(instance: str, check: Health | None) -> ContainerSeen:
        return changed(SEEN, cut_off="it is on no network")

    why = "it was cut off from its network while it was watched: it is on no network"
    assert watched(look) == Retry(why, outside=True)


def test_what_the_engine_counted_before_the_watch_is_no_disproof_until_the_command_has_run_again() -> None:
    def unhealthy_until(end_s: float) -> LookAt:
        async def look(instance: str, check: Health | None) -> ContainerSeen:
            health: HealthSeen = "unhealthy" if asyncio.get_running_loop().time() < end_s else "healthy"
            return changed(SEEN, health=health)

        return look

    assert watched(unhealthy_until(9)) == Done("healthy for 3 s", "1")
    assert watched(unhealthy_until(30)) == Failed("it failed its health check 3 times in a row")
