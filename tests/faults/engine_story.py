"""One update of one container on a real engine, beside another container and one of somebody else, with one fault on its way.

The controller's cycles run in this process, on a journal and a driver of their own; the proxy between them and the engine
disturbs one request. What must hold is asked of the engine itself: the update converges without help, there is never a moment
without an instance of the container, and whatever the update is not about runs on untouched.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.controller.drivers.docker.rig import Rig, container
from tests.engines.dockerd import Dockerd
from tests.engines.engine_faults import Fault
from tests.engines.proxy import Proxy
from tests.until import PATIENCE_S

from evenkeel.controller.cycle import Cycles
from evenkeel.controller.drivers.docker import DockerEngine
from evenkeel.controller.endings import Settled, Stalled
from evenkeel.reconcilers.containers import Containers

CALL_TIMEOUT_S = 2.0
"""For an engine that never answers; a call that is due takes less than a tenth of it."""


class Story:
    """`web` goes from one image to another and back, time and again; `db` and `stranger` stand beside it."""

    def __init__(
        self, dockerd: Dockerd, proxy: Proxy, folder: Path, images: tuple[str, str], docker_config: str
    ) -> None:
        self._dockerd, self.proxy, self._images = dockerd, proxy, images
        self.rig = Rig(proxy.address, folder)
        self.rig.engine = DockerEngine(proxy.address, docker_config=docker_config, call_timeout_s=CALL_TIMEOUT_S)
        self.rig.cycles = Cycles(Containers(), self.rig.engine, self.rig.journal, self.rig._say)
        self._turn, self._last_seq = 0, 0
        self._beside: dict[str, tuple[str, str]] = {}

    async def begin(self) -> None:
        self._dockerd.run("stranger", "sleeper:1")
        await self._update()
        self._last_seq = max(entry.seq for entry in self.rig.said)
        self._beside = {name: self._identity(name) for name in ("db", "stranger")}

    async def requests(self) -> list[str]:
        """What one undisturbed update asks, in order."""
        self.proxy.asked.clear()
        await self._update()
        self._check_numbers()
        return [asked for asked in self.proxy.asked if asked != "GET /events"]

    async def disturbed(self, number: int, fault: Fault, only: str = "") -> str:
        """One update with a fault at the request of this number; the request that it happened to, "" when there was none."""
        self.proxy.arm(number, fault, only)
        absent = asyncio.Event()
        watching = asyncio.ensure_future(asyncio.to_thread(self._watch, absent))
        try:
            await self._update()
        finally:
            absent.set()
            gaps = await watching
        assert gaps == 0, "there was a moment without an instance"
        self._check_numbers()
        assert {name: self._identity(name) for name in self._beside} == self._beside, "it is not about these"
        states = self._dockerd.containers()
        assert states == {"web": "running", "db": "running", "stranger": "running"}
        assert self._dockerd.inspect("web")["Config"]["Image"].endswith(self._images[self._turn % 2])
        return self.proxy.met or ""

    async def _update(self) -> None:
        """To the other image, until nothing is left to do. A revision that fails, or that nothing more is tried for, is wrong:
        no fault here is the fault of the spec."""
        self._turn += 1
        for name in self._pulled():
            self._dockerd.api("DELETE", f"/images/{name}", force=True)
        ending = await self.rig.converge(container("web", self._images[self._turn % 2]), container("db"))
        async with asyncio.timeout(PATIENCE_S):
            while ending != Settled() and not isinstance(
                ending, Stalled
            ):  # what was replaced is removed a little later
                await asyncio.sleep(0.05)
                ending = await self.rig.cycles.run(asyncio.Event())
        said = [(entry.kind, entry.subject, entry.message) for entry in self.rig.said]
        assert ending == Settled(), (self.proxy.met, ending, said)
        assert not [each for each in said if each[0] in ("revision-failed", "rolling-back")], (self.proxy.met, said)

    def _pulled(self) -> list[str]:
        """The image that is asked for next, if it comes from a registry: it is pulled anew each time."""
        image = self._images[self._turn % 2]
        return [image] if "/" in image else []

    def _watch(self, ended: asyncio.Event) -> int:
        """How often there was no instance of `web`."""
        gaps = 0
        while not ended.is_set():
            gaps += not any(name.partition(".")[0] == "web" for name in self._dockerd.containers())
        return gaps

    def _identity(self, name: str) -> tuple[str, str]:
        found = self._dockerd.inspect(name)
        return found["Id"], found["State"]["StartedAt"]

    def _check_numbers(self) -> None:
        """Feedback is numbered without a gap; `said` holds what the last update said."""
        numbers = [entry.seq for entry in self.rig.said]
        assert numbers == list(range(self._last_seq + 1, self._last_seq + 1 + len(numbers)))
        self._last_seq = numbers[-1]
