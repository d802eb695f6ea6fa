"""Podman has no clock of its own: commands of checks are run by timers of systemd, or by evenkeel where there are none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.controller.drivers.containers.docker.rig import SECOND, Rig, container, run_inside
from tests.engines.podman import Podman
from tests.engines.scripted import Peer, Server, answer
from tests.until import PATIENCE_S

from evenkeel.controller.drivers.containers.docker.client import EngineClient
from evenkeel.controller.drivers.containers.docker.overdue import OverdueChecks
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import ExecProbe, Health, TcpProbe
from evenkeel.specs.containers.observed import CheckSeen, ContainerSeen

CHECK = Health(ExecProbe(("/bin/test", "-e", "/www/health")), interval=10 * SECOND, timeout=5 * SECOND, retries=2)


async def test_without_timers_evenkeel_has_the_engine_run_the_command(clean_podman: Podman, tmp_path: Path) -> None:
    """The check stayed "starting" for ever, so that no container with one was ever proven."""
    check = changed(CHECK, interval=SECOND / 5, timeout=SECOND / 2)
    rig = Rig(clean_podman.address, tmp_path)
    with clean_podman.without_timers():
        try:
            await rig.settle(container("web", "web:1", health=check))
            await asyncio.to_thread(run_inside, clean_podman, "web", "mv", "/www/health", "/www/sick")
            async with asyncio.timeout(PATIENCE_S):
                while (await rig.seen("web")).health != "unhealthy":  # noqa: ASYNC110 - nothing tells of it but a look
                    await asyncio.sleep(0.05)
        finally:
            await rig.close()


class Engine:
    """An engine with one container and a clock of its own, or none: `ran` has when a command was run on request."""

    def __init__(self, server: Server) -> None:
        self.client = EngineClient(server.address)
        self.looked_again = 0
        self.checks = OverdueChecks(self.client, self._look_again)
        self.ran: list[float] = []
        self.results = 0
        self.seen = ContainerSeen(
            "1",
            "web",
            "web",
            "sha256:1",
            "running",
            container("web", health=CHECK),
            health="starting",
            check=CheckSeen(),
        )
        server.reply = self._reply

    def _look_again(self) -> None:
        self.looked_again += 1

    async def _reply(self, peer: Peer) -> None:
        self.ran.append(round(asyncio.get_running_loop().time() - self.begun, 1))
        self.result()
        await peer.send(answer({"Status": "healthy", "FailingStreak": 0, "Log": []}))

    def result(self) -> None:
        self.results += 1
        self.seen = changed(self.seen, health="healthy", check=CheckSeen(str(self.results), passed=True))

    async def watch(self, seconds: float, timer_s: float = 0.0) -> None:
        """Look twice a second. `timer_s`: how often a timer brings a result."""
        self.begun = asyncio.get_running_loop().time()
        for tick in range(int(2 * seconds)):
            if timer_s and tick % int(2 * timer_s) == 0:
                self.result()
            self.checks.look(self.seen)
            await asyncio.sleep(0.5)

    async def close(self) -> None:
        await self.checks.close()
        await self.client.close()


@pytest.mark.virtual
async def test_a_command_is_run_when_no_timer_had_it_run_in_time(server: Server) -> None:
    """After the interval and the timeout at first, and then, since there are no timers, once an interval."""
    engine = Engine(server)
    await engine.watch(46)
    assert engine.ran == pytest.approx([15, 25.5, 36], abs=0.6)
    assert engine.looked_again == 1, "when it became healthy"
    await engine.close()


@pytest.mark.virtual
@pytest.mark.parametrize("timer_s", [10, 14])
async def test_nothing_is_run_where_timers_do(server: Server, timer_s: float) -> None:
    engine = Engine(server)
    await engine.watch(100, timer_s)
    assert engine.ran == []
    await engine.close()


@pytest.mark.virtual
async def test_after_a_late_timer_the_others_are_waited_for_again(server: Server) -> None:
    engine = Engine(server)
    await engine.watch(16)
    assert engine.ran == [15]
    await engine.watch(60, 12)
    assert engine.ran == [15]
    await engine.close()


@pytest.mark.virtual
@pytest.mark.parametrize(
    "other", [{"state": "exited"}, {"container": container("web", health=Health(TcpProbe(80)))}, {"check": None}]
)
async def test_nothing_is_run_for_what_has_no_command_to_run(server: Server, other: dict[str, object]) -> None:
    engine = Engine(server)
    engine.seen = changed(engine.seen, **other)
    await engine.watch(60)
    assert engine.ran == []
    await engine.close()
