"""A device for cycles: a journal, the memory engine and a controller that can be started anew, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.virtual import now

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Ending, Progressed, Settled
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine
from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.plan import Action, Outcome


def container(name: str, image: str = "", **fields: Any) -> Container:
    return normal(Container(name, image or f"{name}:1", **fields))


def asking(*containers: Container) -> DesiredState:
    return desired_state([Document("Container", each.name, each) for each in containers])


class Device:
    """A journal, an engine and a controller that can be started anew."""

    def __init__(self, state: Path, catalogue: dict[str, Image]) -> None:
        self.engine = MemoryEngine({f"docker.io/library/{ref}": image for ref, image in catalogue.items()}, now=now)
        self.state = state
        self.journal: Journal = open_journal(state, now)
        self.stopping = asyncio.Event()
        self.containers = Containers(("system",))
        self.start()

    def start(self) -> None:
        self.cycles = Cycles(self.containers, self.engine, self.journal, self._say, tries=3, now=now)

    def _say(self, feedback: Feedback) -> None:
        self.journal.say(feedback)

    def lose_journal(self) -> None:
        self.journal.close()
        self.state = self.state.with_name(f"{self.state.name}-new")
        self.journal = open_journal(self.state, now)
        self.start()

    def ask(self, *containers: Container) -> DesiredState:
        state = asking(*containers)
        self.journal.put("desired", state, "files")
        return state

    async def cycle(self) -> Ending:
        return await self.cycles.run(self.stopping)

    async def follow(self) -> Ending:
        """Until something else than progress."""
        for _ in range(100):
            ending = await self.cycle()
            if not isinstance(ending, Progressed):
                return ending
        raise AssertionError("endless progress")

    async def reach(self, *containers: Container) -> DesiredState:
        state = self.ask(*containers)
        assert isinstance(await self.follow(), Settled)
        return state

    def conditions(self) -> dict[str, Condition]:
        return {condition.name: condition for condition in self.journal.conditions()}

    def settled(self) -> tuple[bool, str]:
        condition = self.conditions()["Settled"]
        return condition.holds, condition.reason

    def said(self, *kinds: str) -> list[tuple[str, str]]:
        return [(entry.kind, entry.message) for entry in self.journal.entries() if not kinds or entry.kind in kinds]

    def running(self) -> dict[str, str]:
        return {name: image.removeprefix("docker.io/library/") for name, image in self.engine.running().items()}

    def fail(self, outcome: Outcome, action: type[Action], times: int = 10**9) -> list[Action]:
        """Script failures; the list grows by every action that failed."""
        failed: list[Action] = []

        def script(performed: Action) -> Outcome | None:
            if isinstance(performed, action) and len(failed) < times:
                failed.append(performed)
                return outcome
            return None

        self.engine.script.failures.append(script)
        return failed

    def written(self) -> dict[str, bytes]:
        """What is on the disk; the index of the log is shared memory."""
        return {file.name: file.read_bytes() for file in self.state.iterdir() if not file.name.endswith("-shm")}


Work = Callable[[Device], Coroutine[Any, Any, None]]
OnDevice = Callable[..., None]
