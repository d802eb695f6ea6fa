"""The driver at work as the controller has it: cycles over a journal, on a real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.engines.dockerd import Dockerd
from tests.engines.podman import Podman
from tests.memories import memory
from tests.until import PATIENCE_S

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.journal.journal import open_journal
from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.container import Container, Stop
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersLook
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.plan import Action, Outcome

SECOND = timedelta(seconds=1)


def container(name: str, image: str = "sleeper:1", **fields: Any) -> Container:
    """Normal, and quick to prove and to stop."""
    quick: dict[str, Any] = {"stable_for": 0.2 * SECOND, "stop": Stop(timeout=SECOND)}
    return normal(Container(name, image, **quick | fields))


class Rig:
    """An engine, a journal and the cycles between them."""

    def __init__(self, address: str, folder: Path, docker_config: str = "", owner: str = "") -> None:
        self.engine = DockerEngine(address, access=PullAccess(docker_config), owner=owner)
        self.journal = open_journal(folder / "state")
        self.said: list[Feedback] = []
        self.cycles = Cycles(Containers(), self.engine, self.journal, self._say)

    def _say(self, entry: Feedback) -> None:
        self.said.append(self.journal.say(entry))

    async def close(self) -> None:
        await self.engine.close()
        self.journal.close()

    async def converge(self, *wanted: Container) -> Ending:
        """Until it is settled or stalled; what was said before is forgotten."""
        self.said.clear()
        self.ask(*wanted)
        pause_s = 0.05
        async with asyncio.timeout(PATIENCE_S):
            while True:
                ending = await self.cycles.run(asyncio.Event())
                if isinstance(ending, Settled | Stalled):
                    return ending
                if isinstance(
                    ending, Retrying
                ):  # as a controller does: an engine that ends refuses all, and still answers
                    await asyncio.sleep(pause_s)
                    pause_s = min(3 * pause_s, 2.0)
                elif isinstance(ending, Waiting):
                    await asyncio.sleep(0.05)

    def ask(self, *wanted: Container) -> None:
        state = desired_state([Document("Container", each.name, each) for each in wanted])
        self.journal.put("desired", state, "test")

    async def follow(self) -> Ending:
        """Until something else than progress."""
        ending: Ending = Progressed()
        while isinstance(ending, Progressed):
            ending = await self.cycles.run(asyncio.Event())
        return ending

    async def settle(self, *wanted: Container) -> None:
        """Converge, find it settled, and find nothing more to do."""
        ending = await self.converge(*wanted)
        assert ending == Settled(), [(entry.kind, entry.subject, entry.message) for entry in self.said]
        before = len(self.said)
        assert await self.cycles.run(asyncio.Event()) == Settled()
        assert self.said[before:] == []

    async def seen(self, name: str) -> ContainerSeen:
        found = await self.engine.observe(ContainersLook(adopted=memory(self.journal).adopted))
        return next(each for each in found.containers if each.engine_name == name)

    async def perform(self, action: Action) -> Outcome:
        return await self.engine.perform(action, lambda message, done, total: None)

    def steps(self) -> list[str]:
        """What was done, in words: `create:web`, `stop:1234…` without ids."""
        return [entry.step.partition(":")[0] for entry in self.said if entry.kind == "step-done"]


def run_inside(dockerd: Dockerd | Podman, name: str, *command: str) -> tuple[int, str]:
    """Exit code and output of a command in a container."""
    asked: Mapping[str, object] = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True, "Tty": True}
    id_ = dockerd.api("POST", f"/containers/{name}/exec", asked)[1]["Id"]
    _, output = dockerd.api("POST", f"/exec/{id_}/start", {"Detach": False, "Tty": True})
    return dockerd.api("GET", f"/exec/{id_}/json")[1]["ExitCode"], str(output or "").strip()
