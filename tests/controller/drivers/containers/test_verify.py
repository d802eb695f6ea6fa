"""The waiting around a verdict: what is looked at first, and what a watch without a verdict means."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count

import pytest
from tests.virtual import run

from evenkeel.controller.drivers.containers.verify import Life, LookAt, watch_until_proven
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Verify
from evenkeel.specs.containers.container import Container, ExecProbe, Health, Restart, RestartPolicy
from evenkeel.specs.containers.observed import ContainerSeen, HealthSeen
from evenkeel.specs.plan import Done, Failed, Outcome, Retry

HEALTH = Health(ExecProbe(("true",)), timedelta(seconds=10), timedelta(seconds=2), retries=3)
CONTAINER = Container("web", "web:1", stable_for=timedelta(seconds=3), health=HEALTH)
SEEN = ContainerSeen("1", "web", "web", "i", "running", CONTAINER, health="healthy")


def watched(
    look: LookAt, wanted: Container = CONTAINER, *, life: Life = lambda: 0, was_killed: bool = False
) -> Outcome:
    async def told() -> bool:
        return was_killed

    return run(watch_until_proven(look, Verify("1", wanted), lambda message, done, total: None, life, told))


@pytest.mark.parametrize("policy", ["no", "on-failure"])
@pytest.mark.parametrize("exit_code", [0, 7])
def test_an_end_decides_only_when_it_was_its_own(policy: RestartPolicy, exit_code: int) -> None:
    """A server that is told to stop ends with exit code 0, whoever tells it."""
    wanted = changed(CONTAINER, health=None, restart=Restart(policy, max_retries=1))
    lives = count()

    async def look(instance: str, check: Health | None) -> ContainerSeen:
        is_up = asyncio.get_running_loop().time() < 1
        ended = changed(SEEN, state="exited", exit_code=exit_code, restart_count=1)
        return changed(SEEN, container=wanted, restart_count=1) if is_up else changed(ended, container=wanted)

    why = f"it ended with exit code {exit_code}"
    assert watched(look, wanted) == (Failed(why) if exit_code else Done(why, "1"))
    killed = Retry(f"{why}; but it was killed through its engine while it was watched", outside=True)
    assert watched(look, wanted, was_killed=True) == killed
    again = Retry(f"{why}; but its engine was restarted while it was watched", outside=True)
    assert watched(look, wanted, life=lambda: next(lives)) == again


def test_with_a_check_an_end_is_no_proof() -> None:
    async def look(instance: str, check: Health | None) -> ContainerSeen:
        return changed(SEEN, state="exited", health="", container=wanted)

    wanted = changed(CONTAINER, restart=Restart("no"))
    assert watched(look, wanted) == Failed("it ended with exit code 0 before its health check had proven it")


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
